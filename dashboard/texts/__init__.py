"""All words of the page, one folder a language and in it one file a page.

A file is a YAML mapping; nested keys are joined by full stops (`ask: {send: Ask}` is `ask.send`). A page's keys begin
with its name, so its file is its own. Fields stand in braces: `"{count} votes"`. Every language has the same keys with
the same fields; a test holds them to it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import yaml

from stacker.judge.explain.wording import Language as Language
from stacker.judge.explain.wording import group_name

FOLDER = Path(__file__).parent
LANGUAGES: dict[Language, str] = {"en": "English", "zh-Hant": "繁體中文"}
"""Each language's code, and its name as its speakers write it."""


class Say(Protocol):
    """Gives a text in one language."""

    def __call__(self, key: str, /, **fields: Any) -> str:
        """Return the text of a key with its fields filled in."""


class Texts:
    """The texts of one of `LANGUAGES`; call it with a key."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.entries = _entries(language)

    def __call__(self, key: str, /, **fields: Any) -> str:
        """Return the text of a key with its fields filled in.

        Raises
        ------
        KeyError
            When the key or one of its fields is missing: a fault of the program, never of the reader.
        """
        return self.entries[key].format(**fields)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def style_name(self, name: str) -> str:
        """Return what a style is called: the built-in ones in this language, others as params.yaml names them."""
        return self.entries.get(f"style.{name}", name)

    def form_name(self, title: str) -> str:
        """Return what a form of votes is called, by its title in English; by that where it has no name here."""
        return self.entries.get(f"file.form_name.{title}", title)

    def group_name(self, name: str) -> str:
        """Return what a group of features is called: as its block says, or as here; else by its own name."""
        return group_name(name, self.language) or self.entries.get(f"group.{name}", name)

    def language_name(self, code: str) -> str:
        """Return what a language is called, by its code (`en`, `zh`, `zh-Hant`); an unknown code as it is."""
        return self.entries.get(f"language.{code}") or self.entries.get(f"language.{code.partition('-')[0]}", code)


def best_language(accepted: str) -> Language:
    """Return the language for a browser's Accept-Language header; any Chinese is answered in Traditional Chinese."""
    wishes = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.partition(";")
        try:
            wish = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        wishes.append((-wish, place, name.strip().lower()))
    for wish, _, name in sorted(wishes):
        main = name.partition("-")[0]
        if wish < 0 and main in ("en", "zh"):
            return "zh-Hant" if main == "zh" else "en"
    return "en"


@cache
def _entries(language: Language) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.yaml")):
        for key, text in _flat(yaml.safe_load(path.read_text(encoding="utf-8")), ""):
            if key in found:
                raise ValueError(f"{path}: {key} stands in another file too")
            found[key] = text
    return found


def _flat(content: Mapping[Any, Any], prefix: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in content.items():
        key = f"{prefix}{name}"
        rows += _flat(value, f"{key}.") if isinstance(value, dict) else [(key, str(value))]
    return rows

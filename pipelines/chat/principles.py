"""Principles that answers are judged and revised by: those of this project, or a constitution of the user's own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import UserError, shown
from pipelines.files.plain_yaml import plain_yaml, yaml_fault
from pipelines.files.saved_files import Name

BUILT_IN = Path(__file__).with_name("principles.yaml")
MOST = 32
"""Principles of a constitution; each costs two questions a battle."""
MOST_BYTES = 200_000


class Principle(BaseModel):
    """One principle.

    Attributes
    ----------
    name : str
        What it is called in settings and tables.
    question : str
        What a judge is asked of two responses.
    critique : str
        What a critic is asked of one; "" has the critic asked how it falls short of the question.
    wording : dict of str to str
        What it is called in explanations, by language; the question stands in where there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    question: str = Field(min_length=3, max_length=2000)
    critique: str = Field("", max_length=2000)
    wording: dict[str, str] = Field(default_factory=dict)

    def said(self, language: str = "en") -> str:
        """Return what it is called in a language."""
        return self.wording.get(language) or self.wording.get("en") or self.question


def built_in_names() -> list[str]:
    """Return the names of the principles of this project."""
    return list(_read(BUILT_IN))


def read_principles(names: Sequence[str], path: Path | None = None) -> tuple[Principle, ...]:
    """Return principles by name, or all of a file where none is named.

    Parameters
    ----------
    names : sequence of str
        Those that are wanted.
    path : Path or None
        A YAML file of the form of `principles.yaml` here, or with a question for each name; None is that one.

    Raises
    ------
    UserError
        When the file cannot be read, or a principle is not as it must be, or not there.
    """
    there = _read(path or BUILT_IN)
    if path is not None and not names:
        return tuple(there.values())
    for name in names:
        if name not in there:
            known = shown(", ".join(there), 300)
            raise UserError(f"principles: {shown(name)} is none of {path or 'the built-in ones'}; there are {known}.")
    return tuple(there[name] for name in dict.fromkeys(names))


def _read(path: Path) -> dict[str, Principle]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path}: has more than {MOST_BYTES:,} bytes; name a YAML file of principles.")
        held: Any = plain_yaml(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror}); name a YAML file of principles.") from fault
    except UserError:
        raise
    except UnicodeDecodeError as fault:
        raise UserError(f"{path}: is not UTF-8 text; save it as UTF-8.") from fault
    except yaml.YAMLError as fault:
        raise UserError(yaml_fault(fault, str(path))) from fault
    if not isinstance(held, Mapping) or not held or len(held) > MOST:
        raise UserError(f"{path}: must hold 1 to {MOST} principles, a name and its question each (`kind: Which ...?`).")
    found = {}
    for name, entry in held.items():
        content = {"question": entry} if isinstance(entry, str) else entry
        if not isinstance(content, Mapping):
            raise UserError(f"{path}: principle {shown(name)} holds no question; write `{shown(name)}: Which ...?`.")
        try:
            found[str(name)] = Principle.model_validate({"name": str(name), **content})
        except ValidationError as fault:
            first = fault.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UserError(f"{path}: principle {shown(name)}, {where}: {first['msg'][:120].lower()}.") from fault
    return found

"""One battle as a form of votes gives it, what may be wrong with a row, and what rows name alike: ids and models."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pipelines.battles.table import UNLABELLED
from pipelines.battles.texts import storable
from pipelines.formats.chinese_names import chinese_column

IDS = ("id", "question_id", "battle_id", "prompt_id", "uuid")
"""Names that the id has in the files, the first that a row has is taken."""
ANNOTATORS = ("annotator", "annotator_id", "session", "judge", "judge_hash", "user_id", "visitor_id", "worker")
"""Names of who voted, the first that a row has is taken; `judge` is the Arena's, and the dashboard's exports have
`session` for it."""
LANGUAGES = ("lang", "language")
_MISSING = ("", "nan", "null", "none", "n/a", "<na>")
_MOST_NAME = 1000
"""Characters of a model's or a person's name; who has more is no name."""


class UnknownWinnerError(ValueError):
    """A vote of an unknown spelling: its column, and what stands there; to skip such rows would bend the outcomes."""


class BadRecordError(ValueError):
    """Why a row is not a battle; the text is part of a sentence about the row."""


class NoVoteError(BadRecordError):
    """The row may be a battle, but nobody voted on it."""


class Vote(NamedTuple):
    """What somebody said of two answers.

    Attributes
    ----------
    outcome : int
        0, 1 or 2: the first answer, the second, or a tie; `UNLABELLED` where nobody voted.
    both_bad : bool
        Whether the tie says that both are bad.
    weight : float
        How far the vote counts; graded ones count by their grade, 1 in the mean.
    """

    outcome: int
    both_bad: bool = False
    weight: float = 1.0


NO_VOTE = Vote(UNLABELLED)
Texts = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""The turns of a prompt and of its two answers."""


@dataclass(frozen=True)
class Record:
    """One battle as it was read, with what is wrong where it was rescued ("" otherwise); its id may be ""."""

    id: str
    prompt: tuple[str, ...]
    response_a: tuple[str, ...]
    response_b: tuple[str, ...]
    model_a: str = ""
    model_b: str = ""
    outcome: int = UNLABELLED
    lang: str = ""
    trouble: str = ""
    both_bad: bool = False
    annotator: str = ""
    weight: float = 1.0


def record(
    texts: Texts,
    vote: Vote,
    name: str = "",
    models: tuple[Any, Any] = ("", ""),
    annotator: Any = "",
    lang: Any = "",
    trouble: str = "",
) -> Record:
    """Make a record of what a form found; names are taken as they stand in the file."""
    named = (name_of(models[0]), name_of(models[1]))
    who = name_of(annotator) if vote.outcome != UNLABELLED else ""
    return Record(
        name,
        *texts,
        *named,
        outcome=vote.outcome,
        lang=name_of(lang),
        trouble=trouble,
        both_bad=vote.both_bad,
        annotator=who,
        weight=vote.weight,
    )


def vote_of(find: Callable[[], Vote], labelled: bool | None) -> Vote:
    """Return the vote that `find` finds.

    Parameters
    ----------
    find : callable
        Raises `NoVoteError` where there is none, `BadRecordError` or `UnknownWinnerError` where it cannot be told.
    labelled : bool or None
        Whether there must be one. Where False, what cannot be told is none; where None, what is not there.
    """
    try:
        return find()
    except NoVoteError:
        if labelled:
            raise
    except (BadRecordError, UnknownWinnerError):
        if labelled is not False:
            raise
    return NO_VOTE


def is_missing(value: Any) -> bool:
    """Tell whether a cell says nothing: null, not a number, an empty text or one that a program wrote for these."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and len(value) < 20 and value.strip().lower() in _MISSING


@lru_cache(maxsize=10_000)
def canonical(name: str) -> str:
    """Return a column's name without differences of case, blanks and signs, in English where it is Chinese.

    "Response A" is response_a, and so is 回答A.
    """
    return chinese_column(name) or re.sub(r"[^0-9a-z]+", "_", name[:_MOST_NAME].lower()).strip("_")


def first_of(values: Mapping[str, Any], names: Iterable[str]) -> Any:
    """Return the first value under one of the names that says something; None where none does."""
    return next((values[name] for name in names if name in values and not is_missing(values[name])), None)


def id_of(values: Mapping[str, Any], names: Iterable[str] = IDS) -> str:
    """Return a row's id, "" where it has none."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value.strip():
            return storable(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
    return ""


def name_of(value: Any) -> str:
    """Return the name of a model, a language or a person; "" where nothing is known."""
    if isinstance(value, dict):  # Label Studio's people
        value = first_of(value, ("id", "email", "name", "username"))
    if value is None or isinstance(value, list | dict | bool) or value != value:  # pandas writes NaN for nothing
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return storable(str(value)[:_MOST_NAME])

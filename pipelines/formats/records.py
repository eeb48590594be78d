"""A row of a file to a battle: texts as Kaggle's columns of turns or the Arena's conversations, and the vote."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS, UNLABELLED, storable
from pipelines.formats.cells import BadTurnsError, conversation, parse_turns, rescue_turns

CONVERSATIONS = ("conversation_a", "conversation_b")
IDS = ("id", "question_id", "battle_id")
"""Names that the id has in the files, the first that a row has is taken."""
BOTH_BAD = ("tie (bothbad)", "both_bad")
"""Spellings of `winner`, and of the column `choice` of the dashboard's exports, that say that both answers are bad."""
ANNOTATORS = ("annotator", "annotator_id", "session", "judge")
"""Names of who voted, the first that a row has is taken; `judge` is the Arena's, and the dashboard's exports have
`session` for it."""
READ = (
    *(*IDS, *TEXT_COLUMNS, *CONVERSATIONS, "model_a", "model_b", *OUTCOMES, "winner", "choice", "lang", "language"),
    *ANNOTATORS,
)
"""Every column that is read; all others are left alone."""


WINNERS = {"model_a": 0, "model_b": 1, "tie": 2, "tie (bothbad)": 2, "both_bad": 2}
"""Spellings of the Arena's winner and the outcomes they mean; "both are bad" is a tie, as on Kaggle."""
_ZERO, _ONE = ("0", "0.0", "false"), ("1", "1.0", "true")


class UnknownWinnerError(ValueError):
    """A winner of a spelling that is not in `WINNERS`; to skip such rows would bend the shares of the outcomes."""


class BadRecordError(ValueError):
    """Why a row is not a battle; the text is part of a sentence about the row."""


class NoVoteError(BadRecordError):
    """The row may be a battle, but nobody voted on it."""


@dataclass(frozen=True)
class Record:
    """One battle as it was read, with what is wrong where it was rescued ("" otherwise)."""

    id: str
    prompt: tuple[str, ...]
    response_a: tuple[str, ...]
    response_b: tuple[str, ...]
    model_a: str
    model_b: str
    outcome: int
    lang: str
    trouble: str = ""
    both_bad: bool = False
    annotator: str = ""


def missing_columns(columns: tuple[str, ...], labelled: bool | None) -> str:
    """Name what a file with a head is missing, as in "the column prompt"; "" where it can hold battles."""
    if any(name in columns for name in CONVERSATIONS) and not any(name in columns for name in TEXT_COLUMNS):
        lacking = [name for name in CONVERSATIONS if name not in columns]
    else:
        lacking = [] if any(name in columns for name in IDS) else ["id"]
        lacking += [name for name in TEXT_COLUMNS if name not in columns]
    marks = [name for name in OUTCOMES if name in columns]
    if labelled and (marks or "winner" not in columns):
        lacking += [name for name in OUTCOMES if name not in columns]
    return f"the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}" if lacking else ""


def record_of(values: dict[str, Any], place: str, labelled: bool | None, rescue: bool, trouble: str = "") -> Record:
    """Make a battle of a row.

    Parameters
    ----------
    values : dict
        The row by column.
    place : str
        What an Arena record without an id is called.
    labelled : bool or None
        Whether the row must have a vote; False does not look at votes, None reads one where there is one.
    rescue : bool
        Whether to take texts that cannot be parsed as they stand, so that only a row without an id is refused.
    trouble : str
        What is known to be wrong with the row before it is looked at.

    Raises
    ------
    BadRecordError
        When the row is not a battle, or has no vote where it must.
    UnknownWinnerError
        When the vote is spelled in an unknown way.
    """
    if trouble and not rescue:
        raise BadRecordError(trouble)
    arena = any(name in values for name in CONVERSATIONS) and not any(name in values for name in TEXT_COLUMNS)
    name = id_of(values) or (place if arena and not trouble else "")
    if not name:
        raise BadRecordError(trouble or "has no id")
    outcome = UNLABELLED if labelled is False else outcome_of(values, labelled is None)
    try:
        texts = _conversations(values) if arena else _columns(values)
    except BadTurnsError as fault:
        if not rescue:
            raise BadRecordError(str(fault)) from fault
        trouble = trouble or str(fault)
        texts = _rescued_conversations(values) if arena else _rescued_columns(values)
    models = (_name_of(values.get("model_a")), _name_of(values.get("model_b")))
    lang = _name_of(values.get("lang", values.get("language")))
    bad = outcome != UNLABELLED and _is_both_bad(values)
    who = _annotator_of(values) if outcome != UNLABELLED else ""
    return Record(name, *texts, *models, outcome, lang, trouble, bad, who)


Texts = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
Parsed = TypeVar("Parsed")


def _parsed(values: dict[str, Any], columns: Iterable[str], parse: Callable[[Any], Parsed]) -> Iterator[Parsed]:
    for column in columns:
        if column not in values:
            raise BadTurnsError(f"is missing the column {column}")
        try:
            yield parse(values[column])
        except BadTurnsError as fault:
            raise BadTurnsError(f"{column} {fault}") from fault


def _columns(values: dict[str, Any]) -> Texts:
    prompt, first, second = _parsed(values, TEXT_COLUMNS, parse_turns)
    return prompt, first, second


def _rescued_columns(values: dict[str, Any]) -> Texts:
    prompt, first, second = (rescue_turns(values.get(column)) for column in TEXT_COLUMNS)
    return prompt, first, second


def _conversations(values: dict[str, Any]) -> Texts:
    (asked, first), (also_asked, second) = _parsed(values, CONVERSATIONS, conversation)
    if asked != also_asked:
        raise BadTurnsError("conversation_a and conversation_b ask different things")
    return asked, first, second


def _rescued_conversations(values: dict[str, Any]) -> Texts:
    asked: tuple[str, ...] = ("",)
    answers = []
    for column in reversed(CONVERSATIONS):  # so that the prompt of conversation_a stays
        try:
            asked, answered = conversation(values.get(column))
        except BadTurnsError:
            answered = rescue_turns(values.get(column))
        answers.append(answered)
    return asked, answers[1], answers[0]


def id_of(values: dict[str, Any]) -> str:
    """Return a row's id, "" where it has none."""
    for name in IDS:
        value = values.get(name)
        if isinstance(value, str) and value.strip():
            return storable(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
    return ""


def _name_of(value: Any) -> str:
    if value is None or value != value:  # parquet files of pandas have NaN where nothing is known
        return ""
    return str(value)


def outcome_of(values: dict[str, Any], unvoted: bool = False) -> int:
    """Return the outcome of a row, 0, 1 or 2; `UNLABELLED` where nobody voted, if it may be `unvoted`.

    Raises
    ------
    BadRecordError
        When no winner is marked, or several, or a mark is neither 0 nor 1, or the columns are absent.
    UnknownWinnerError
        When the row's `winner` is spelled as none in `WINNERS`.
    """
    try:
        return _outcome(values)
    except NoVoteError:
        if unvoted:
            return UNLABELLED
        raise


def _outcome(values: dict[str, Any]) -> int:
    if any(name in values for name in OUTCOMES):
        return _marked(values)
    if "winner" not in values:
        raise NoVoteError(f"has no vote: neither {', '.join(OUTCOMES)} nor winner")
    winner = values["winner"]
    if winner is None or (isinstance(winner, str) and not winner.strip()):
        raise NoVoteError("has no vote: winner is empty")
    outcome = WINNERS.get(" ".join(winner.split()).lower()) if isinstance(winner, str) else None
    if outcome is None:
        raise UnknownWinnerError(winner)
    return outcome


def _is_both_bad(values: dict[str, Any]) -> bool:
    said = values.get("winner", values.get("choice") if any(name in values for name in OUTCOMES) else None)
    return isinstance(said, str) and " ".join(said.split()).lower() in BOTH_BAD


def _annotator_of(values: dict[str, Any]) -> str:
    found = (storable(_name_of(values[name])) for name in ANNOTATORS if name in values)
    return next((name for name in found if name), "")


def _marked(values: dict[str, Any]) -> int:
    marks: list[int] = []
    empty = 0
    for name in OUTCOMES:
        if name not in values:
            raise BadRecordError(f"is missing the column {name}")
        mark = values[name]
        text = "" if mark is None else str(mark).strip().lower()
        if text in ("", "nan"):
            empty += 1
            marks.append(0)
        elif text in _ZERO or text in _ONE:
            marks.append(int(text in _ONE))
        else:
            raise BadRecordError(f"{name} is {ascii(text[:40])}, neither 0 nor 1")
    if sum(marks) > 1:
        raise BadRecordError(f"has {('two', 'three')[sum(marks) - 2]} winners")
    if sum(marks) == 0:
        raise NoVoteError(f"has no vote: {'the winner columns are empty' if empty == 3 else 'no winner is marked'}")
    return marks.index(1)

"""A row of a file to a battle: Kaggle's columns of turns, or the Arena's two conversations."""

import json
from dataclasses import dataclass
from typing import Any

from pipelines.battles.outcomes import NoVoteError, outcome_of
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS, UNLABELLED, storable
from pipelines.formats.turn_lists import BadTurnsError, parse_turns, rescue_turns

CONVERSATIONS = ("conversation_a", "conversation_b")
IDS = ("id", "question_id", "battle_id")
"""Names that the id has in the files, the first that a row has is taken."""
READ = (*IDS, *TEXT_COLUMNS, *CONVERSATIONS, "model_a", "model_b", *OUTCOMES, "winner", "lang", "language")
"""Every column that is read; all others are left alone."""
_ASKED = ("user", "human")
_ANSWERED = ("assistant", "gpt", "model", "bot")


class BadRecordError(ValueError):
    """Why a row is not a battle; the text is part of a sentence about the row."""


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


def missing_columns(columns: tuple[str, ...], labelled: bool) -> str:
    """Name what a file with a head lacks to hold battles, as in "the column prompt"; "" where nothing lacks."""
    if any(name in columns for name in CONVERSATIONS) and not any(name in columns for name in TEXT_COLUMNS):
        lacking = [name for name in CONVERSATIONS if name not in columns]
    else:
        lacking = [] if any(name in columns for name in IDS) else ["id"]
        lacking += [name for name in TEXT_COLUMNS if name not in columns]
    marks = [name for name in OUTCOMES if name in columns]
    if labelled and (marks or "winner" not in columns):
        lacking += [name for name in OUTCOMES if name not in columns]
    return f"the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}" if lacking else ""


def record_of(values: dict[str, Any], place: str, labelled: bool, rescue: bool, trouble: str = "") -> Record:
    """Make a battle of a row.

    Parameters
    ----------
    values : dict
        The row by column.
    place : str
        What an Arena record without an id is called.
    labelled : bool
        Whether the row must have a vote; otherwise votes are not looked at.
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
    name = _id_of(values) or (place if arena and not trouble else "")
    if not name:
        raise BadRecordError(trouble or "has no id")
    outcome = UNLABELLED
    if labelled:
        try:
            outcome = outcome_of(values)
        except NoVoteError as fault:
            raise BadRecordError(str(fault)) from fault
    try:
        texts = _conversations(values) if arena else _columns(values)
    except BadTurnsError as fault:
        if not rescue:
            raise BadRecordError(str(fault)) from fault
        trouble = trouble or str(fault)
        texts = _rescued_conversations(values) if arena else _rescued_columns(values)
    models = (_name_of(values.get("model_a")), _name_of(values.get("model_b")))
    lang = _name_of(values.get("lang", values.get("language")))
    return Record(name, *texts, *models, outcome, lang, trouble)


def id_shown(values: dict[str, Any]) -> str:
    """Return a row's id for a sentence, "" where it has none."""
    return _id_of(values)


Texts = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _columns(values: dict[str, Any]) -> Texts:
    found: list[tuple[str, ...]] = []
    for column in TEXT_COLUMNS:
        if column not in values:
            raise BadTurnsError(f"lacks the column {column}")
        try:
            found.append(parse_turns(values[column]))
        except BadTurnsError as fault:
            raise BadTurnsError(f"{column} {fault}") from fault
    return found[0], found[1], found[2]


def _rescued_columns(values: dict[str, Any]) -> Texts:
    prompt, first, second = (rescue_turns(values.get(column)) for column in TEXT_COLUMNS)
    return prompt, first, second


def _conversations(values: dict[str, Any]) -> Texts:
    sides = []
    for column in CONVERSATIONS:
        if column not in values:
            raise BadTurnsError(f"lacks the column {column}")
        try:
            sides.append(_conversation(values[column]))
        except BadTurnsError as fault:
            raise BadTurnsError(f"{column} {fault}") from fault
    (asked, first), (also_asked, second) = sides
    if asked != also_asked:
        raise BadTurnsError("conversation_a and conversation_b ask different things")
    return asked, first, second


def _rescued_conversations(values: dict[str, Any]) -> Texts:
    asked: tuple[str, ...] = ("",)
    answers = []
    for column in reversed(CONVERSATIONS):  # so that the prompt of conversation_a stays
        try:
            asked, answered = _conversation(values.get(column))
        except BadTurnsError:
            answered = rescue_turns(values.get(column))
        answers.append(answered)
    return asked, answers[1], answers[0]


def _conversation(cell: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what was asked and answered; system messages are left out."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell, strict=False)
        except (ValueError, RecursionError) as fault:
            raise BadTurnsError("is not JSON") from fault
    if not isinstance(cell, list) or not cell:
        raise BadTurnsError("is not a list of messages")
    asked: list[str] = []
    answered: list[str] = []
    for number, message in enumerate(cell, start=1):
        if not isinstance(message, dict) or "role" not in message or "content" not in message:
            raise BadTurnsError(f"has no role and content in message {number}")
        role = message["role"]
        if role in _ASKED:
            asked.append(_content(message["content"], number))
        elif role in _ANSWERED:
            answered.append(_content(message["content"], number))
        elif role != "system":
            raise BadTurnsError(f"has the role {ascii(role)[:40]} in message {number}, neither user nor assistant")
    if not asked:
        raise BadTurnsError("has no message of a user")
    return tuple(asked), tuple(answered) or ("",)


def _content(content: Any, number: int) -> str:
    """Return a message's text; of a list of parts, the texts, as newer Arena files have them beside images."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [part.get("text") for part in content if part.get("type", "text") == "text"]
        if all(text is None or isinstance(text, str) for text in texts):
            return "\n".join(text for text in texts if text)
    raise BadTurnsError(f"has no text as content of message {number}")


def _id_of(values: dict[str, Any]) -> str:
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

"""Prompts and answers in the shapes of chats, to the turns of a battle: lists of messages, transcripts, plain texts."""

import json
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from pipelines.formats.cells import CellStyle, conversation, parse_turns
from pipelines.formats.messages import BadTurnsError, are_messages
from pipelines.formats.python_literals import python_value
from pipelines.formats.records import Texts, is_missing

Messages = list[dict[str, Any]]
_SPEAKS = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")
_MARKED = re.compile(r"<extra_id_1>(User|Assistant)\n")
_MOST_NESTED = 8_000_000


def is_transcript(text: Any) -> bool:
    """Tell whether a text is a talk as Anthropic's sets have it, of paragraphs that begin with Human: or Assistant:."""
    return isinstance(text, str) and re.match(r"\s{0,4}Human:", text) is not None


def is_asked_transcript(text: Any) -> bool:
    """Tell whether a text is a talk that ends where the answer begins, as Anthropic's models were prompted."""
    return is_transcript(text) and str(text).rstrip().endswith("\n\nAssistant:")


def transcript(text: str) -> Messages:
    """Return the messages of a transcript; what stands before the first speaker is left out."""
    found = _SPEAKS.split("\n\n" + text.lstrip())
    speakers, texts = found[1::2], found[2::2]
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[who], "content": said.strip("\n")} for who, said in zip(speakers, texts, strict=True)]


def _marked_turns(text: str) -> Messages:
    """Return the messages of a prompt of HelpSteer2: the user's first, then each after a mark that names who speaks."""
    first, *others = _MARKED.split(text)
    said = [("user", first), *zip(map(str.lower, others[::2]), others[1::2], strict=True)]
    return [{"role": role, "content": text.strip("\n")} for role, text in said if text.strip() or role == "assistant"]


def nested(cell: Any) -> Any:
    """Return what a cell holds: of a text that is a list or an object, by JSON or as Python prints it, these."""
    cell = cell.tolist() if hasattr(cell, "tolist") else cell
    if isinstance(cell, str) and len(cell) <= _MOST_NESTED and cell.lstrip()[:1] in ("{", "["):
        for parse in (_json, python_value):
            try:
                found = parse(cell)
            except (ValueError, RecursionError):
                continue
            return found if isinstance(found, dict | list) else cell
    return cell


def _json(text: str) -> Any:
    return json.loads(text, strict=False)


def is_empty(cell: Any) -> bool:
    """Tell whether a cell holds no text at all; "None" may be an answer, where it says nothing as a vote."""
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip()) or nested(cell) in ([], {})


def chat(cell: Any) -> Any:
    """Return the messages that a cell holds; a text that holds none as it stands: answers may be JSON, too."""
    found = nested(cell)
    if isinstance(found, dict) and isinstance(found.get("messages"), list):
        found = found["messages"]
    found = [found] if isinstance(found, dict) else found
    return cell if isinstance(cell, str) and not are_messages(found) else found


def messages(cell: Any, role: str, style: CellStyle = "text") -> Messages:
    """Return a cell as messages; a plain text, or each of several turns, is one of `role`.

    Parameters
    ----------
    cell : Any
        Messages, as a list or as a text of one; a transcript; turns, as a list or, by `style`, as a text of one.
    role : str
        Who says what names no speaker.
    style : "turns" or "text"
        How the texts of the column are written, see `cells.cell_style`.

    Raises
    ------
    BadTurnsError
        When it is empty or of another kind.
    """
    cell = chat(cell)
    if isinstance(cell, list) and cell and all(isinstance(each, dict) for each in cell):
        return cell
    if is_transcript(cell):
        return transcript(cell)
    if role == "user" and isinstance(cell, str) and _MARKED.search(cell):
        return _marked_turns(cell)
    if is_empty(cell):
        raise BadTurnsError("is empty")
    return [{"role": role, "content": turn} for turn in parse_turns(cell, style)]


def with_input(instruction: str, more: Any) -> str:
    """Return an instruction and below it what it is about, as Alpaca's columns `instruction` and `input` have them."""
    return f"{instruction}\n{more}" if isinstance(more, str) and not is_missing(more) else instruction


def asked_with_input(context: Messages, more: Any) -> Messages:
    """Return what was asked, in one message, and below it what it is about; other messages as they are."""
    text = context[0].get("content") if len(context) == 1 else None
    return [{**context[0], "content": with_input(text, more)}] if isinstance(text, str) else context


def asked_so_far(context: Sequence[dict[str, Any]]) -> Messages:
    """Return the messages before an answer; a transcript may end where the answer begins, by an empty one."""
    context = list(context)
    while context and context[-1].get("role") == "assistant" and context[-1].get("content") == "":
        context.pop()
    return context


def battle(
    context: Sequence[dict[str, Any]], first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]
) -> Texts:
    """Return the turns of a battle whose two sides go on from one context.

    Raises
    ------
    BadTurnsError
        When the messages cannot be read, or the sides ask different things.
    """
    context = asked_so_far(context)
    asked, answered = conversation([*context, *first])
    also_asked, also_answered = conversation([*context, *second])
    if asked != also_asked:
        raise BadTurnsError("its two sides ask different things")
    return asked, answered, also_answered


def is_first(prompt: object, better: object, worse: object) -> bool:
    """Tell whether the better answer is shown as A: drawn by a hash of the contents.

    Which of two answers is A depends on the prompt and the two alone, not on which is better: people who disagree
    about one pair are given the same sides.
    """
    one, other = sorted((repr(better), repr(worse)))
    drawn = blake2b("\0".join((repr(prompt), one, other)).encode("utf-8", "surrogatepass"), digest_size=1).digest()[0]
    return (repr(better) == one) == bool(drawn & 1)

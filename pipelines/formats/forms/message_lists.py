"""Prompts and answers in the shapes of chats, to the turns of a battle: lists of messages, transcripts, plain texts."""

import json
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from pipelines.formats.cells import conversation, parse_turns
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import Texts, is_missing

Messages = list[dict[str, Any]]
_SPEAKS = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")
_MOST_NESTED = 8_000_000


def is_transcript(text: Any) -> bool:
    """Tell whether a text is a talk as Anthropic's sets have it, of paragraphs that begin with Human: or Assistant:."""
    return isinstance(text, str) and re.match(r"\s{0,4}Human:", text) is not None


def transcript(text: str) -> Messages:
    """Return the messages of a transcript; what stands before the first speaker is left out."""
    found = _SPEAKS.split("\n\n" + text.lstrip())
    speakers, texts = found[1::2], found[2::2]
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[who], "content": said.strip("\n")} for who, said in zip(speakers, texts, strict=True)]


def nested(cell: Any) -> Any:
    """Return what a cell holds: of a text that is JSON of a list or an object, these; anything else as it stands."""
    cell = cell.tolist() if hasattr(cell, "tolist") else cell
    if isinstance(cell, str) and len(cell) <= _MOST_NESTED and cell.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(cell, strict=False)
        except (ValueError, RecursionError):
            return cell
        return found if isinstance(found, dict | list) else cell
    return cell


def messages(cell: Any, role: str) -> Messages:
    """Return a cell as messages; a plain text, or each of several turns, is one of `role`.

    Raises
    ------
    BadTurnsError
        When it is empty or of another kind.
    """
    cell = nested(cell)
    if isinstance(cell, dict):
        cell = cell["messages"] if isinstance(cell.get("messages"), list) else [cell]
    if isinstance(cell, list) and cell and all(isinstance(each, dict) for each in cell):
        return cell
    if is_transcript(cell):
        return transcript(cell)
    if is_missing(cell) or cell == []:
        raise BadTurnsError("is empty")
    return [{"role": role, "content": turn} for turn in parse_turns(cell, "text")]


def battle(
    context: Sequence[dict[str, Any]], first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]
) -> Texts:
    """Return the turns of a battle whose two sides go on from one context.

    Raises
    ------
    BadTurnsError
        When the messages cannot be read, or the sides ask different things.
    """
    context = list(context)
    while context and context[-1].get("role") == "assistant" and context[-1].get("content") == "":
        context.pop()  # a transcript that ends where the answer begins
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

"""A reply to one question, read from what a server sends: JSON, or events where it streams without being asked to."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Top = Mapping[str, float]
MOST_TOPS, MOST_POSITIONS = 40, 64
"""Tokens and positions that are kept of the probabilities."""
MOST_TEXT = 100_000
"""Characters that are kept of a reply."""


@dataclass(frozen=True)
class ChatReply:
    """What a model said.

    Attributes
    ----------
    text : str
        The reply.
    tops : tuple of mapping of str to float
        By position the likeliest tokens with their log probabilities; empty where the model gives none.
    tokens_in, tokens_out : int
        As the server counts them; 0 where it does not.
    """

    text: str
    tops: tuple[Top, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ChatReply":
        """Return what `to_json` wrote."""
        held = json.loads(text)
        return cls(str(held["text"]), tuple(held["tops"]), int(held["tokens_in"]), int(held["tokens_out"]))


class ErrorInReply(Exception):  # noqa: N818 - an error of a server, told in a body that comes with status 200
    """What a server says went wrong, and the HTTP status that it names; 200 where it names none."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


def reply_of(body: bytes) -> ChatReply:
    """Return the reply that a body holds.

    Raises
    ------
    ValueError
        Where it is none of the protocol.
    ErrorInReply
        Where the server tells an error in the place of a reply, as gateways to several providers do.
    """
    text = body.decode("utf-8-sig", "replace")
    if text.lstrip()[:1] == "{":
        held = _object(text)
        choice = _choice(held)
        message = choice.get("message")
        content = message.get("content") if isinstance(message, Mapping) else None
        if "message" not in choice:
            raise ValueError("no message")
        return ChatReply(_written(content)[:MOST_TEXT], _tops(choice), *_usage(held))
    pieces: list[str] = []
    tops: list[Top] = []
    usage, ended = (0, 0), False
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:"):
            continue
        if data == "[DONE]":
            ended = True
            break
        held = _object(data)
        _check_error(held)
        usage = _usage(held) if held.get("usage") else usage
        if held.get("choices"):
            choice = _choice(held)
            delta = choice.get("delta")
            pieces.append(_written(delta.get("content")) if isinstance(delta, Mapping) else "")
            tops += _tops(choice)
            ended = ended or bool(choice.get("finish_reason"))
    if not ended:
        raise ValueError("broken off")
    return ChatReply("".join(pieces)[:MOST_TEXT], tuple(tops[:MOST_POSITIONS]), *usage)


def _object(text: str) -> dict[str, Any]:
    try:
        held = json.loads(text)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault
    if not isinstance(held, dict):
        raise ValueError("no object")
    return held


def _check_error(held: Mapping[str, Any]) -> None:
    """Raise an `ErrorInReply` where a server tells an error in the place of choices."""
    error = held.get("error")
    if error and not held.get("choices"):
        words = error.get("message") if isinstance(error, Mapping) else error
        code = error.get("code") if isinstance(error, Mapping) else None
        raise ErrorInReply(str(words or error), code if isinstance(code, int) and 400 <= code < 600 else 200)


def _written(content: Any) -> str:
    """Return the text of a message: a string, or parts of which some are text; a `ValueError` for anything else."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    if not isinstance(content, str | None):
        raise ValueError("no text")
    return content or ""


def _choice(held: Mapping[str, Any]) -> Mapping[str, Any]:
    _check_error(held)
    choices = held.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise ValueError("no choices")
    return choices[0]


def _usage(held: Mapping[str, Any]) -> tuple[int, int]:
    usage = held.get("usage")
    counts = [usage.get(name) if isinstance(usage, Mapping) else 0 for name in ("prompt_tokens", "completion_tokens")]
    first, second = (count if isinstance(count, int) and 0 <= count < 2**31 else 0 for count in counts)
    return first, second


def _tops(choice: Mapping[str, Any]) -> tuple[Top, ...]:
    held = choice.get("logprobs")
    positions = held.get("content") if isinstance(held, Mapping) else None
    found: list[Top] = []
    for position in (positions if isinstance(positions, list) else [])[:MOST_POSITIONS]:
        if not isinstance(position, Mapping):
            continue
        listed = position.get("top_logprobs")
        entries = [position, *(listed if isinstance(listed, list) else [])[:MOST_TOPS]]
        top: dict[str, float] = {}
        for entry in entries:
            token = entry.get("token") if isinstance(entry, Mapping) else None
            number = entry.get("logprob") if isinstance(entry, Mapping) else None
            if isinstance(token, str) and isinstance(number, int | float) and math.isfinite(number):
                top.setdefault(token[:60], float(number))
        found.append(top)
    return tuple(found)

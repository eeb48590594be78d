"""The interface of a generator, the one fault it can end in, and the guard that every answer streams through."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from dashboard.params import StyleParams

FAULTS = {
    "refused": "The server at {url} does not answer: start it, or correct base_url in params.yaml.",
    "stalled": "No word for {seconds} seconds: the server is overloaded or hangs; try again.",
    "too_slow": "The answer was not finished after {seconds} seconds; try again, or set a smaller max_tokens.",
    "dropped": "The connection broke in the middle of the answer; try again.",
    "key_refused": "The server at {url} refuses the key (status {status}): check the variable {variable}.",
    "busy": "The server at {url} has no room now (status {status}); wait a little and try again.",
    "no_model": "The server at {url} has no model {model} (status {status}): correct model in params.yaml.",
    "status": "The server at {url} answered with status {status}: {message}",
    "bad_reply": "The server at {url} sent something that is not OpenAI's streaming protocol; check base_url.",
    "empty": "The model ended without writing anything; try again.",
    "cut_off": "The answer was cut off at {tokens} tokens; max_tokens in params.yaml sets the limit.",
    "endless": "The answer was ended at {characters} characters, far beyond max_tokens.",
    "no_key": "The environment variable {variable} is not set: set it to the server's key and start again.",
    "no_package": "The package {package} is not installed: pip install {package}.",
    "no_folder": "There is no causal language model in the folder {folder}: correct model in params.yaml.",
    "out_of_memory": "The model in {folder} does not fit into memory: take a smaller one.",
    "failed": "The model in {folder} failed: {message}",
}
"""One English sentence per code; the page's texts hold one per code and language, with the same fields."""
USABLE = frozenset({"cut_off", "endless"})
"""Faults that leave an answer worth a vote."""


class GenerationFault(Exception):  # noqa: N818 - the project's word for what goes wrong outside it
    """An answer that did not come to its end.

    Attributes
    ----------
    code : str
        A key of `FAULTS`.
    details : dict
        Fields of the sentence.
    partial : str
        What had been written until then.
    """

    def __init__(self, code: str, partial: str = "", **details: Any) -> None:
        super().__init__(FAULTS[code].format(**details))
        self.code = code
        self.details = details
        self.partial = partial

    @property
    def usable(self) -> bool:
        """Whether the partial text is an answer that can be voted on."""
        return self.code in USABLE and bool(self.partial.strip())


@dataclass(frozen=True)
class Notice:
    """Something to tell about an answer before it streams: a code for the page's texts, and its fields."""

    code: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """Who answers: the model's name as stored with the vote, and the generator's settings."""

    model: str
    settings: dict[str, Any]


class Generator(Protocol):
    """Writes answers. One object serves many sessions."""

    def describe(self, style: StyleParams) -> Description:
        """Return who answers in this style."""
        ...

    def notice(self, question: str) -> Notice | None:
        """Return what the reader must know before the answer comes, or None."""
        ...

    def stream(self, question: str, style: StyleParams) -> AsyncIterator[str]:
        """Yield the answer in pieces; "" says that the model works without having a word ready.

        Raises
        ------
        GenerationFault
            Where the answer does not come to its end. Use `guarded` to have its `partial` filled.
        """
        ...


async def guarded(pieces: AsyncIterator[str], style: StyleParams, longest: int = 100_000) -> AsyncIterator[str]:
    """Pass the pieces of an answer on, and turn silence, slowness, emptiness and endlessness into a fault.

    Parameters
    ----------
    pieces : async iterator of str
        What a generator's `stream` returned.
    style : StyleParams
        Its `stall_seconds` and `total_seconds` hold.
    longest : int
        Characters after which the answer is ended.

    Raises
    ------
    GenerationFault
        With everything that was passed on in `partial`.
    """
    written: list[str] = []
    length = 0
    loop = asyncio.get_running_loop()
    end = loop.time() + style.total_seconds
    iterator = aiter(pieces)
    try:
        while True:
            left = end - loop.time()
            try:
                async with asyncio.timeout(max(0.0, min(style.stall_seconds, left))):
                    piece = await anext(iterator)
            except TimeoutError:
                late = loop.time() >= end
                seconds = f"{style.total_seconds if late else style.stall_seconds:g}"
                raise GenerationFault("too_slow" if late else "stalled", seconds=seconds) from None
            except StopAsyncIteration:
                break
            if not piece:
                continue
            piece = piece[: longest - length]
            written.append(piece)
            length += len(piece)
            yield piece
            if length >= longest:
                raise GenerationFault("endless", characters=longest)
        if not "".join(written).strip():
            raise GenerationFault("empty")
    except GenerationFault as fault:
        fault.partial = "".join(written)
        raise
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()

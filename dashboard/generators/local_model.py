"""Answers from a causal language model in a local folder, through transformers."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from dashboard.generators.conversation import Turn, chat_messages, fitting
from dashboard.generators.generator import Description, GenerationFault, Generator, StyleParams
from pipelines.errors import UserError
from pipelines.models.model_loading import load_generator

_loading = threading.Lock()
UNBOUNDED = 10**9
"""Tokens that a model reads whose configuration names no bound."""


class LocalStyle(StyleParams):
    """A style that a local model answers in."""

    @model_validator(mode="after")
    def _has_a_folder(self) -> "LocalStyle":
        if not self.model:
            raise ValueError("generator local needs model: the folder of a causal language model")
        return self


class LocalModel(Generator):
    """Streams what a model on this machine writes; it is loaded at the first question and kept."""

    kind = "local"
    Style = LocalStyle
    faults = {
        "no_folder": "There is no causal language model in the folder {folder}: correct model in params.yaml.",
        "out_of_memory": "The model in {folder} does not fit into memory: take a smaller one.",
        "failed": "The model in {folder} failed: {message}",
    }

    def __init__(self, key: Literal["a", "b"] = "a") -> None:
        super().__init__(key)
        self._writing: dict[threading.Thread, threading.Event] = {}

    def describe(self, style: StyleParams) -> Description:
        """Return the folder's name as the model's, and the settings."""
        return Description(Path(style.model).name, style.settings())

    async def stream(self, question: str, style: StyleParams, before: Sequence[Turn] = ()) -> AsyncIterator[str]:
        """Yield the answer word by word; "" while the model loads, so that loading is not taken for a stall."""
        loading = asyncio.ensure_future(asyncio.to_thread(_load, style.model))
        while not (await asyncio.wait({loading}, timeout=1.0))[0]:
            yield ""
        tokenizer, model = loading.result()
        queue: asyncio.Queue[str | int | GenerationFault] = asyncio.Queue()
        stop = threading.Event()
        job = (
            tokenizer,
            model,
            chat_messages(question, style, before),
            style,
            _Mail(asyncio.get_running_loop(), queue),
            stop,
        )
        thread = threading.Thread(target=_write, args=job)
        self._writing[thread] = stop
        thread.start()
        try:
            while isinstance(message := await queue.get(), str):
                yield message
        finally:
            stop.set()
            self._writing.pop(thread, None)
        if isinstance(message, GenerationFault):
            raise message
        if message >= style.max_tokens:
            raise GenerationFault("cut_off", tokens=style.max_tokens)

    def close(self) -> None:
        """End the threads that write, each after its present token: in torch, none may outlive the interpreter."""
        for stop in list(self._writing.values()):
            stop.set()


class _Mail:
    """Brings messages from the writing thread to the loop that awaits them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: "asyncio.Queue[str | int | GenerationFault]") -> None:
        self.loop = loop
        self.queue = queue

    def put(self, message: str | int | GenerationFault) -> None:
        try:
            self.loop.call_soon_threadsafe(self.queue.put_nowait, message)
        except RuntimeError:
            return  # the loop has closed: nobody waits any more


@lru_cache(maxsize=2)
def _loaded(folder: str) -> tuple[Any, Any]:
    return load_generator(Path(folder))


def _load(folder: str) -> tuple[Any, Any]:
    try:
        with _loading:
            return _loaded(folder)
    except UserError:
        raise GenerationFault("no_folder", folder=folder) from None
    except MemoryError:
        raise GenerationFault("out_of_memory", folder=folder) from None


def _prompt(tokenizer: Any, messages: Sequence[dict[str, str]]) -> Any:
    """Return the token ids of a chat in the model's own form, or plainly where it has none."""
    if not tokenizer.chat_template:
        return tokenizer("\n\n".join(each["content"] for each in messages) + "\n\n", return_tensors="pt")
    return tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
    )


def _write(
    tokenizer: Any, model: Any, messages: list[dict[str, str]], style: StyleParams, mail: _Mail, stop: threading.Event
) -> None:
    """Generate in a thread of its own: pieces as str, then the number of tokens, or a fault."""
    import torch
    from transformers import StoppingCriteriaList, TextIteratorStreamer

    class Pieces(TextIteratorStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            mail.put(text)

    def stopped(ids: Any, *_: Any, **__: Any) -> Any:
        return ids.new_full(ids.shape[:1], stop.is_set(), dtype=torch.bool)

    try:
        most = (getattr(model.config, "max_position_embeddings", None) or UNBOUNDED) - style.max_tokens
        kept = fitting(messages, lambda chat: _prompt(tokenizer, chat)["input_ids"].shape[1] <= most)
        inputs = _prompt(tokenizer, kept)
        written = model.generate(
            **inputs,
            streamer=Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True),
            max_new_tokens=style.max_tokens,
            do_sample=style.temperature > 0,
            temperature=style.temperature or None,
            stopping_criteria=StoppingCriteriaList([stopped]),
            pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
        )
        mail.put(int(written.shape[1] - inputs["input_ids"].shape[1]))
    except MemoryError:
        mail.put(GenerationFault("out_of_memory", folder=style.model))
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        short = " ".join(str(error).split())[:200]
        mail.put(GenerationFault("failed", folder=style.model, message=short))

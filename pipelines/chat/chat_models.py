"""The language models that can be asked: one interface, a server of OpenAI's protocol, a causal model in a folder."""

import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from pipelines.chat.chat_client import (
    ServerFault,
    adapt,
    careful_client,
    certificates,
    fault_of,
    http_library,
    key_in,
    moved,
    refusal,
    words_of,
)
from pipelines.chat.chat_params import ChatParams
from pipelines.chat.chat_reply import ChatReply, ErrorInReply, reply_of
from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of

Messages = list[dict[str, str]]
MOST_BYTES = 4 << 20
"""Bytes of one reply; a server that sends more is not one to be believed."""
TOO_LONG = 413
"""HTTP's status for a request that is too large."""
TOPS = 20
"""Tokens whose probabilities are asked for, the most that servers give."""


class ChatModel(Protocol):
    """What is asked; `identity` changes with what changes its replies, `parallel` is how many it takes at a time."""

    identity: str
    parallel: int

    def ask(self, messages: Messages, tops: bool) -> ChatReply:
        """Return its reply; with the likeliest tokens where `tops` asks for them and the model gives them.

        Raises
        ------
        ServerFault
            Where there is none.
        """
        ...

    def close(self) -> None:
        """Close its connections."""


def open_model(params: ChatParams) -> ChatModel:
    """Return the model that the settings name.

    Raises
    ------
    UserError
        When its folder is no model, its key is not set or the client is not installed.
    """
    try:
        return ServerModel(params) if params.base_url else LocalModel(params)
    except ServerFault as fault:
        raise UserError(str(fault)) from fault


class ServerModel:
    """A model of a server; every request has a connection of the one pool, and a time of its own."""

    def __init__(self, params: ChatParams) -> None:
        from threading import Lock

        certificates()  # says what to install where there is no client
        from openai import OpenAI

        key, http = key_in(params.api_key_env), careful_client(params.seconds)
        self.client = OpenAI(
            base_url=params.base_url, api_key=key, max_retries=0, timeout=http.timeout, http_client=http
        )
        self.params = params
        self.identity = params.model
        self.parallel = params.parallel
        self._options: dict[str, Any] = {"temperature": params.temperature, "max_tokens": params.max_tokens}
        self._options |= {"logprobs": True, "top_logprobs": TOPS}
        library = http_library()
        self._lock, self._broken, self._garbled = Lock(), library.TransportError, library.DecodingError

    def ask(self, messages: Messages, tops: bool) -> ChatReply:
        """Return its reply; what the server refused once is not asked for again."""
        from openai import APIConnectionError, APIError, APITimeoutError, BadRequestError

        url, params = self.params.base_url, self.params
        while True:
            with self._lock:
                options = dict(self._options)
            if not tops:
                options = {name: value for name, value in options.items() if "logprobs" not in name}
            try:
                return self._read(messages, options)
            except BadRequestError as error:
                if not adapt(options, words_of(error)):
                    raise refusal(error, url, params.model, params.api_key_env) from None
                with self._lock:
                    self._options = options if tops else {**self._options_of_tops(), **options}
            except APITimeoutError:
                raise ServerFault("silent", url=url, seconds=f"{params.seconds:g}") from None
            except APIConnectionError as error:
                broken = "connect" not in type(error.__cause__).__name__.lower()
                raise ServerFault("dropped") if broken else refusal(error, url, params.model, "") from None
            except APIError as error:
                raise moved(error, url) or refusal(error, url, params.model, params.api_key_env) from None
            except ErrorInReply as error:
                raise fault_of(error.status, str(error), url, params.model, params.api_key_env) from None
            except (AttributeError, TypeError, ValueError, LookupError):
                raise ServerFault("bad_reply", url=url) from None

    def close(self) -> None:
        """Close its connections."""
        self.client.close()

    def _options_of_tops(self) -> dict[str, Any]:
        return {name: value for name, value in self._options.items() if "logprobs" in name}

    def _read(self, messages: Messages, options: dict[str, Any]) -> ChatReply:
        end = time.monotonic() + self.params.seconds
        create: Any = self.client.chat.completions.with_streaming_response.create
        body = bytearray()
        try:
            with create(model=self.params.model, messages=messages, **options) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise ValueError("too long")
                    if time.monotonic() > end:
                        raise ServerFault("silent", url=self.params.base_url, seconds=f"{self.params.seconds:g}")
        except self._broken as fault:
            if "Timeout" in type(fault).__name__:
                raise ServerFault("silent", url=self.params.base_url, seconds=f"{self.params.seconds:g}") from None
            raise ServerFault("dropped") from None
        except self._garbled:
            raise ServerFault("bad_reply", url=self.params.base_url) from None
        return reply_of(bytes(body))


class LocalModel:
    """A causal model in a folder; where only a token is wanted its probabilities are read and nothing is written."""

    parallel = 1

    def __init__(self, params: ChatParams) -> None:
        from pipelines.models.model_files import CONFIG
        from pipelines.models.model_loading import most_tokens

        self.folder, self.params = Path(params.model), params
        if not (self.folder / CONFIG).is_file():
            raise UserError(
                f"{params.model}: holds no language model ({self.folder.absolute() / CONFIG} is missing); name its "
                f"folder, seen from where the command is run, or give the base_url of the server that has it."
            )
        names = sorted(path for path in self.folder.glob("*") if path.suffix in (".safetensors", ".json", ".jinja"))
        self.most = most_tokens(self.folder)
        self.identity = " ".join(f"{path.name} {_hash(path, path.stat().st_mtime_ns)}" for path in names)
        if params.precision != "fp32":
            self.identity += f" {params.precision}"

    def ask(self, messages: Messages, tops: bool) -> ChatReply:
        """Return its reply, greedily written."""
        import torch

        tokenizer, model = _loaded(str(self.folder), self.params.precision)
        inputs = _inputs(tokenizer, messages)
        count = int(inputs["input_ids"].shape[1])
        if self.most is not None and count >= self.most:
            raise ServerFault("too_long", model=self.params.model, most=self.most, tokens=count, status=TOO_LONG)
        with torch.inference_mode():
            if tops:
                logits = model(**inputs, logits_to_keep=1).logits[0, -1].float()
                if bool(logits.isnan().any()):
                    raise UserError(f"{self.params.model}: its weights give no numbers; get it again.")
                chances, tokens = torch.log_softmax(logits, dim=-1).topk(TOPS)
                top: dict[str, float] = {}
                for token, chance in zip(tokens.tolist(), chances.tolist(), strict=True):
                    top.setdefault(tokenizer.decode([token]), chance)
                return ChatReply(next(iter(top)), (top,), count, 1)
            pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
            heat = self.params.temperature
            written = model.generate(
                **inputs,
                max_new_tokens=self.params.max_tokens,
                do_sample=heat > 0,
                temperature=heat or None,
                pad_token_id=pad,
            )[0, count:]
        return ChatReply(tokenizer.decode(written, skip_special_tokens=True), (), count, len(written))

    def close(self) -> None:
        """Do nothing: the model stays in memory for whoever asks next."""


@lru_cache(maxsize=64)
def _hash(path: Path, changed: int) -> str:
    return sha256_of(path)


@lru_cache(maxsize=2)
def _loaded(folder: str, precision: str) -> tuple[Any, Any]:
    import torch

    from pipelines.models.model_loading import load_generator

    return load_generator(Path(folder), dtype=torch.bfloat16 if precision == "bf16" else torch.float32)


def _inputs(tokenizer: Any, messages: Messages) -> Any:
    if tokenizer.chat_template:
        options: dict[str, Any] = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
        return tokenizer.apply_chat_template(messages, **options)
    return tokenizer("\n\n".join(message["content"] for message in messages) + "\n\n", return_tensors="pt")

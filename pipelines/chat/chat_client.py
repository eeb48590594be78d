"""What every client of a server that speaks OpenAI's chat protocol shares: its library, its faults, its odd wishes."""

import math
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai import APIError

CONNECT_SECONDS = 5.0
LONGEST_MESSAGE = 200
"""Characters of a server's own error message that are passed on."""
MOST_OF_A_REFUSAL = 64 << 10
"""Bytes that are read of a reply with an error's status; its sentence stands at the beginning."""
FAULTS = {
    "refused": "The server at {url} does not answer: start it, or correct base_url in params.yaml.",
    "dropped": "The connection broke in the middle of the answer; try again.",
    "key_refused": "The server at {url} refuses the key (status {status}): check the variable {variable}.",
    "busy": "The server at {url} has no room now (status {status}); wait a little and try again.",
    "no_model": "The server at {url} has no model {model} (status {status}): correct model in params.yaml.",
    "status": "The server at {url} answered with status {status}: {message}",
    "bad_reply": "The server at {url} sent something that is not OpenAI's streaming protocol; check base_url.",
    "no_key": "The environment variable {variable} is not set: set it to the server's key and start again.",
    "odd_key": "The environment variable {variable} holds signs that no key has: copy the key into it anew.",
    "no_package": "The package {package} is not installed: pip install {package}.",
}
"""One English sentence per code."""
NOT_STREAMED = {
    "silent": "The server at {url} did not reply in {seconds} seconds; allow more seconds, or ask fewer at a time.",
    "too_long": "The model {model} reads {most} tokens and a question has {tokens}: show it fewer characters.",
    "moved": "The server at {url} sends requests on to {target}, and none is sent on from here: correct base_url.",
    "proxy": "The proxy that the variables of this shell name cannot be used ({fault}): correct or unset them.",
}
"""What a client that streams has other words for, and what only a model in a folder says."""


class ServerFault(Exception):  # noqa: N818 - what goes wrong outside this project
    """Why a server gave no answer.

    Attributes
    ----------
    code : str
        A key of `FAULTS` or `NOT_STREAMED`.
    details : dict
        Fields of its sentence.
    wait : float
        Seconds that the server asks to wait; 0 where it says nothing.
    """

    def __init__(self, code: str, wait: float = 0.0, **details: Any) -> None:
        super().__init__({**FAULTS, **NOT_STREAMED}[code].format(**details))
        self.code, self.details, self.wait = code, details, wait


@lru_cache(maxsize=1)
def certificates() -> ssl.SSLContext:
    """Import the client, and read the certificates that it else reads anew for every answer.

    Reading them takes 20 to 40 ms: a third of the loop's time with 20 people asking.
    """
    try:
        from openai.resources.chat import completions as completions  # loaded by the first request otherwise
    except ImportError:
        raise ServerFault("no_package", package="openai") from None
    found: ssl.SSLContext = http_library().create_ssl_context()
    return found


def http_library() -> Any:
    """Return what the client speaks HTTP by: httpx, or httpx2 since openai 3."""
    from openai import DefaultAsyncHttpxClient

    return import_module(DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0])


def key_in(variable: str) -> str:
    """Return the key that a variable of the environment holds; without a variable what servers without keys take.

    Raises
    ------
    ServerFault
        When it is not set, or holds what no header can carry.
    """
    if not variable:
        return "none"
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ServerFault("no_key", variable=variable)
    if not (key.isascii() and key.isprintable()):
        raise ServerFault("odd_key", variable=variable)
    return key


def careful_client(seconds: float) -> Any:
    """Return an HTTP client for whole replies.

    It goes to no other address than it is given, as what is asked may not be for others, and reads at most
    `MOST_OF_A_REFUSAL` bytes, for at most `seconds`, of a reply with an error's status, which the library above it
    would read to its end.
    """
    from openai import DefaultHttpxClient, Timeout

    library, context = http_library(), certificates()

    short: Any = type("Short", (_Short, library.SyncByteStream), {})

    def shorten(response: Any) -> None:
        if response.status_code >= 300:
            response.stream = short(response.stream, seconds)

    timeout = Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    hooks: Any = {"response": [shorten]}
    try:
        return DefaultHttpxClient(verify=context, timeout=timeout, follow_redirects=False, event_hooks=hooks)
    except (ImportError, ValueError) as fault:  # its proxies are those of the environment
        raise ServerFault("proxy", fault=str(fault).rstrip(".")[:LONGEST_MESSAGE]) from fault


class _Short:
    """The beginning of a reply's bytes."""

    def __init__(self, stream: Any, seconds: float) -> None:
        self.stream, self.seconds = stream, seconds

    def __iter__(self) -> Iterator[bytes]:
        count, end = 0, time.monotonic() + self.seconds
        for piece in self.stream:
            yield piece
            count += len(piece)
            if count > MOST_OF_A_REFUSAL or time.monotonic() > end:
                return

    def close(self) -> None:
        self.stream.close()


def adapt(options: dict[str, Any], message: str) -> bool:
    """Change the options of a request that a server refused to what its message asks for; return whether that helps.

    OpenAI's reasoning models want another name for the limit and no temperature; other servers know neither. Some give
    no probabilities of tokens.
    """
    if "max_completion_tokens" in message and "max_tokens" in options:
        options["max_completion_tokens"] = options.pop("max_tokens")
    elif "temperature" in message and "temperature" in options:
        del options["temperature"]
    elif "logprobs" in message and "logprobs" in options:
        options.pop("logprobs")
        options.pop("top_logprobs", None)
    else:
        return False
    return True


def words_of(error: "APIError") -> str:
    """Return what a server said of a fault; those made with FastAPI say it in `detail`, which the client leaves out."""
    told, body = str(error.message), error.body
    detail = body.get("detail") if isinstance(body, Mapping) else None
    return f"{told} - {detail}" if isinstance(detail, str) and detail not in told else told


def refusal(error: "APIError", url: str, model: str, variable: str) -> ServerFault:
    """Turn an error of the client into a fault; the server's own words are shortened and kept to one line."""
    status = getattr(error, "status_code", None)
    if status is not None:
        return fault_of(status, words_of(error), url, model, variable, _wait(error))
    from openai import APIConnectionError

    if isinstance(error, APIConnectionError):
        return ServerFault("refused", url=url)
    return fault_of(200, words_of(error), url, model, variable)


def fault_of(status: int, words: str, url: str, model: str, variable: str, wait: float = 0.0) -> ServerFault:
    """Return the fault that a status means, with what the server says of it."""
    if status in (401, 403):
        return ServerFault("key_refused", url=url, status=status, variable=variable or "api_key_env")
    if status == 404:
        return ServerFault("no_model", url=url, status=status, model=model)
    if status in (429, 503):
        return ServerFault("busy", wait, url=url, status=status)
    message = " ".join(words[: 10 * LONGEST_MESSAGE].split())[:LONGEST_MESSAGE]
    return ServerFault("status", wait, url=url, status=status, message=message)


def moved(error: "APIError", url: str) -> ServerFault | None:
    """Return the fault of a server that sends requests on to another address; None where it does not."""
    response = getattr(error, "response", None)
    if response is None or not 300 <= response.status_code < 400:
        return None
    target = str(response.headers.get("location") or "nowhere").removesuffix("/chat/completions")
    return ServerFault("moved", url=url, target=" ".join(target.split())[:LONGEST_MESSAGE])


def _wait(error: "APIError") -> float:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        wait = float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return max(wait, 0.0) if math.isfinite(wait) else 0.0

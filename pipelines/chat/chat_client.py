"""What every client of a server that speaks OpenAI's chat protocol shares: its library, its faults, its odd wishes."""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai import APIError

CONNECT_SECONDS = 5.0
LONGEST_MESSAGE = 200
"""Characters of a server's own error message that are passed on."""
FAULTS = {
    "refused": "The server at {url} does not answer: start it, or correct base_url in params.yaml.",
    "dropped": "The connection broke in the middle of the answer; try again.",
    "key_refused": "The server at {url} refuses the key (status {status}): check the variable {variable}.",
    "busy": "The server at {url} has no room now (status {status}); wait a little and try again.",
    "no_model": "The server at {url} has no model {model} (status {status}): correct model in params.yaml.",
    "status": "The server at {url} answered with status {status}: {message}",
    "bad_reply": "The server at {url} sent something that is not OpenAI's streaming protocol; check base_url.",
    "no_key": "The environment variable {variable} is not set: set it to the server's key and start again.",
    "no_package": "The package {package} is not installed: pip install {package}.",
}
"""One English sentence per code."""
NOT_STREAMED = {
    "silent": "The server at {url} did not reply in {seconds} seconds; allow more seconds, or ask fewer at a time.",
    "too_long": "The model {model} reads {most} tokens and a question has {tokens}: show it fewer characters.",
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
    message = " ".join(words_of(error).split())[:LONGEST_MESSAGE]
    wait = _wait(error)
    if status in (401, 403):
        return ServerFault("key_refused", url=url, status=status, variable=variable or "api_key_env")
    if status == 404:
        return ServerFault("no_model", url=url, status=status, model=model)
    if status in (429, 503):
        return ServerFault("busy", wait, url=url, status=status)
    if status is not None:
        return ServerFault("status", wait, url=url, status=status, message=message)
    from openai import APIConnectionError

    if isinstance(error, APIConnectionError):
        return ServerFault("refused", url=url)
    return ServerFault("status", url=url, status=200, message=message)


def _wait(error: "APIError") -> float:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(float(headers.get("retry-after", 0)), 0.0)
    except ValueError:
        return 0.0

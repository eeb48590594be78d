"""Answers from any server that speaks OpenAI's chat protocol: Ollama, llama.cpp, vLLM, transformers serve, OpenAI."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from dashboard.generators.generator import GenerationFault, Generator, Source, StyleParams

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

CONNECT_SECONDS = 5.0
LONGEST_MESSAGE = 200
"""Characters of a server's own error message that are passed on."""
OLLAMA = "http://127.0.0.1:11434"
MOST_LISTED = 5_000_000
"""Bytes of its list of models."""


class OpenAIStyle(StyleParams):
    """A style that such a server answers in."""

    @model_validator(mode="after")
    def _has_a_server(self) -> "OpenAIStyle":
        if not (self.base_url and self.model):
            raise ValueError("generator openai needs base_url (http://…/v1) and model (its name on that server)")
        return self


class OpenAIServer(Generator):
    """Streams chat completions; a local Ollama is found by itself."""

    kind = "openai"
    Style = OpenAIStyle
    faults = {
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

    async def stream(self, question: str, style: StyleParams) -> AsyncIterator[str]:
        """Yield the answer as the server sends it; what a model only thinks comes as ""."""
        messages = [{"role": "system", "content": style.system_prompt}] if style.system_prompt else []
        messages.append({"role": "user", "content": question})
        options: dict[str, Any] = {"model": style.model, "messages": messages, "stream": True}
        options |= {"temperature": style.temperature, "max_tokens": style.max_tokens}
        async with _client(style) as client:
            async for piece in _pieces(await _begin(client, options, style), style):
                yield piece

    @classmethod
    def warmups(cls) -> tuple[Callable[[], object], ...]:
        """Return what loads the client."""
        return (warm,)

    @classmethod
    async def find(cls) -> list[Source]:
        """Return the chat models of a local Ollama, the smallest first."""
        return [Source(each.name, f"Ollama · {each.name}", partial(styled, model=each)) for each in await find_models()]


def warm() -> None:
    """Load the client, which takes a second or more; for a thread, so that the first question need not wait."""
    try:
        _library()
    except GenerationFault:
        return  # whoever asks will be told


@asynccontextmanager
async def _client(style: StyleParams) -> AsyncIterator["AsyncOpenAI"]:
    certificates = await asyncio.to_thread(_library)
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    if style.api_key_env and not os.environ.get(style.api_key_env):
        raise GenerationFault("no_key", variable=style.api_key_env)
    # reading is timed by `guarded`, which knows what has arrived; a retry would show the beginning twice
    timeout = Timeout(style.total_seconds, connect=min(CONNECT_SECONDS, style.stall_seconds))
    key = os.environ[style.api_key_env] if style.api_key_env else "none"
    async with (
        DefaultAsyncHttpxClient(verify=certificates, timeout=timeout) as http,
        AsyncOpenAI(base_url=style.base_url, api_key=key, max_retries=0, timeout=timeout, http_client=http) as client,
    ):
        yield client


@lru_cache(maxsize=1)
def _library() -> ssl.SSLContext:
    """Import the client, and read the certificates that it else reads anew for every answer.

    Reading them takes 20 to 40 ms: a third of the loop's time with 20 people asking.
    """
    try:
        from openai import DefaultAsyncHttpxClient
        from openai.resources.chat import completions as completions  # loaded by the first request otherwise
    except ImportError:
        raise GenerationFault("no_package", package="openai") from None
    library = DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0]  # httpx, or httpx2 since openai 3
    found: ssl.SSLContext = import_module(library).create_ssl_context()
    return found


async def _begin(
    client: "AsyncOpenAI", options: dict[str, Any], style: StyleParams
) -> "AsyncStream[ChatCompletionChunk]":
    from openai import APIError, BadRequestError

    while True:
        try:
            stream: AsyncStream[ChatCompletionChunk] = await client.chat.completions.create(**options)
            return stream
        except BadRequestError as error:
            # OpenAI's reasoning models want another name for the limit and no temperature; other servers know neither
            if "max_completion_tokens" in error.message and "max_tokens" in options:
                options["max_completion_tokens"] = options.pop("max_tokens")
            elif "temperature" in error.message and "temperature" in options:
                del options["temperature"]
            else:
                raise _refusal(error, style) from None
        except APIError as error:
            raise _refusal(error, style) from None
        except (AttributeError, TypeError, ValueError):
            raise GenerationFault("bad_reply", url=style.base_url) from None


async def _pieces(stream: "AsyncStream[ChatCompletionChunk]", style: StyleParams) -> AsyncIterator[str]:
    from openai import APIConnectionError, APIError

    seen, reason = False, None
    try:
        async for chunk in stream:
            seen = True
            choice = chunk.choices[0] if chunk.choices else None
            reason = (choice.finish_reason if choice else None) or reason
            yield (choice.delta.content if choice and choice.delta else None) or ""
    except APIConnectionError:
        raise GenerationFault("dropped") from None
    except APIError as error:
        raise _refusal(error, style) from None
    except (AttributeError, TypeError, ValueError):
        raise GenerationFault("bad_reply", url=style.base_url) from None
    finally:
        await stream.close()
    if reason is None:
        # no server ends an answer without saying why it ended
        raise GenerationFault("dropped") if seen else GenerationFault("bad_reply", url=style.base_url)
    if reason == "length":
        raise GenerationFault("cut_off", tokens=style.max_tokens)


def _refusal(error: "APIError", style: StyleParams) -> GenerationFault:
    """Turn an error of the client into a fault; the server's own words are shortened and kept to one line."""
    url, status = style.base_url, getattr(error, "status_code", None)
    message = " ".join(str(error.message).split())[:LONGEST_MESSAGE]
    if status in (401, 403):
        return GenerationFault("key_refused", url=url, status=status, variable=style.api_key_env or "api_key_env")
    if status == 404:
        return GenerationFault("no_model", url=url, status=status, model=style.model)
    if status in (429, 503):
        return GenerationFault("busy", url=url, status=status)
    if status is not None:
        return GenerationFault("status", url=url, status=status, message=message)
    from openai import APIConnectionError

    if isinstance(error, APIConnectionError):
        return GenerationFault("refused", url=url)
    return GenerationFault("status", url=url, status=200, message=message)


@dataclass(frozen=True)
class OllamaModel:
    """A model that a local Ollama can answer with: its name and its size on disk in bytes."""

    name: str
    size: int


async def find_models(address: str = OLLAMA, seconds: float = 0.5) -> list[OllamaModel]:
    """Ask a local Ollama for its models (GET /api/tags); an empty list where none runs.

    Parameters
    ----------
    address : str
        Where Ollama listens.
    seconds : float
        How long to wait: on one's own machine it answers at once or is not there.

    Returns
    -------
    list of OllamaModel
        Chat models, the smallest first; models that only embed are left out.
    """
    from tornado.httpclient import HTTPError
    from tornado.simple_httpclient import SimpleAsyncHTTPClient

    client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=MOST_LISTED)
    try:
        reply = await client.fetch(f"{address}/api/tags", connect_timeout=seconds, request_timeout=seconds)
        listed = json.loads(reply.body)["models"]
        found = [OllamaModel(str(one["name"]), int(one.get("size") or 0)) for one in listed if _chats(one)]
    except (HTTPError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    finally:
        client.close()
    return sorted(found, key=lambda model: (model.size, model.name))


def styled(style: StyleParams, model: OllamaModel, address: str = OLLAMA) -> StyleParams:
    """Return the style answered by a model of the local Ollama; name, prompt and lengths stay."""
    changed = {"generator": "openai", "base_url": f"{address}/v1", "model": model.name, "api_key_env": ""}
    return OpenAIStyle.model_validate(style.model_dump() | changed)


def _chats(listed: dict[str, object]) -> bool:
    capabilities = listed.get("capabilities")
    if isinstance(capabilities, list) and capabilities:
        return "completion" in capabilities
    details = listed.get("details")
    family = str(details.get("family") or "") if isinstance(details, dict) else ""
    return "bert" not in family.lower()

"""Answers from any server that speaks OpenAI's chat protocol: Ollama, llama.cpp, vLLM, transformers serve, OpenAI."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dashboard.generators.generator import Description, GenerationFault, Notice
from dashboard.params import StyleParams

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

CONNECT_SECONDS = 5.0
LONGEST_MESSAGE = 200
"""Characters of a server's own error message that are passed on."""


class OpenAIServer:
    """Streams chat completions."""

    def describe(self, style: StyleParams) -> Description:
        """Return the model's name on the server and the settings, without the key."""
        return Description(style.model, style.settings())

    def notice(self, question: str) -> Notice | None:
        """Return None: the answer is what it seems to be."""
        return None

    async def stream(self, question: str, style: StyleParams) -> AsyncIterator[str]:
        """Yield the answer as the server sends it; what a model only thinks comes as ""."""
        messages = [{"role": "system", "content": style.system_prompt}] if style.system_prompt else []
        messages.append({"role": "user", "content": question})
        options: dict[str, Any] = {"model": style.model, "messages": messages, "stream": True}
        options |= {"temperature": style.temperature, "max_tokens": style.max_tokens}
        async with _client(style) as client:
            async for piece in _pieces(await _begin(client, options, style), style):
                yield piece


async def models(style: StyleParams) -> list[str]:
    """Return the names of the models that the style's server offers (GET /v1/models).

    Raises
    ------
    GenerationFault
        Where the server does not answer as it should.
    """
    async with _client(style) as client:
        from openai import APIError

        try:
            return [model.id async for model in client.models.list()]
        except APIError as error:
            raise _refusal(error, style) from None
        except (AttributeError, TypeError, ValueError):
            raise GenerationFault("bad_reply", url=style.base_url) from None


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

"""Answers from any server that speaks OpenAI's chat protocol: Ollama, llama.cpp, vLLM, transformers serve, OpenAI."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from dashboard.generators.conversation import Turn, chat_messages
from dashboard.generators.generator import GenerationFault, Generator, Source, StyleParams
from pipelines.chat.chat_client import (
    CONNECT_SECONDS,
    FAULTS,
    ServerFault,
    adapt,
    certificates,
    key_in,
    refusal,
    words_of,
)

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

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
    faults = FAULTS

    async def stream(self, question: str, style: StyleParams, before: Sequence[Turn] = ()) -> AsyncIterator[str]:
        """Yield the answer as the server sends it; what a model only thinks comes as ""."""
        options: dict[str, Any] = {"model": style.model, "messages": chat_messages(question, style, before)}
        options["stream"] = True
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
        record = {"base_url": f"{OLLAMA}/v1"}
        return [
            Source(each.name, f"Ollama · {each.name}", partial(styled, model=each), record | {"model": each.name})
            for each in await find_models()
        ]


def warm() -> None:
    """Load the client, which takes a second or more; for a thread, so that the first question need not wait."""
    try:
        certificates()
    except ServerFault:
        return  # whoever asks will be told


@asynccontextmanager
async def _client(style: StyleParams) -> AsyncIterator["AsyncOpenAI"]:
    try:
        context, key = await asyncio.to_thread(certificates), key_in(style.api_key_env)
    except ServerFault as fault:
        raise _generation_fault(fault) from None
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    # reading is timed by `guarded`, which knows what has arrived; a retry would show the beginning twice
    timeout = Timeout(style.total_seconds, connect=min(CONNECT_SECONDS, style.stall_seconds))
    async with (
        DefaultAsyncHttpxClient(verify=context, timeout=timeout) as http,
        AsyncOpenAI(base_url=style.base_url, api_key=key, max_retries=0, timeout=timeout, http_client=http) as client,
    ):
        yield client


async def _begin(
    client: "AsyncOpenAI", options: dict[str, Any], style: StyleParams
) -> "AsyncStream[ChatCompletionChunk]":
    from openai import APIError, BadRequestError

    while True:
        try:
            stream: AsyncStream[ChatCompletionChunk] = await client.chat.completions.create(**options)
            return stream
        except BadRequestError as error:
            if not adapt(options, words_of(error)):
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
    return _generation_fault(refusal(error, style.base_url, style.model, style.api_key_env))


def _generation_fault(fault: ServerFault) -> GenerationFault:
    return GenerationFault(fault.code, **fault.details)


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


async def listed_models(base_url: str, seconds: float = 5.0) -> list[str]:
    """Ask a server that speaks OpenAI's protocol for its models (GET /models); an empty list where it has none."""
    from tornado.httpclient import HTTPError
    from tornado.simple_httpclient import SimpleAsyncHTTPClient

    client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=MOST_LISTED)
    try:
        address = f"{base_url.rstrip('/')}/models"
        reply = await client.fetch(address, connect_timeout=seconds, request_timeout=seconds, follow_redirects=False)
        listed = json.loads(reply.body)["data"]
        return sorted({str(one["id"])[:200] for one in listed})[:200]
    except (HTTPError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    finally:
        client.close()


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

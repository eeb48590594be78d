"""A local Ollama, found by itself."""

import json
from dataclasses import dataclass

from dashboard.params import StyleParams

ADDRESS = "http://127.0.0.1:11434"
MOST_BYTES = 5_000_000


@dataclass(frozen=True)
class OllamaModel:
    """A model that a local Ollama can answer with: its name and its size on disk in bytes."""

    name: str
    size: int


async def find_models(address: str = ADDRESS, seconds: float = 0.5) -> list[OllamaModel]:
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

    client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=MOST_BYTES)
    try:
        reply = await client.fetch(f"{address}/api/tags", connect_timeout=seconds, request_timeout=seconds)
        listed = json.loads(reply.body)["models"]
        found = [OllamaModel(str(one["name"]), int(one.get("size") or 0)) for one in listed if _chats(one)]
    except (HTTPError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    finally:
        client.close()
    return sorted(found, key=lambda model: (model.size, model.name))


def styled(style: StyleParams, model: OllamaModel, address: str = ADDRESS) -> StyleParams:
    """Return the style answered by a model of the local Ollama; name, prompt and lengths stay."""
    changed = {"generator": "openai", "base_url": f"{address}/v1", "model": model.name, "api_key_env": ""}
    return StyleParams.model_validate(style.model_dump() | changed)


def _chats(listed: dict[str, object]) -> bool:
    capabilities = listed.get("capabilities")
    if isinstance(capabilities, list) and capabilities:
        return "completion" in capabilities
    details = listed.get("details")
    family = str(details.get("family") or "") if isinstance(details, dict) else ""
    return "bert" not in family.lower()

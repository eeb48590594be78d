"""Where answers come from: one interface, a file for each kind, and their registry."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import create_model

from dashboard.generators.generator import Generator, Source, StyleParams
from dashboard.generators.local_model import LocalModel
from dashboard.generators.openai_server import OpenAIServer
from dashboard.generators.recorded import Recorded
from dashboard.generators.small_model import SmallModel

GENERATORS: dict[str, type[Generator]] = {each.kind: each for each in (Recorded, OpenAIServer, LocalModel, SmallModel)}
"""By the name that a style has for it."""
_AnyStyle = create_model("StyleParams", __base__=StyleParams, generator=(Literal[*GENERATORS], ...))  # type: ignore


def generator_for(style: StyleParams, key: Literal["a", "b"]) -> Generator:
    """Return the generator that a style names; one object of each kind serves the whole process.

    Parameters
    ----------
    style : StyleParams
        Its `generator` is the kind.
    key : "a" or "b"
        Which of the two styles it is; only recorded answers depend on it.
    """
    return _generator(style.generator, key)


def checked_style(value: Any) -> StyleParams:
    """Return a style as its kind of generator declares it; a `ValidationError` where a key or the kind is wrong."""
    if isinstance(value, StyleParams):
        return value
    kind = value.get("generator", Recorded.kind) if isinstance(value, Mapping) else None
    known = GENERATORS.get(kind) if isinstance(kind, str) else None
    return (known.Style if known is not None else _AnyStyle).model_validate(value)


async def found_sources() -> list[Source]:
    """Return the models that can answer without being named in params.yaml; an empty list where none runs."""
    return [source for kind in GENERATORS.values() for source in await kind.find()]


def close_generators() -> None:
    """End what is being written, and the processes that write, as the server is to end."""
    for kind in GENERATORS:
        _generator(kind, "a").close()
        _generator(kind, "b").close()


@cache
def _generator(kind: str, key: Literal["a", "b"]) -> Generator:
    return GENERATORS[kind](key)

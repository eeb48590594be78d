"""Where answers come from: one interface, a file for each kind."""

from functools import cache
from typing import Literal

from dashboard.generators.generator import Generator
from dashboard.params import StyleParams


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


@cache
def _generator(kind: str, key: Literal["a", "b"]) -> Generator:
    if kind == "openai":
        from dashboard.generators.openai_server import OpenAIServer

        return OpenAIServer()
    if kind == "local":
        from dashboard.generators.local_model import LocalModel

        return LocalModel()
    from dashboard.generators.recorded import Recorded

    return Recorded(key)

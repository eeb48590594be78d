"""What an engine is."""

from collections.abc import Sequence
from typing import Protocol

from features.blocks.interface import Floats

Ids = list[int]


class Engine(Protocol):
    """Turns the token ids of texts into rows, each text by itself."""

    def embed(self, ids: Sequence[Ids]) -> Floats:
        """Return an (n, d) float32 array; `ids` are n lists of token ids, special tokens included."""
        ...

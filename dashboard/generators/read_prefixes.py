"""What a causal language model remembers of texts it has read or written, so that it need not read them again.

A question that is asked on begins with all that was said before, and any question with the system prompt of its style:
of a prompt only what no kept text begins with is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SHORTEST = 16
"""Tokens in common from which on a kept text is used: fewer are read again sooner, together with other prompts."""


@dataclass(frozen=True)
class _Kept:
    ids: list[int]
    layers: list[tuple[Any, ...]]


class ReadPrefixes:
    """Keeps the keys and values of the texts that were used last.

    Parameters
    ----------
    most : int
        Tokens of all texts together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[_Kept] = []

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, ids: Sequence[int], mask: Any, cache: Any, row: int) -> None:
        """Keep a row of a batch that leaves it.

        Parameters
        ----------
        ids : sequence of int
            Its tokens; there may be more of them at the end than the cache holds.
        mask : (rows, width) tensor
            1 where the cache has a token of the row, 0 in the padding on the left.
        cache : Cache
            Of transformers, with `layers` of keys and values, (rows, heads, width, size).
        row : int
            Which one.
        """
        width, count = mask.shape[1], int(mask[row].sum())
        plain = all(each.shape[-2] == width for layer in cache.layers for each in (layer.keys, layer.values))
        if not plain or not 0 < count <= min(len(ids), self._most):
            return  # a window that slides has forgotten the beginning
        pairs = [(layer.keys, layer.values) for layer in cache.layers]
        own = [tuple(each[row : row + 1, :, width - count :].clone() for each in pair) for pair in pairs]
        self._kept.append(_Kept(list(ids[:count]), own))
        while sum(len(each.ids) for each in self._kept) > self._most:
            del self._kept[0]

    def find(self, ids: Sequence[int]) -> tuple[int, Any]:
        """Return how many tokens at the beginning of a prompt are known, and a cache of them; (0, None) for none.

        At least one token is left to be read, as what comes next is told by reading.
        """
        shared = [_shared(each.ids, ids) for each in self._kept]
        count = min(max(shared, default=0), len(ids) - 1)
        if count < SHORTEST:
            return 0, None
        from transformers import DynamicCache

        best = self._kept.pop(shared.index(max(shared)))
        self._kept.append(best)
        cache = DynamicCache()
        for number, (keys, values) in enumerate(best.layers):
            cache.update(keys[:, :, :count], values[:, :, :count], number)
        return count, cache


def _shared(ids: Sequence[int], others: Sequence[int]) -> int:
    """Return how many tokens two texts have in common at their beginning."""
    for place, (one, other) in enumerate(zip(ids, others, strict=False)):
        if one != other:
            return place
    return min(len(ids), len(others))

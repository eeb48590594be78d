"""Rows of blocks that travel with battles to a node of a cluster, and those that come back from there.

One machine alone uses a cache: it sends what the cache has of some battles, and keeps what the node computed besides.
So any cache will do, in a folder that nobody else sees or in object storage, and nodes need no rights on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.blocks.interface import EMBEDDINGS, LANGUAGE_MODEL, TEXT, ComputesRows
from features.blocks.registry import BLOCKS
from features.build import FeatureParams
from features.cache import BlockCache, name_of
from features.items import ITEMS, distinct_texts, items_seen
from pipelines.battles.arrays import Floats32

Rows = tuple[list[bytes], Floats32]
"""Keys of items, and their rows."""


@dataclass
class CarriedRows:
    """What a cache has of some battles, as `features.build.build_features` takes a cache.

    Attributes
    ----------
    known : mapping of str to (keys, rows)
        By `features.cache.name_of` their block.
    new : dict of str to list of (keys, rows)
        What was put there since.
    """

    known: Mapping[str, Rows]
    new: dict[str, list[Rows]] = field(default_factory=dict)

    def get(self, block: ComputesRows, keys: Sequence[bytes]) -> tuple[Floats32, NDArray[np.bool_]]:
        """Return the rows of these keys, and which there are, as `BlockCache.get` does."""
        names, kept = self.known.get(name_of(block), ([], np.zeros((0, len(block.columns)), dtype=np.float32)))
        places = {name: place for place, name in enumerate(names)}
        at = np.array([places.get(key, -1) for key in keys], dtype=np.int64)
        found = at >= 0
        rows = np.full((len(keys), len(block.columns)), np.nan, dtype=np.float32)
        rows[found] = kept[at[found]]
        return rows, found

    def put(self, block: ComputesRows, keys: Sequence[bytes], rows: Floats32) -> None:
        """Note rows that are new."""
        self.new.setdefault(name_of(block), []).append((list(keys), np.asarray(rows)))


def known_rows(
    battles: pd.DataFrame, params: FeatureParams, encoder_block: ComputesRows | None, cache: BlockCache
) -> dict[str, Rows]:
    """Return what a cache has of the rows that `build_features` asks for; not of blocks that read a language model."""
    texts, found = distinct_texts(battles), {}
    for block in blocks_asked(params, encoder_block):
        items = items_seen(TEXT if block is encoder_block else BLOCKS[block.name].sees, texts)
        rows, there = cache.get(block, items.keys)
        places = np.flatnonzero(there)
        if len(places):
            found[name_of(block)] = [items.keys[place] for place in places], rows[places]
    return found


def keep_rows(
    new: Mapping[str, Sequence[Rows]],
    params: FeatureParams,
    encoder_block: ComputesRows | None,
    cache: BlockCache,
) -> None:
    """Put what a node computed into a cache; rows of a block as another engine has it are left out."""
    for block in blocks_asked(params, encoder_block):
        for keys, rows in new.get(name_of(block), ()):
            cache.put(block, keys, rows)


def blocks_asked(params: FeatureParams, encoder_block: ComputesRows | None) -> list[ComputesRows]:
    """Return the blocks whose rows are kept, the encoder among them."""
    on = [block for block in BLOCKS.values() if getattr(params, block.switch)]
    found: list[ComputesRows] = [block for block in on if block.sees in ITEMS and block.sees != LANGUAGE_MODEL]
    if encoder_block is not None and any(block.sees == EMBEDDINGS for block in on):
        found.append(encoder_block)
    return found

"""Numbers of battles that were found before, looked up by the battles' texts: whichever side an answer stands on.

A battle's key is a hash of its prompt and of its answers in the order of their bytes, so that a battle and its twin
with the sides swapped have one key, and what is known of the one is, mirrored to the last bit, known of the other.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.files.saved_files import DamagedError, Tensors

FILE = "known.safetensors"
Bools = NDArray[np.bool_]
Keys = NDArray[np.uint64]


def battle_keys(texts: pd.DataFrame) -> tuple[Keys, Bools]:
    """Return (n,) keys of battles, and (n,) whether B's answer comes first in the order of bytes."""
    keys, turned = np.empty(len(texts), dtype=np.uint64), np.empty(len(texts), dtype=bool)
    for row, (prompt, a, b) in enumerate(zip(*(texts[name] for name in TEXT_COLUMNS), strict=True)):
        first, second = _packed(a), _packed(b)
        turned[row] = second < first
        if turned[row]:
            first, second = second, first
        digest = hashlib.blake2b(digest_size=8)
        for part in (_packed(prompt), first, second):
            digest.update(len(part).to_bytes(8, "little") + part)
        keys[row] = int.from_bytes(digest.digest(), "little")
    return keys, turned


def alike(texts: pd.DataFrame) -> Bools:
    """Return (n,): whether both answers are the same text, so that nothing can be known of one side alone."""
    return np.array([a == b for a, b in zip(texts["response_a"], texts["response_b"], strict=True)], dtype=bool)


def _packed(turns: Sequence[str]) -> bytes:
    parts = [turn.encode("utf-8", "surrogatepass") for turn in turns]
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


@dataclass(frozen=True)
class KnownBattles:
    """What is known of m battles: numbers of which some turn with the sides and others stay.

    Attributes
    ----------
    keys : (m,) uint64
        Ascending, as `battle_keys` gives them.
    odd : (m, p) float
        Numbers whose sign turns when the sides are swapped, for the answers in the order of their bytes.
    even : (m, q) float
        Numbers that stay.
    """

    keys: Keys
    odd: Floats
    even: Floats

    @classmethod
    def of(cls, texts: pd.DataFrame, odd: Floats, even: Floats) -> "KnownBattles":
        """Return what is known of n battles; rows with a NaN are left out, those of one key are averaged.

        Parameters
        ----------
        texts : DataFrame, n rows
            Tuples of turns.
        odd, even : (n, p) and (n, q) float
            For the sides as they stand there.
        """
        there = np.isfinite(odd).all(axis=1) & np.isfinite(even).all(axis=1)
        keys, turned = battle_keys(texts)
        signed = np.where(turned[:, None], -odd, odd)
        signed[alike(texts)] = 0.0
        found, place = np.unique(keys[there], return_inverse=True)
        return cls(found, _means(signed[there], place, len(found)), _means(even[there], place, len(found)))

    def look_up(self, texts: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return (n, p) and (n, q) numbers of n battles, NaN where nothing is known; exact under swapping."""
        keys, turned = battle_keys(texts)
        rows = np.searchsorted(self.keys, keys)
        rows[rows == len(self.keys)] = 0
        known = self.keys[rows] == keys if len(self.keys) else np.zeros(len(keys), dtype=bool)
        odd, even = np.full((len(keys), self.odd.shape[1]), np.nan), np.full((len(keys), self.even.shape[1]), np.nan)
        odd[known], even[known] = self.odd[rows[known]], self.even[rows[known]]
        return np.where(turned[:, None], -odd, odd), even

    def joined(self, more: "KnownBattles") -> "KnownBattles":
        """Return what either knows; this one where both do."""
        new = ~np.isin(more.keys, self.keys)
        keys = np.concatenate([self.keys, more.keys[new]])
        order = np.argsort(keys)
        odd, even = np.concatenate([self.odd, more.odd[new]]), np.concatenate([self.even, more.even[new]])
        return KnownBattles(keys[order], odd[order], even[order])

    def digest(self) -> str:
        """Return a hash of everything, 64 hex digits."""
        found = hashlib.sha256()
        for values in (self.keys, self.odd, self.even):
            found.update(repr(values.shape).encode() + np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> None:
        """Write it as safetensors."""
        from safetensors.numpy import save_file

        parts = {"keys": self.keys, "odd": self.odd, "even": self.even}
        save_file({name: np.ascontiguousarray(values) for name, values in parts.items()}, folder / FILE)

    @classmethod
    def load(cls, folder: Path, odd: int, even: int) -> "KnownBattles":
        """Read what `save` wrote; a `DamagedError` where it is missing, damaged or of other numbers."""
        path = folder / FILE
        stored = Tensors(path, "keys|odd|even")
        found = cls(stored.keys("keys"), stored.floats("odd", None, odd), stored.floats("even", None, even))
        if not len(found.keys) == len(found.odd) == len(found.even):
            raise DamagedError(path, "holds other numbers of keys and rows")
        return found


def _means(values: Floats, place: NDArray[np.int64], many: int) -> Floats:
    count = np.bincount(place, minlength=many)
    sums = [np.bincount(place, values[:, column], many) for column in range(values.shape[1])]
    return np.stack(sums, axis=1) / count[:, None] if sums else np.empty((many, 0))

"""The one place that turns numbers of single texts into features of a pair, and knows how the swap acts on them.

Frozen embeddings become a few pair features by directions that are fitted on training rows only.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError, shown
from pipelines.files.saved_files import Tensors

ROWS_AT_ONCE = 4096
_Number = TypeVar("_Number", bound=np.generic)


class LackingFeaturesError(UserError):
    """Features that something was trained on are not computed."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        self.shown = f"{', '.join(shown(name, 80) for name in names[:3])}{more}"
        super().__init__(f"the features {self.shown} are needed and not computed; switch on the blocks that give them.")


_NAME = re.compile(r"(?P<block>[^:]*): (?P<column>.*) \((?P<kind>[^()]*)\)")


@dataclass(frozen=True)
class FeatureName:
    """The parts of a pair feature's name.

    Attributes
    ----------
    block : str
        Key of the block (`surface`).
    column : str
        What is counted (`words`).
    kind : str
        `A`, `B`, `A - B`, `|A - B|`, `prompt`, or `A,B` for what both answers share.
    """

    block: str
    column: str
    kind: str

    @property
    def is_direction(self) -> bool:
        """Whether it is one of the reduced directions of the embeddings, none of which has a name of its own."""
        return self.block == "embedding" and self.column.startswith("direction ")


def parsed(name: str) -> FeatureName:
    """Take a name as this file writes it apart. Raises a `ValueError` where the name has another form."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r}: a feature's name has the form 'block: column (kind)'")
    return FeatureName(**found.groupdict())


@dataclass(frozen=True)
class PairMatrix:
    """Features of n battles, with the rule that swaps the sides.

    Attributes
    ----------
    values : (n, p) float32
        NaN where a feature does not apply.
    names : tuple of str, length p
        `block: column (A)`, `(B)`, `(A - B)`, `(|A - B|)`, `(prompt)`.
    partner : (p,) int64
        Column that takes this column's place when the sides are swapped.
    sign : (p,) float32
        -1 where the swapped value is negated, 1 elsewhere.
    """

    values: Floats32
    names: tuple[str, ...]
    partner: NDArray[np.int64]
    sign: Floats32

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.int64]) -> "PairMatrix":
        """Return the chosen rows."""
        return PairMatrix(self.values[rows], self.names, self.partner, self.sign)

    def flip(self) -> "PairMatrix":
        """Return the same battles with the sides swapped."""
        # Adding 0 turns -0 into 0, so that the flip has the very bytes that swapped texts give.
        return PairMatrix(self.values[:, self.partner] * self.sign + 0, self.names, self.partner, self.sign)

    def select(self, names: Sequence[str]) -> "PairMatrix":
        """Return the features of these names, in this order; others are left out.

        Raises
        ------
        LackingFeaturesError
            When some are not among these.
        ValueError
            When a feature is named without the one that takes its place when the sides are swapped.
        """
        wanted = tuple(names)
        if wanted == self.names:
            return self
        self.require(wanted)
        keep, partner = _chosen(self.names, wanted, self.partner.tobytes())
        return PairMatrix(self.values[:, keep], wanted, partner, self.sign[keep])

    def require(self, names: Iterable[str]) -> None:
        """Raise a `LackingFeaturesError` where features of these names are not among these."""
        known = _positions(self.names)
        if lacking := [name for name in names if name not in known]:
            raise LackingFeaturesError(lacking)

    def places(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Return the places of features of these names; a `KeyError` where one is not there."""
        return _places(self.names, names)

    def columns(self, keep: Sequence[int]) -> "PairMatrix":
        """Return the chosen columns; a column and its partner are kept or dropped together."""
        position = {column: place for place, column in enumerate(keep)}
        partner = np.array([position[int(self.partner[column])] for column in keep], dtype=np.int64)
        names = tuple(self.names[column] for column in keep)
        return PairMatrix(self.values[:, keep], names, partner, self.sign[list(keep)])


@dataclass(frozen=True)
class Embeddings:
    """Frozen sentence embeddings of n battles: `prompt`, `a` and `b`, each (n, d) float32, rows of unit length."""

    prompt: Floats32
    a: Floats32
    b: Floats32

    def take(self, rows: NDArray[np.int64]) -> "Embeddings":
        """Return the chosen rows."""
        return Embeddings(self.prompt[rows], self.a[rows], self.b[rows])

    def flip(self) -> "Embeddings":
        """Return the same battles with the sides swapped."""
        return Embeddings(self.prompt, self.b, self.a)


def join(parts: Sequence[PairMatrix]) -> PairMatrix:
    """Set feature matrices of the same battles side by side; there is at least one."""
    starts = np.cumsum([0] + [part.values.shape[1] for part in parts[:-1]])
    return PairMatrix(
        np.concatenate([part.values for part in parts], axis=1),
        _joined(tuple(part.names for part in parts)),
        np.concatenate([part.partner + start for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.sign for part in parts]),
    )


def answer_pairs(block: str, columns: Sequence[str], a: Floats32, b: Floats32) -> PairMatrix:
    """Turn numbers of answer A and of answer B, each (n, k), into A, B, A - B and |A - B|: (n, 4k)."""
    a, b = a + 0, b + 0  # a block may say -0, which a flip turns into 0
    difference = a - b
    values = np.concatenate([a, b, difference, np.abs(difference)], axis=1)
    return PairMatrix(values.astype(np.float32), *_four_kinds(block, tuple(columns)))


def shared(block: str, columns: Sequence[str], values: Floats32, of: str = "prompt") -> PairMatrix:
    """Name numbers that both sides share, (n, k): those of the prompt, or of the battle as a whole."""
    names = tuple(f"{block}: {column} ({of})" for column in columns)
    k = len(columns)
    return PairMatrix(values.astype(np.float32), names, np.arange(k), np.ones(k, dtype=np.float32))


# A judge that is asked battle by battle has the same names each time: what follows from them is kept.


@lru_cache(maxsize=64)
def _positions(names: tuple[str, ...]) -> Mapping[str, int]:
    return MappingProxyType({name: column for column, name in enumerate(names)})


@lru_cache(maxsize=64)
def _places(names: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.int64]:
    position = _positions(names)
    return _fixed(np.array([position[name] for name in wanted], dtype=np.int64))


@lru_cache(maxsize=64)
def _chosen(
    names: tuple[str, ...], wanted: tuple[str, ...], partner: bytes
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of wanted features among all, and the partner of each among the wanted ones."""
    position, of = _positions(names), np.frombuffer(partner, dtype=np.int64)
    keep = np.array([position[name] for name in wanted], dtype=np.int64)
    place = {column: number for number, column in enumerate(keep.tolist())}
    alone = [column for column in of[keep].tolist() if column not in place]
    if alone:
        raise ValueError(f"has no feature {names[min(alone)]!r}, which its partner needs")
    return _fixed(keep), _fixed(np.array([place[column] for column in of[keep].tolist()], dtype=np.int64))


@lru_cache(maxsize=64)
def _joined(names: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(chain.from_iterable(names))


@lru_cache(maxsize=256)
def _four_kinds(block: str, columns: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.int64], Floats32]:
    """Return names, partners and signs of the features that `answer_pairs` makes."""
    k = len(columns)
    names = tuple(f"{block}: {column} ({kind})" for kind in ("A", "B", "A - B", "|A - B|") for column in columns)
    own = np.arange(k)
    partner = np.concatenate([own + k, own, own + 2 * k, own + 3 * k])
    sign = np.repeat(np.array([1, 1, -1, 1], dtype=np.float32), k)
    return names, _fixed(partner), _fixed(sign)


def _fixed(array: NDArray[_Number]) -> NDArray[_Number]:
    """Return an array that nobody can write to, as several share it."""
    array.flags.writeable = False
    return array


class EmbeddingReducer:
    """Principal directions of the difference of the two answers' embeddings and of the prompt's.

    The difference is not centred, so that swapping the sides turns the sign of every reduced difference exactly.

    Parameters
    ----------
    components : int
        Directions kept of the difference and, as many, of the prompt; fewer where there are fewer rows.
    """

    def __init__(self, components: int, seed: int) -> None:
        self.components = components
        self.seed = seed

    def fit(self, embeddings: Embeddings) -> "EmbeddingReducer":
        """Find the directions; embeddings of n battles, (n, d) each."""
        from sklearn.decomposition import TruncatedSVD

        count = min(self.components, embeddings.a.shape[1] - 1, max(len(embeddings.a) - 1, 1))
        self.centre_ = embeddings.prompt.mean(axis=0, dtype=np.float64)

        def directions(rows: NDArray[np.float64]) -> NDArray[np.float64]:
            with np.errstate(invalid="ignore", divide="ignore"):  # a single row has no variance to explain
                found = TruncatedSVD(count, random_state=self.seed).fit(rows).components_
            # Row by row in memory: safetensors would write an array of another order scrambled.
            return np.ascontiguousarray(found, dtype=np.float64)

        self.difference_ = directions(embeddings.a.astype(np.float64) - embeddings.b)
        self.prompt_ = directions(embeddings.prompt - self.centre_)
        return self

    def transform(self, embeddings: Embeddings) -> PairMatrix:
        """Return (n, 3 * components): reduced difference, its size, reduced prompt; a `UserError` for other widths."""
        found, wanted = embeddings.a.shape[1], self.difference_.shape[1]
        if found != wanted:
            raise UserError(
                f"encoder: gives {found} numbers a text, and {wanted} are needed; use the one of the training."
            )
        # In float64 and only then rounded: the last bits of a float32 matrix product depend on the number of rows,
        # and a tree turns a last bit at a threshold into another leaf.
        difference = _project(embeddings.a, self.difference_, embeddings.b)
        prompt = _project(embeddings.prompt, self.prompt_, self.centre_)
        k = difference.shape[1]
        columns = [f"direction {number + 1}" for number in range(k)]
        odd = PairMatrix(
            difference,
            tuple(f"embedding: {column} (A - B)" for column in columns),
            np.arange(k),
            np.full(k, -1, dtype=np.float32),
        )
        return join(
            [odd, shared("embedding", columns, np.abs(difference), "|A - B|"), shared("embedding", columns, prompt)]
        )

    def save(self, path: Path) -> None:
        """Write the directions as safetensors."""
        save_file({"difference": self.difference_, "prompt": self.prompt_, "centre": self.centre_}, path)

    @classmethod
    def load(cls, path: Path) -> "EmbeddingReducer":
        """Read what `save` wrote; a `DamagedError` where that is missing or damaged."""
        stored = Tensors(path, "difference|prompt|centre")
        difference = stored.floats("difference", None, None)
        count, width = difference.shape
        reducer = cls(count, 0)
        reducer.difference_, reducer.prompt_ = difference, stored.floats("prompt", count, width)
        reducer.centre_ = stored.floats("centre", width)
        return reducer


def with_reduced(pairs: PairMatrix, embeddings: Embeddings | None, reducer: EmbeddingReducer | None) -> PairMatrix:
    """Return the pair features with the reduced embeddings beside them, where there are any."""
    if reducer is None or embeddings is None:
        return pairs
    return join([pairs, reducer.transform(embeddings)])


def _project(rows: Floats32, directions: NDArray[np.float64], minus: NDArray[np.floating]) -> Floats32:
    out = np.empty((len(rows), len(directions)), dtype=np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        away = minus[part] if minus.ndim == 2 else minus
        out[part] = (rows[part].astype(np.float64) - away) @ directions.T
    return out

"""The interface of a level-0 learner and the data it is given."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any, Literal, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from features.pairs import EmbeddingReducer, Embeddings, PairMatrix, with_reduced
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.files.saved_files import Saved
from stacker.learners.soft_votes import SoftVotes

Result = TypeVar("Result")

SETTINGS = "learner.json"
"""What `save` writes a learner's settings into."""
REDUCER = "reducer.safetensors"
FORMAT = 2
"""Of that file. Format 1, in which it was not written down, has former names of settings, and is read too."""


class LearnerFile(Saved):
    """What learner.json of any learner holds; each adds its own."""

    format: Literal[1, 2] = 1


def write_settings(folder: Path, content: Mapping[str, Any]) -> None:
    """Write learner.json."""
    text = json.dumps({"format": FORMAT, **content}, ensure_ascii=False)
    (folder / SETTINGS).write_text(text, encoding="utf-8")


class SharedWork:
    """What fits on parts of one data set have in common: worked out once for all of them, and kept as long as the data.

    What does not name in its key all that it was fitted to must not be fitted, nor depend on votes: parts that a fit
    must not see have a share in it.

    Parameters
    ----------
    texts : DataFrame, n rows
        The texts of the whole data set, as `LearnerData` has them.
    """

    def __init__(self, texts: pd.DataFrame) -> None:
        self.texts = texts
        self._kept: dict[str, Any] = {}
        self._lock = RLock()

    def of(self, key: str, make: Callable[[pd.DataFrame], Result]) -> Result:
        """Return what `make` gave for the texts when it was first asked for under this key."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make(self.texts)
            return self._kept[key]

    def forget(self) -> None:
        """Give back the memory of what was kept; what is asked for again is worked out again."""
        with self._lock:
            self._kept.clear()


@dataclass(frozen=True)
class LearnerData:
    """What every learner sees of n battles; never the model names, never the outcome.

    Attributes
    ----------
    texts : DataFrame, n rows
        Columns `prompt`, `response_a`, `response_b`: tuples of turns.
    pairs : PairMatrix, n rows
        Unfitted pair features.
    embeddings : Embeddings or None
        None where the embedding block is off.
    shared : SharedWork or None
        What other fits on the same data set have worked out; None where there are no others.
    """

    texts: pd.DataFrame
    pairs: PairMatrix
    embeddings: Embeddings | None
    shared: SharedWork | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out, on the way to another process, what is shared in this one."""
        return LearnerData, (self.texts, self.pairs, self.embeddings)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Ints) -> "LearnerData":
        """Return the chosen rows, in the order given."""
        embeddings = None if self.embeddings is None else self.embeddings.take(rows)
        texts = self.texts.iloc[rows].reset_index(drop=True)
        return LearnerData(texts, self.pairs.take(rows), embeddings, self.shared)

    def flip(self) -> "LearnerData":
        """Return the same battles with the sides swapped."""
        texts = self.texts.rename(columns={"response_a": "response_b", "response_b": "response_a"})
        embeddings = None if self.embeddings is None else self.embeddings.flip()
        return LearnerData(texts[list(TEXT_COLUMNS)], self.pairs.flip(), embeddings, self.shared)


@dataclass(frozen=True)
class Fit:
    """What a learner is told besides the data.

    Attributes
    ----------
    outcome : (n,) int64
        0 A preferred, 1 B preferred, 2 tie.
    weight : (n,) float64
        Weight of each battle, mean about 1.
    group : (n,) int64
        Prompt group: rows of one group must not be divided by an inner split.
    seed : int
        Seed for everything random inside the fit.
    workdir : Path or None
        A folder of this fit's own for checkpoints, so that a killed fit resumes; None keeps nothing.
    soft : SoftVotes or None
        The votes as distributions, for learners that can follow them; None where each is one outcome.
    """

    outcome: Ints
    weight: Floats
    group: Ints
    seed: int
    threads: int = 1
    workdir: Path | None = None
    soft: SoftVotes | None = None

    def take(self, rows: Any, workdir: Path | None = None) -> "Fit":
        """Return what is told of the chosen rows, places or (n,) bool; a fit of them has a folder of its own."""
        return replace(
            self,
            outcome=self.outcome[rows],
            weight=self.weight[rows],
            group=self.group[rows],
            workdir=workdir,
            soft=None if self.soft is None else self.soft.take(rows),
        )

    def digest(self) -> bytes:
        """Return bytes that are equal for equal votes alone."""
        found = hashlib.sha256()
        for values in (self.outcome, self.weight, self.group):
            found.update(np.ascontiguousarray(values).tobytes())
        found.update(b"" if self.soft is None else self.soft.digest())
        return found.digest()


class Learner(Protocol):
    """A level-0 model. Learned state ends in an underscore and exists only after `fit`."""

    name: str

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Learn from the battles; sees both orders of each."""

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; swapping the sides swaps the first two to 1e-9."""

    def save(self, folder: Path) -> None:
        """Write the learned state into an empty folder, without pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; a `UserError` where that is missing or damaged."""


def fitted_reducer(data: LearnerData, components: int, seed: int) -> EmbeddingReducer:
    """Return the reducer fitted to the embeddings of all rows given, or the one that another fit on them has fitted."""
    embeddings = data.embeddings
    assert embeddings is not None

    def fitted(_: object = None) -> EmbeddingReducer:
        return EmbeddingReducer(components, seed).fit(embeddings)

    if data.shared is None:
        return fitted()
    digest = hashlib.blake2b(f"{components} {seed}".encode(), digest_size=16)
    for rows in (embeddings.prompt, embeddings.a, embeddings.b):
        digest.update(np.ascontiguousarray(rows).data)
    return data.shared.of(f"reducer {digest.hexdigest()}", fitted)


class OnPairs(ABC):
    """What learners on pair features share: they find their features by name, among them the reduced embeddings.

    `fit` begins by `fit_pairs`, which takes `params.components`; `save` and `load` end by those of the reducer.
    """

    params: Any
    names_: tuple[str, ...]
    reducer_: EmbeddingReducer | None

    def fit_pairs(self, data: LearnerData, fit: Fit) -> PairMatrix:
        """Fit the reducer of the embeddings to all rows given, and return the features to train on."""
        self.reducer_ = None
        if data.embeddings is not None and self.params.components > 0:
            self.reducer_ = fitted_reducer(data, self.params.components, fit.seed)
        pairs = with_reduced(data.pairs, data.embeddings, self.reducer_)
        self.names_ = pairs.names
        return pairs

    def pairs(self, data: LearnerData) -> PairMatrix:
        """Return the features that it was fitted to, by name: those of blocks, and reduced embeddings."""
        return with_reduced(data.pairs, data.embeddings, self.reducer_).select(self.names_)

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; exact under swapping of the sides."""
        return self.predict_pairs(self.pairs(data))

    @abstractmethod
    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return what `predict_proba` does, from features among which those that `pairs` gives are found by name."""

    def save_reducer(self, folder: Path) -> None:
        """Write the reducer, where there is one, as safetensors."""
        if self.reducer_ is not None:
            self.reducer_.save(folder / REDUCER)

    def load_reducer(self, folder: Path) -> None:
        """Read what `save_reducer` wrote."""
        path = folder / REDUCER
        self.reducer_ = EmbeddingReducer.load(path) if path.exists() else None


@runtime_checkable
class BeginsVerdicts(Protocol):
    """A learner that reads texts alone, and may begin on a few battles before their features are there."""

    def begin(self, texts: pd.DataFrame) -> Callable[[], Floats] | None:
        """Return what waits for the probabilities that `predict_proba` would give; None where it does not begin."""


@runtime_checkable
class AskedLearner(Protocol):
    """A learner whose margin is a sum over questions that were asked of a model."""

    def judged_effects(self, data: LearnerData, scale: float) -> list[tuple[str, dict[str, str], float]]:
        """Return of one battle each question's name, its wording by language and what it adds, times `scale`."""


@runtime_checkable
class TermLearner(Protocol):
    """A learner whose margin is a sum over terms of the texts."""

    def term_effects(self, battle: LearnerData, scale: float, most: int) -> list[tuple[str, float]]:
        """Return the terms that add most to the margin of one battle, times `scale`, the strongest first."""

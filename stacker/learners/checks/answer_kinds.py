"""A model of answers, which tells real ones from bad texts and from answers to other prompts.

It sees an answer next to the other one of its battle: two answers to one prompt are hardly ever as unlike each other,
in meaning and in how they take up the prompt, as one that answers it and one that does not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from features.pairs import PairMatrix, parsed
from pipelines.battles.arrays import Floats, Floats32, Ints
from pipelines.files.saved_files import checking, read_bytes
from stacker.learners.trees.boosting import FEW_ROWS
from stacker.learners.trees.lightgbm_text import canonical_text
from stacker.learners.trees.native_boosters import NativeLightGBM, packaged

REAL, BAD, OFF_TOPIC = 0, 1, 2
"""What an answer may be."""
FILE = "kinds.txt"
_BLOCKS = ("integrity", "instructions", "overlap", "relevance", "substance", "coherence", "derivation")
_SEEN = ("A", "A - B", "prompt")
"""Kinds of features that it sees of answer A."""
_SETTINGS = {
    "objective": "multiclass",
    "num_class": 3,
    "learning_rate": 0.08,
    "num_leaves": 12,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


class AnswerKinds:
    """LightGBM over the numbers of one answer and its prompt, and over how they differ from those of the other answer.

    Parameters
    ----------
    names : sequence of str
        Features of answer A that it sees, as `features.pairs` names them; B's are those that take their place.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.booster_: Any = None

    @classmethod
    def names_among(cls, pairs: PairMatrix) -> tuple[str, ...]:
        """Return the features of answer A that such a model sees, of those that there are."""
        return tuple(name for name in pairs.names if (part := parsed(name)).kind in _SEEN and part.block in _BLOCKS)

    def fit(
        self,
        rows: Floats32,
        kinds: Ints,
        weights: Floats32,
        *,
        rounds: int,
        seed: int,
        threads: int = 1,
        max_bin: int = 255,
    ) -> Self:
        """Learn from answers.

        Parameters
        ----------
        rows : (n, p) float32
            Numbers of answers, in the order of `names`.
        kinds : (n,) int64
            REAL, BAD or OFF_TOPIC.
        weights : (n,) float32
            Their weights.
        rounds, seed, threads, max_bin : int
            Trees for each kind; seed of everything random; threads, which do not change the result; how many values of
            a feature a split can tell apart.
        """
        import lightgbm

        settings: dict[str, Any] = {**_SETTINGS, "seed": seed, "num_threads": threads}
        columns = [f"f{number}" for number in range(len(self.names))]
        binning = {"verbosity": -1, "max_bin": max_bin}
        data = lightgbm.Dataset(rows, kinds, weight=weights, feature_name=columns, params=binning)
        self.booster_ = lightgbm.train(settings, data, rounds)
        return self

    def sides(self, pairs: PairMatrix) -> Floats32:
        """Return (2, n, p): the numbers of the answers A, and of the answers B, of n battles."""
        own = pairs.places(self.names)
        others = pairs.values[:, pairs.partner[own]] * pairs.sign[own]
        return np.stack([pairs.values[:, own], others.astype(np.float32)])

    def excess(self, rows: Floats32) -> Floats:
        """Return (n, 2): the log-odds of a bad text, and of one that answers another prompt, against a real answer."""
        if isinstance(self.booster_, NativeLightGBM):
            raw = self.booster_.raw(rows)
        else:
            few: dict[str, Any] = {"num_threads": 1} if len(rows) <= FEW_ROWS else {}
            raw = np.asarray(self.booster_.predict(rows, raw_score=True, **few), dtype=np.float64)
        return raw[:, [BAD, OFF_TOPIC]] - raw[:, [REAL]]

    def save(self, folder: Path) -> None:
        """Write the trees in LightGBM's own text."""
        packaged(self.booster_).save_model(folder / FILE)

    @classmethod
    def load(cls, folder: Path, names: Sequence[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            When the file is missing or damaged.
        """
        path = folder / FILE
        data = read_bytes(path)
        model = cls(names)
        with checking(path):
            model.booster_ = NativeLightGBM(canonical_text(data, len(model.names)))
        return model

"""Trees over the pair features that also see a fine-tuned transformer: its logits, or its embeddings.

A learner of its own: inside each fold it fits the transformer on that fold's training battles alone, so that nothing
of the held-out battles reaches the trees. What the trees learn from is what fits say that are blind to the battle, as
they will be to the battles that are asked about: a transformer knows the votes that it was fitted to, and trees that
saw this would trust it far too much.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from features.pairs import Embeddings, PairMatrix, join, shared
from pipelines.battles.arrays import Floats
from pipelines.battles.folds import grouped_folds
from pipelines.errors import UserError
from pipelines.files.saved_files import DamagedError, read_object
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.trees.boosting import Boosting

INNER_FOLDS = 3
"""What the trees see of the training battles comes from so many fits, each blind to the battles it speaks of."""
Seen = Literal["logits", "embeddings"]


class TransformerTreesLearner:
    """Boosted trees that see a transformer.

    Parameters
    ----------
    transformer : TransformerLearner
        Not fitted: its name, settings, encoder and shelf are used for every fit inside.
    trees : Boosting
        Not fitted.
    seen : {"logits", "embeddings"}
        logits: its margin and its tie term are features beside the others. embeddings: those of the fine-tuned encoder
        stand in the place of the frozen ones.
    """

    def __init__(
        self, transformer: TransformerLearner, trees: Boosting, seen: Seen, progress: Progress = silent
    ) -> None:
        self.transformer = transformer
        self.trees = trees
        self.seen = seen
        self.progress = progress
        self.name = f"{trees.name}-{seen}-{transformer.name}"

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fit the transformer, then the trees; each fit of the transformer goes on after a kill."""
        # The embeddings of a frozen encoder know no vote.
        blind = None
        if self.seen == "logits" or self.transformer.params.tuning != "frozen":
            blind = self._blind(data, fit)
        self.transformer = self._new().fit(data, _part(fit, np.arange(len(data)), "all"))
        self.trees.fit(self._with(data, blind), fit)
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; exact under swapping of the sides."""
        return self.trees.predict_proba(self._with(data))

    def pairs(self, data: LearnerData) -> PairMatrix:
        """Return the features that the trees see."""
        return self.trees.pairs(self._with(data))

    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return (n, 3) probabilities from those features."""
        return self.trees.predict_pairs(pairs)

    def save(self, folder: Path) -> None:
        """Write both learners into folders of their own."""
        meta = {"trees": self.trees.name, "seen": self.seen}
        (folder / "learner.json").write_text(json.dumps(meta), encoding="utf-8")
        for name, learner in (("transformer", self.transformer), ("trees", self.trees)):
            (folder / name).mkdir()
            learner.save(folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; errors as those of `TransformerLearner.load`."""
        try:
            meta = read_object(folder / "learner.json")
            kind, seen = KINDS[meta["trees"]], meta["seen"]
            if kind.inside != "trees":
                raise ValueError(f"{kind.name} is no kind of trees")
            if seen not in get_args(Seen):
                raise ValueError(f"it sees {str(seen)[:40]}")
        except (DamagedError, ValueError, KeyError, TypeError) as fault:
            raise UserError(f"{folder}: the saved learner cannot be read ({fault}); make the judge again.") from fault
        return cls(TransformerLearner.load(folder / "transformer"), kind.load_class().load(folder / "trees"), seen)

    def _blind(self, data: LearnerData, fit: Fit) -> Any:
        """Return what transformers say of the battles that they were not fitted to: (n, 3) logits, or embeddings."""
        folds = grouped_folds(fit.group, fit.outcome, INNER_FOLDS, fit.seed)
        parts: list[Any] = []
        order = []
        for fold in np.unique(folds):
            rows, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            if not len(rows):  # one prompt alone: there is nothing to hold out
                rows = held
            fitted = self._new().fit(data.take(rows), _part(fit, rows, str(fold)))
            asked = data.take(held)
            parts.append(fitted.logits(asked) if self.seen == "logits" else fitted.embed(asked))
            order.append(held)
        back = np.argsort(np.concatenate(order))
        if self.seen == "logits":
            return np.concatenate(parts)[back]
        sides = ("prompt", "a", "b")
        return Embeddings(*(np.concatenate([getattr(part, side) for part in parts])[back] for side in sides))

    def _new(self) -> TransformerLearner:
        old = self.transformer
        return TransformerLearner(
            old.name, old.params, old.encoder, shelf=old.shelf, progress=self.progress, balance=old.balance
        )

    def _with(self, data: LearnerData, blind: Any = None) -> LearnerData:
        """Return the battles as the trees see them: by what `_blind` found, or by the transformer fitted to all."""
        if self.seen == "embeddings":
            return LearnerData(data.texts, data.pairs, self.transformer.embed(data) if blind is None else blind)
        found = self.transformer.logits(data) if blind is None else blind
        return LearnerData(data.texts, join([data.pairs, logit_pairs(found)]), data.embeddings)


def _part(fit: Fit, rows: np.ndarray, name: str) -> Fit:
    return fit.take(rows, None if fit.workdir is None else fit.workdir / name)


def logit_pairs(logits: Floats) -> PairMatrix:
    """Return (n, 3) logits as two features: the margin, which turns with the sides, and the tie, which does not."""
    margin = (logits[:, :1] - logits[:, 1:2]).astype(np.float32)
    turning = PairMatrix(
        margin, ("transformer: margin (A - B)",), np.zeros(1, dtype=np.int64), np.full(1, -1, dtype=np.float32)
    )
    return join([turning, shared("transformer", ("tie",), logits[:, 2:].astype(np.float32), of="A,B")])

"""What a judge checks before votes count: whether each answer is one, and whether one is made of the other.

Votes do not teach what real answers never show: an answer written twice, a text that asks for the vote, an empty
skeleton, another prompt's answer. Models that were trained on such made answers tell them from real ones, and their
word counts only beyond what real answers show: penalties begin at high quantiles of real answers and are capped, so
that a wrong one costs little on real votes.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import Field

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats
from pipelines.files.atomic_files import write_json
from pipelines.files.saved_files import Names, Number, Saved, checking, read_object
from stacker.learners.checks.answer_kinds import AnswerKinds
from stacker.learners.stacking.pool import margins_and_ties, probabilities_of
from stacker.learners.stacking.recalibration import Recalibration
from stacker.learners.trees.lightgbm_trees import LightGBMLearner

FEATURES = ("integrity", "instructions", "derivation", "relevance", "overlap", "substance", "coherence")
"""Switches of the blocks that checks see."""
FILE, DERIVED = "checks.json", "derived"
SAME = (0.035, 0.035, 0.93)
"""Verdict on two answers of the same words: people called 102 of 108 such pairs a tie."""
SLOPE = 1.5
"""Log-odds of the verdict for each of a made answer, beyond the threshold."""
FINDINGS = ("same", "derived", "bad", "off topic")
"""What checks find: the same words; an answer that is the other with something done to it; a text that is none; an
answer to another prompt."""
_TOLD = 0.1
"""How sure the word on a derived answer must be to be told, of 1."""
FARTHEST = 4.0
"""Log-odds at which the word on a derived answer is cut."""


_SIZE, _WHOLE = "integrity: log words in order seen ({})", "derivation: stands whole in the other answer ({})"
_PHRASES, _WORDS = "derivation: phrases of the other answer ({})", "derivation: words of the other answer ({})"
_NEEDED = tuple(name.format(side) for name in (_SIZE, _WHOLE, _PHRASES, _WORDS) for side in "AB")


class Thresholds(Saved):
    """Where penalties begin, on the scales of `AnswerKinds.excess`, and how large they grow.

    Attributes
    ----------
    bad, off_topic : float
        Log-odds from which a text counts as bad, or as an answer to another prompt.
    cap : float
        The largest penalty, in log-odds of the verdict.
    derived : float
        How much the word on derived answers weighs, in log-odds of the verdict.
    doubt : float
        Log-odds up to which the word on derived answers is not heard: both then count as alike.
    surely_bad, surely_off_topic : float or None
        Log-odds from which the penalty grows once more: beyond what even one real answer in a thousand shows. None for
        never.
    sure_cap : float
        By how much it grows at most.
    """

    bad: Number
    off_topic: Number
    cap: float = Field(1.5, ge=0, le=20)
    derived: float = Field(1.5, ge=0, le=20)
    doubt: float = Field(0.0, ge=0, le=20)
    surely_bad: Number | None = None
    surely_off_topic: Number | None = None
    sure_cap: float = Field(0.0, ge=0, le=20)

    def penalties(self, excess: Floats) -> Floats:
        """Return (...,) penalties of answers, from (..., 2) how bad and how far off the topic each of them is."""
        found = np.clip(SLOPE * (excess - (self.bad, self.off_topic)), 0.0, self.cap)
        if self.surely_bad is not None and self.surely_off_topic is not None:
            surely = (self.surely_bad, self.surely_off_topic)
            found = found + np.clip(SLOPE * (excess - surely), 0.0, self.sure_cap)
        return np.asarray(found.max(axis=-1))


class ChecksFile(Saved):
    """What checks.json holds; `names` are the features of `AnswerKinds`."""

    names: Names
    thresholds: Thresholds
    temperature: float = Field(1.0, gt=0, le=1e6)
    tie_offset: Number = 0.0


@dataclass(frozen=True)
class AnswerChecks:
    """The checks of a judge.

    Attributes
    ----------
    kinds : AnswerKinds
        Tells bad texts, and answers to other prompts, from real answers.
    derived : LightGBMLearner
        Tells which of two answers is the other with something done to it.
    thresholds : Thresholds
        Where their word begins to count.
    scale : Recalibration
        What was done to the verdicts of the votes after the checks were made: they speak on the scale of before.
    """

    kinds: AnswerKinds
    derived: LightGBMLearner
    thresholds: Thresholds
    scale: Recalibration = Recalibration()

    def apply(self, probabilities: Floats, pairs: PairMatrix) -> Floats:
        """Return (n, 3) probabilities in which the checks have had their say; swapping the sides swaps them exactly.

        Parameters
        ----------
        probabilities : (n, 3) float
            Verdicts of the votes.
        pairs : PairMatrix, n rows
            Features, of which those that the checks know are found by name.
        """
        if self.scale != Recalibration():
            return self.scale.apply(replace(self, scale=Recalibration()).apply(self.scale.undone(probabilities), pairs))
        margin, tie = margins_and_ties(probabilities)
        near = made_of_each_other(pairs)
        said = near * self.thresholds.derived * self._derived(pairs, near)
        penalty = self.penalties(pairs)
        # The difference first: swapping the sides then turns the sign of the whole sum, to the last bit.
        found = probabilities_of((1 - near) * margin + said + (penalty[1] - penalty[0]), tie)
        found[same_words(pairs)] = SAME
        return found

    def penalties(self, pairs: PairMatrix) -> Floats:
        """Return (2, n): what answer A and answer B of n battles lose, in log-odds of the verdict."""
        return self.thresholds.penalties(self._excess(pairs))

    def findings(self, pairs: PairMatrix) -> list[tuple[str, str]]:
        """Return what the checks find in the first battle: keys of `FINDINGS`, and the answer, "A" or "B"."""
        one = pairs.take(np.array([0]))
        if same_words(one)[0]:
            return [("same", "A")]
        found = []
        near = made_of_each_other(one)
        said = float(near[0] * self._derived(one, near)[0])
        if abs(said) > _TOLD:
            found.append(("derived", "B" if said > 0 else "A"))
        for side, beyond in zip("AB", self._beyond(one)[:, 0], strict=True):
            if beyond.max() > 0:
                found.append((("bad", "off topic")[int(beyond.argmax())], side))
        return found

    def _beyond(self, pairs: PairMatrix) -> Floats:
        """Return (2, n, 2): how far answers A and B are beyond the thresholds of a bad text and of another topic."""
        return self._excess(pairs) - (self.thresholds.bad, self.thresholds.off_topic)

    def _excess(self, pairs: PairMatrix) -> Floats:
        """Return (2, n, 2): how bad, and how far off the topic, answers A and B are; one call asks about both."""
        sides = self.kinds.sides(pairs)
        return self.kinds.excess(sides.reshape(-1, sides.shape[-1])).reshape(2, len(pairs), 2)

    def _derived(self, pairs: PairMatrix, near: Floats) -> Floats:
        """Return (n,) between -1 and 1: whether A, or B, is the answer that the other one was made of."""
        found = np.zeros(len(pairs))
        rows = np.flatnonzero(near > 0)
        if len(rows):
            close = pairs.take(rows)
            margin = margins_and_ties(self.derived.predict_pairs(close))[0]
            found[rows] = heard(margin, self.thresholds.doubt)
        return found

    def recalibrated(self, by: Recalibration) -> "AnswerChecks":
        """Return the checks of a judge whose verdicts are recalibrated, the word of the checks included."""
        return replace(self, scale=self.scale.then(by))

    def check(self, pairs: PairMatrix) -> None:
        """Look up every feature that the checks need.

        Raises
        ------
        LackingFeaturesError
            When some are not computed.
        """
        pairs.require([*self.kinds.names, *self.derived.names_, *_NEEDED])

    def save(self, folder: Path) -> None:
        """Write the checks into a new folder."""
        inside = folder / DERIVED
        inside.mkdir(parents=True)
        self.kinds.save(folder)
        self.derived.save(inside)
        scale = {"temperature": self.scale.temperature, "tie_offset": self.scale.tie_offset}
        content = ChecksFile(names=self.kinds.names, thresholds=self.thresholds, **scale)
        write_json(folder / FILE, content.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> "AnswerChecks":
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            When a file is missing or damaged.
        """
        path = folder / FILE
        with checking(path):
            stored = ChecksFile.model_validate(read_object(path))
        kinds = AnswerKinds.load(folder, stored.names)
        scale = Recalibration(stored.temperature, stored.tie_offset)
        return cls(kinds, LightGBMLearner.load(folder / DERIVED), stored.thresholds, scale)


def heard(margin: Floats, doubt: float) -> Floats:
    """Return (n,) between -1 and 1: log-odds as they count beyond a doubt; what is within it counts for nothing."""
    beyond = np.clip(np.abs(margin) - doubt, 0.0, FARTHEST)
    return np.asarray(np.sign(margin) * np.tanh(beyond))


def made_of_each_other(pairs: PairMatrix) -> Floats:
    """Return (n,) how far one answer is made of the other: 0 in nearly all real battles, 1 where it stands in it whole.

    Answers of fewer than eight words and marks say nothing; of twenty and more all.
    """
    phrases, words = _columns(pairs, _PHRASES), _columns(pairs, _WORDS)
    size = np.expm1(_columns(pairs, _SIZE)).min(axis=0)
    inside = np.clip((phrases.max(axis=0) - 0.8) / 0.15, 0, 1)
    alike = np.clip((words.min(axis=0) - 0.9) / 0.08, 0, 1)
    enough = np.clip((size - 8) / 12, 0, 1)
    return np.asarray(np.maximum(inside, alike) * enough * (words.max(axis=0) > 0.9))


def same_words(pairs: PairMatrix) -> Floats:
    """Return (n,) bool: whether both answers have the same words in the same order."""
    return np.asarray(_columns(pairs, _WHOLE).all(axis=0))


def _columns(pairs: PairMatrix, name: str) -> Floats:
    """Return (2, n): a column of either answer."""
    found = [pairs.names.index(name.format(side)) for side in "AB"]
    return pairs.values[:, found].T.astype(np.float64)

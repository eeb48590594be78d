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
from pipelines.files.saved_files import Names, Number, Saved, read_model
from stacker.learners.checks.answer_kinds import AnswerKinds
from stacker.learners.checks.certain_signs import CertainSigns, supported, unopposed
from stacker.learners.checks.doubtful_answers import (
    NOTHING_SAID,
    SURELY,
    DoubtfulAnswers,
    glaring_doubts,
    says_nothing,
    taken_back,
)
from stacker.learners.checks.like_answers import (
    NEEDED,
    made_of_each_other,
    parts_of_the_other,
    same_words,
    stands_within,
)
from stacker.learners.checks.odd_answers import OddAnswers
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
FINDINGS = ("same", "derived", "bad", "off topic", "nothing")
"""The same words; the other answer with something done to it; no answer; one to another prompt; nothing of its own."""
_TOLD = 0.1
"""How sure the word on a derived answer must be to be told, of 1."""
FARTHEST = 4.0
"""Log-odds at which the word on a derived answer is cut."""


class Thresholds(Saved):
    """Where penalties begin, on the scales of `AnswerChecks.excess`, and how large they grow.

    Attributes
    ----------
    bad, off_topic, odd : float
        From where on a text counts as bad, as an answer to another prompt, or as odd; None where oddness counts for
        nothing.
    cap : float
        The largest penalty, in log-odds of the verdict.
    derived : float
        How much the word on derived answers weighs, in log-odds of the verdict.
    doubt : float
        Log-odds up to which the word on derived answers is not heard.
    surely_bad, surely_off_topic : float or None
        From where on the penalty grows once more: beyond what even one real answer in a thousand shows. None for never.
    sure_cap : float
        By how much it grows at most.
    nothing : float
        What an answer that says nothing of its own loses besides, next to one that does, in log-odds.
    """

    bad: Number
    off_topic: Number
    odd: Number | None = None
    cap: float = Field(1.5, ge=0, le=20)
    derived: float = Field(1.5, ge=0, le=20)
    doubt: float = Field(0.0, ge=0, le=20)
    surely_bad: Number | None = None
    surely_off_topic: Number | None = None
    sure_cap: float = Field(0.0, ge=0, le=20)
    nothing: float = Field(0.0, ge=0, le=20)

    def beyond(self, excess: Floats) -> Floats:
        """Return (..., 3): how far answers are beyond where they count as bad, off the topic and odd."""
        return _less(excess, (self.bad, self.off_topic, self.odd))

    def penalties(self, excess: Floats) -> Floats:
        """Return (...,) penalties of answers, from (..., 3) how bad, how far off the topic and how odd they are."""
        surely = _less(excess, (self.surely_bad, self.surely_off_topic, None))
        found = np.clip(SLOPE * self.beyond(excess), 0.0, self.cap) + np.clip(SLOPE * surely, 0.0, self.sure_cap)
        return np.asarray(found.max(axis=-1))


def _less(excess: Floats, thresholds: tuple[float | None, ...]) -> Floats:
    return excess - np.array([np.inf if each is None else each for each in thresholds])


class ChecksFile(Saved):
    """What checks.json holds; `names` are the features of `AnswerKinds`; judges of before have fewer of the rest."""

    names: Names
    thresholds: Thresholds
    signs: CertainSigns | None = None
    odd: OddAnswers | None = None
    doubtful: DoubtfulAnswers | None = None
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
    signs : CertainSigns or None
        What speaks against the word of `derived` where that is wrong about tricks that it was never shown.
    odd : OddAnswers or None
        Tells answers such as no real one is.
    doubtful : DoubtfulAnswers or None
        Tells answers for which nothing counts that speaks for them.
    even : bool
        Whether these are the checks of the verdict with style held equal: there a part of an answer, however short, is
        not preferred to the whole for what both have.
    """

    kinds: AnswerKinds
    derived: LightGBMLearner
    thresholds: Thresholds
    scale: Recalibration = Recalibration()
    signs: CertainSigns | None = None
    odd: OddAnswers | None = None
    doubtful: DoubtfulAnswers | None = None
    even: bool = False

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
        near, within = made_of_each_other(pairs), stands_within(pairs)
        said = near * self.thresholds.derived * self._derived(pairs, near)
        excess = self.excess(pairs)
        penalty = self._penalties(excess, pairs)
        # The difference first: swapping the sides then turns the sign of the whole sum, to the last bit.
        gap = self._supported_gap(penalty[1] - penalty[0], pairs, within)
        margin = (1 - (within if self.even else near)) * margin + said + gap
        found = probabilities_of(self._less_doubt(margin, excess, pairs), tie)
        found[same_words(pairs)] = SAME
        return found

    def penalties(self, pairs: PairMatrix) -> Floats:
        """Return (2, n): what answer A and answer B of n battles lose, in log-odds of the verdict."""
        return self._penalties(self.excess(pairs), pairs)

    def _penalties(self, excess: Floats, pairs: PairMatrix) -> Floats:
        found = self.thresholds.penalties(excess)
        if not self.thresholds.nothing:
            return found
        nothing = says_nothing(pairs)
        # Next to one that says nothing an answer may look as if it were far from the question.
        return np.asarray(found * (1 - nothing[::-1]) + self.thresholds.nothing * nothing)

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
        empty = says_nothing(one)[:, 0] if self.thresholds.nothing else (0, 0)
        for side, beyond, nothing in zip("AB", self.thresholds.beyond(self.excess(one))[:, 0], empty, strict=True):
            if nothing:
                found.append(("nothing", side))
            elif beyond.max() > 0:
                found.append((("bad", "off topic", "bad")[int(beyond.argmax())], side))
        return found

    def excess(self, pairs: PairMatrix) -> Floats:
        """Return (2, n, 3): how bad, how far off the topic and how odd answers A and B are; 0 for what is not known."""
        sides = self.kinds.sides(pairs)
        kinds = self.kinds.excess(sides.reshape(-1, sides.shape[-1])).reshape(2, len(pairs), 2)
        odd = np.zeros((2, len(pairs))) if self.odd is None else self.odd.oddness(pairs)
        return np.concatenate([kinds, odd[..., None]], axis=-1)

    def _derived(self, pairs: PairMatrix, near: Floats) -> Floats:
        """Return (n,) between -1 and 1: whether A, or B, is the answer that the other one was made of."""
        found = np.zeros(len(pairs))
        rows = np.flatnonzero(near > 0)
        if len(rows):
            close = pairs.take(rows)
            margin = margins_and_ties(self.derived.predict_pairs(close))[0]
            if self.signs is not None:
                margin = unopposed(margin, self.signs.margins(close))
            found[rows] = heard(margin, self.thresholds.doubt)
        return found

    def _supported_gap(self, gap: Floats, pairs: PairMatrix, within: Floats) -> Floats:
        """Return (n,) by how much more B is penalised, where one answer stands in the other as far as signs agree.

        What such answers share is no reason to prefer either, and by that alone they look bad or not.
        """
        rows = np.flatnonzero((within > 0) & (gap != 0))
        if self.signs is None or not len(rows):
            return gap
        found = gap.copy()
        spoken = supported(gap[rows], self.signs.margins(pairs.take(rows)))
        found[rows] = (1 - within[rows]) * gap[rows] + within[rows] * spoken
        return found

    def _less_doubt(self, margin: Floats, excess: Floats, pairs: PairMatrix) -> Floats:
        """Return (n,) log-odds less what speaks for doubtful answers, and for those that say nothing of their own."""
        doubts = np.zeros((2, len(pairs))) if self.doubtful is None else self.doubtful.doubts(excess)
        if self.odd is not None:
            doubts = np.maximum(doubts, glaring_doubts(self.odd.glaring(pairs)))
        # An answer is not given up for what is a part of it.
        doubts = doubts * (1 - parts_of_the_other(pairs)[::-1])
        if self.thresholds.nothing and self.doubtful is not None:
            nothing = says_nothing(pairs)
            doubts = doubts * (1 - nothing[::-1]) + SURELY * nothing
        return taken_back(margin, doubts)

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
        pairs.require([*self.kinds.names, *self.derived.names_, *NEEDED])
        if self.thresholds.nothing:
            pairs.require(NOTHING_SAID)
        if self.signs is not None:
            self.signs.check(pairs)
        if self.odd is not None:
            self.odd.check(pairs)

    def save(self, folder: Path) -> None:
        """Write the checks into a new folder."""
        inside = folder / DERIVED
        inside.mkdir(parents=True)
        self.kinds.save(folder)
        self.derived.save(inside)
        scale = {"temperature": self.scale.temperature, "tie_offset": self.scale.tie_offset}
        content = ChecksFile(
            names=self.kinds.names,
            thresholds=self.thresholds,
            signs=self.signs,
            odd=self.odd,
            doubtful=self.doubtful,
            **scale,
        )
        write_json(folder / FILE, content.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> "AnswerChecks":
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            When a file is missing or damaged.
        """
        stored = read_model(folder / FILE, ChecksFile)
        kinds = AnswerKinds.load(folder, stored.names)
        scale = Recalibration(stored.temperature, stored.tie_offset)
        derived = LightGBMLearner.load(folder / DERIVED)
        return cls(kinds, derived, stored.thresholds, scale, stored.signs, stored.odd, stored.doubtful)


def heard(margin: Floats, doubt: float) -> Floats:
    """Return (n,) between -1 and 1: log-odds as they count beyond a doubt; what is within it counts for nothing."""
    beyond = np.clip(np.abs(margin) - doubt, 0.0, FARTHEST)
    return np.asarray(np.sign(margin) * np.tanh(beyond))

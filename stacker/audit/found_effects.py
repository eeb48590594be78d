"""From the verdicts of an audit to what each probe did: how often it won, by how much, and what is tested."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.audit.asking import Answers
from stacker.audit.effects import Sample, plain_mean, sample_mean, share
from stacker.audit.probe_interface import Probe
from stacker.audit.questions import DUEL, IN_PLACE, MATCHED, ORIGINAL
from stacker.audit.traits import Trait
from stacker.evaluate.intervals import Interval
from stacker.evaluate.metrics import FLOOR
from stacker.judge.verdict import most_probable

ORDERS, FLIPS, PEOPLE, JUDGES = "orders", "flips", "people", "judges"
"""Ways besides those of questions: the answer shown first, verdicts that turn with the order, against people's votes
and against other judges."""
CLEAR = 0.05
"""An answer wins where its probability is higher than the other's by more than this, over both orders."""
LEAST = 0.01
"""Mean change of probability below which a judge is not called moved, however sure the change is."""
BLIND = 0.02
"""A judge is said not to see that an answer is worse where it surely takes less than this off its score."""
TOLERATED = 0.05
"""Share of battles in which a far worse answer may win, or the order may turn the verdict, beyond the control's."""
MOVED, LENGTH, NONE, UNSEEN, FEW = "moved", "length", "none", "unseen", "few"
"""Found; found, but no more than for padding of the same length; not found; a worse answer is taken for as good; fewer
than `LEAST_GROUPS` prompts."""
_SURE = 1e-6
_NOTHING: Interval = {"mean": None, "low": None, "high": None}


@dataclass(frozen=True)
class Effect:
    """One measure of one probe.

    Attributes
    ----------
    name, title, way : str
        The probe (or trait), what it does, and how it was measured.
    battles, prompts : int
        On how many.
    rate : dict
        `share` of battles with interval: in which the changed answer wins (`duel`, `matched`), the verdict moves
        towards it (`in_place`), or turns with the order (`flips`); the judge's share for the answer shown first
        (`orders`) or for that of the trait (`people`, `judges`).
    other : dict
        The same for the opposite: it loses, the verdict moves away; with `people`, the people's share.
    change : dict
        `mean` with `low` and `high`: of the expected score (win 1, tie a half), which is p(A) - p(B) halved; with
        `flips` and far worse answers the share of battles beyond the control's.
    log_odds : dict
        The same of the log-odds of winning; None where verdicts are not probabilities.
    control : float or None
        `rate` of the control.
    sample : Sample
        What is tested.
    p, adjusted : float or None
        The test's p-value, alone and adjusted for the number of tests.
    state : str
        `MOVED`, `LENGTH`, `NONE`, `UNSEEN` or `FEW`.
    tolerates : bool
        Whether the test itself holds how much is tolerated.
    damages : bool
        Whether the changed answer is worse, so that a judge that does not mind is blind to it.
    """

    name: str
    title: str
    way: str
    battles: int
    prompts: int
    rate: Interval
    other: Interval
    change: Interval
    log_odds: Interval
    control: float | None
    sample: Sample = field(repr=False, compare=False)
    control_probe: bool = False
    tolerates: bool = False
    damages: bool = False
    p: float | None = None
    adjusted: float | None = None
    state: str = NONE

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        names = "name title way battles prompts rate other change log_odds control p adjusted state control_probe"
        return {name: getattr(self, name) for name in names.split()} | {"sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """What it says, in one sentence."""
        from stacker.audit.audit_words import sentence_of

        return sentence_of(self)


def score(said: Floats) -> Floats:
    """Return the expected score of the answer in focus, from (..., 3) probabilities: 1 for a win, half for a tie."""
    return said[..., 0] + said[..., 2] / 2


def mean_over(values: Floats) -> Floats:
    """Return the mean over the columns that are known, (m, k) to (m,); NaN where none is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1))


def _log_odds(said: Floats) -> Floats:
    logs = np.log(np.maximum(said[..., :2], FLOOR))
    return np.asarray(logs[..., 0] - logs[..., 1])


def _sure(*said: Floats) -> bool:
    """Tell whether no verdict is (nearly) certain: log-odds mean something then."""
    return all(np.nanmin(each[..., :2], initial=1.0) > _SURE for each in said)


def _verdicts(said: Floats) -> Floats:
    """Return the score of the most probable outcome for the answer in focus: 1, 0.5 or 0; NaN without a verdict."""
    flat = said.reshape(-1, 3)
    scores = np.array([1.0, 0.0, 0.5])[most_probable(np.nan_to_num(flat))]
    return np.where(np.isnan(flat[:, 0]), np.nan, scores).reshape(said.shape[:-1])


def _wins(said: Floats) -> Floats:
    """Return (m,): 1 where the answer in focus wins clearly over both orders, -1 where it loses, 0 else; or NaN."""
    ahead = mean_over(said[..., 0] - said[..., 1])
    return np.where(np.isnan(ahead), np.nan, np.sign(ahead) * (np.abs(ahead) > CLEAR))


def probe_effects(answers: Answers, probes: Sequence[Probe], group: Ints) -> Iterator[Effect]:
    """Yield what each probe did, controls among them."""
    said = answers.said
    if (ORIGINAL, "") not in said:
        return
    control = said.get(("rewrite", DUEL))
    base = None if control is None else _wins(control)
    steady = said.get(("rewrite", IN_PLACE))
    noise = None if steady is None else _moves(steady, said[ORIGINAL, ""])
    for probe in probes:
        if (probe.name, DUEL) in said:
            yield _duel(probe, DUEL, said[probe.name, DUEL], base, group)
        if (probe.name, MATCHED) in said:
            yield _duel(probe, MATCHED, said[probe.name, MATCHED], base, group)
        if (probe.name, IN_PLACE) in said:
            yield _in_place(probe, said[probe.name, IN_PLACE], said[ORIGINAL, ""], noise, group)


def _duel(probe: Probe, way: str, said: Floats, base: Floats | None, group: Ints) -> Effect:
    wins, lean = _wins(said), mean_over(score(said)) - 0.5
    there = ~np.isnan(lean)
    far = probe.fair == "far_worse"
    if far and base is not None:
        there &= ~np.isnan(base)
    sample = Sample(lean[there], group[there], 0.5, two_sided=probe.fair == "same")
    change = sample_mean(sample)
    if far:
        beyond = (wins == 1).astype(float) - (0.0 if base is None else (base == 1).astype(float))
        sample = Sample(beyond[there], group[there], 1.0, null=TOLERATED)
    return Effect(
        name=probe.name,
        title=probe.title,
        way=way,
        battles=int(there.sum()),
        prompts=sample.prompts,
        rate=share(wins[there] == 1, group[there]),
        other=share(wins[there] == -1, group[there]),
        change=change,
        log_odds=plain_mean(mean_over(_log_odds(said))[there], group[there]) if _sure(said[there]) else _NOTHING,
        control=_share_of(base, 1),
        sample=sample,
        control_probe=probe.control,
        tolerates=far,
        damages=probe.fair != "same" and way == DUEL,
    )


def _moves(said: Floats, original: Floats) -> Floats:
    """Return (m,): the sign of how the verdict moved, over the orders that both have."""
    return np.asarray(np.sign(mean_over(_verdicts(said) - _verdicts(original))))


def _in_place(probe: Probe, said: Floats, original: Floats, noise: Floats | None, group: Ints) -> Effect:
    moved, change = _moves(said, original), mean_over(score(said) - score(original))
    there = ~np.isnan(change)
    sample = Sample(change[there], group[there], 1.0, two_sided=probe.fair == "same")
    odds = mean_over(_log_odds(said) - _log_odds(original))
    return Effect(
        name=probe.name,
        title=probe.title,
        way=IN_PLACE,
        battles=int(there.sum()),
        prompts=sample.prompts,
        rate=share(moved[there] == 1, group[there]),
        other=share(moved[there] == -1, group[there]),
        change=sample_mean(sample),
        log_odds=plain_mean(odds[there], group[there]) if _sure(said[there], original[there]) else _NOTHING,
        control=_share_of(noise, 1),
        sample=sample,
        control_probe=probe.control,
        damages=probe.fair != "same",
    )


def _share_of(values: Floats | None, wanted: int) -> float | None:
    known = None if values is None else values[~np.isnan(values)]
    return None if known is None or len(known) == 0 else float(np.mean(known == wanted))


def swap_effects(answers: Answers, group: Ints) -> Iterator[Effect]:
    """Yield what the order does: how much better the answer shown first is judged, and how often the verdict turns."""
    said = answers.said[ORIGINAL, ""]
    lean = (score(said[:, 0]) - score(said[:, 1])) / 2
    there = ~np.isnan(lean)
    if not there.any():
        return
    verdict = _verdicts(said)
    turned = verdict[:, 0] != verdict[:, 1]
    first = (verdict[:, 0] + 1 - verdict[:, 1]) / 2
    again = answers.said.get(("same_text", IN_PLACE))
    noise = np.full(len(lean), np.nan)
    if again is not None:
        before, after = verdict, _verdicts(again)
        noise = mean_over(np.where(np.isnan(before + after), np.nan, (before != after).astype(float)))
    sample = Sample(lean[there], group[there], 0.5, two_sided=True)
    odds = (_log_odds(said[:, 0]) - _log_odds(said[:, 1])) / 2
    known = noise[~np.isnan(noise)]
    control = float(known.mean()) if len(known) else None
    yield Effect(
        name="sides",
        title="which answer is shown first",
        way=ORDERS,
        battles=int(there.sum()),
        prompts=sample.prompts,
        rate=share(first[there] == 1, group[there]),
        other=share(first[there] == 0, group[there]),
        change=sample_mean(sample),
        log_odds=plain_mean(odds[there], group[there]) if _sure(said[there]) else _NOTHING,
        control=None,
        sample=sample,
    )
    beyond = turned - np.nan_to_num(noise)
    sample = Sample(beyond[there], group[there], 1.0, null=TOLERATED)
    yield Effect(
        name="sides",
        title="swapped sides",
        way=FLIPS,
        battles=int(there.sum()),
        prompts=sample.prompts,
        rate=share(turned[there], group[there]),
        other={"share": None, "low": None, "high": None},
        change=sample_mean(sample),
        log_odds=_NOTHING,
        control=control,
        sample=sample,
        tolerates=True,
    )


def preference_effect(trait: Trait, more: Ints, said: Floats, others: Floats, group: Ints, way: str = PEOPLE) -> Effect:
    """Return how much oftener a judge prefers the answer that has more of a trait than people, or other judges, do.

    Parameters
    ----------
    trait : Trait
        What is compared.
    more : (m,) int
        1 where the answer in focus has more of it, -1 where the other has.
    said : (m, 2, 3) float
        Verdicts on the battles.
    others : (m,) float
        The score that people, or other judges, gave the answer in focus; NaN without a vote.
    group : (m,) int
        Prompts.
    way : str
        `PEOPLE` or `JUDGES`.
    """
    mine = mean_over(score(said))
    there = (more != 0) & ~np.isnan(mine) & ~np.isnan(others)
    turned = more[there] < 0
    judge, votes = (np.where(turned, 1 - each[there], each[there]) for each in (mine, others))
    inside = group[there]
    sample = Sample(judge - votes, inside, 1.0, two_sided=trait.two_sided)
    odds = _NOTHING
    if len(judge) and 0 < judge.mean() < 1 and 0 < votes.mean() < 1:
        first, second = float(judge.mean()), float(votes.mean())
        # The delta method: both logits move as their means do.
        moved = (judge - first) / (first * (1 - first)) - (votes - second) / (second * (1 - second))
        odds = plain_mean(moved + np.log(first / (1 - first)) - np.log(second / (1 - second)), inside)
    return Effect(
        name=trait.name,
        title=trait.title,
        way=way,
        battles=int(there.sum()),
        prompts=sample.prompts,
        rate=share(judge, inside),
        other=share(votes, inside),
        change=sample_mean(sample),
        log_odds=odds,
        control=None,
        sample=sample,
    )

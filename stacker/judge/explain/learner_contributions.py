"""Inside the learners: what each feature adds inside the trees, and each word or letter sequence of the sparse learner.

Exact both: TreeSHAP for the trees, and the sparse learner is linear. Over all battles: the gain of the trees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.pairs import PairMatrix, parsed
from pipelines.battles.arrays import Floats
from pipelines.errors import UserError
from stacker.judge.explain.group_effects import group_of_feature
from stacker.judge.explain.wording import MEANING
from stacker.learners.learner_interface import Learner, LearnerData, TermLearner
from stacker.learners.stacking.pool import Pool, margins_and_ties, probabilities_of
from stacker.learners.trees.bags import starts
from stacker.learners.trees.boosting import Boosting


@dataclass(frozen=True)
class TreeEffects:
    """Part of the verdict that the trees of a judge gave, by feature.

    Attributes
    ----------
    names : tuple of p str
        Features as `features.pairs` names them.
    margin : (n, p) float
        What each adds to the log-odds of A against B; the rows add up to the trees' part of the verdict, because an
        answer that nothing is known of is as good as the other.
    tie : (n, p) float
        What each adds to the tie log-odds.
    base_tie : float
        The trees' part of the tie log-odds before any feature is known: the mean over their training rows.
    """

    names: tuple[str, ...]
    margin: Floats
    tie: Floats
    base_tie: float


def tree_contributions(learners: Sequence[Any], pool: Pool, data: LearnerData) -> TreeEffects:
    """Attribute the boosted learners' part of n verdicts to named features.

    The libraries' own `pred_contrib` (Lundberg et al., 2020) is averaged over bags and over both orders of each battle,
    the swapped one turned back, and weighted as the pool weights the learners.

    Parameters
    ----------
    learners : sequence of K learners
        Those of the judge in the order of the pool's weights; those that are no trees are passed over.
    pool : Pool
        The fitted level-1 model.
    data : LearnerData, n rows
        The battles.

    Raises
    ------
    UserError
        When the trees say of their training rows what cannot be.
    """
    names: dict[str, int] = {}
    margin, tie = np.zeros((len(data), 0)), np.zeros((len(data), 0))
    base_tie = 0.0
    for place, learner in enumerate(learners):
        # Trees that see a transformer hold the trees themselves.
        trees = learner if isinstance(learner, Boosting) else getattr(learner, "trees", None)
        if not isinstance(trees, Boosting):
            continue
        pairs = learner.pairs(data)
        found_margin, found_tie, bases = _both_orders(trees, pairs)
        columns = np.array([names.setdefault(name, len(names)) for name in pairs.names], dtype=np.int64)
        wider = ((0, 0), (0, len(names) - margin.shape[1]))
        margin, tie = np.pad(margin, wider), np.pad(tie, wider)
        margin[:, columns] += found_margin * (pool.margin_weights_[place] / pool.temperature_)
        tie[:, columns] += found_tie * (pool.tie_weights_[place] / pool.temperature_)
        base_tie += bases * float(pool.tie_weights_[place] / pool.temperature_)
    return TreeEffects(tuple(names), margin, tie, base_tie)


def _both_orders(learner: Boosting, pairs: PairMatrix) -> tuple[Floats, Floats, float]:
    straight, base = _contributions(learner, pairs)
    turned, _ = _contributions(learner, pairs.flip())
    # In the swapped row a feature's value stands in its partner's column, and A is B.
    turned = turned[:, pairs.partner][:, :, [1, 0, 2]]
    margin = ((straight[..., 0] - straight[..., 1]) + (turned[..., 0] - turned[..., 1])) / 2
    tie = (_tie(straight) + _tie(turned)) / 2
    return _corrected(learner, margin, tie, float(_tie(base)))


def _corrected(learner: Boosting, margin: Floats, tie: Floats, base: float) -> tuple[Floats, Floats, float]:
    """Carry the correction of the learner's class balance over to the features.

    That of the prior is a constant of the tie log-odds and becomes part of the base. That of the focal loss bends both
    numbers, and each feature's part is scaled alike, so that they add up to what the learner says.
    """

    def said(margins: Floats, ties: Floats) -> tuple[Floats, Floats]:
        return margins_and_ties(learner.correction_.apply(probabilities_of(margins, ties)))

    if not learner.correction_.gamma:
        return margin, tie, base + learner.correction_.tie
    margins, ties = margin.sum(axis=1), tie.sum(axis=1)
    after_margins, after_ties = said(margins, base + ties)
    after_base = float(said(np.zeros(1), np.array([base]))[1][0])
    return _scaled(margin, margins, after_margins), _scaled(tie, ties, after_ties - after_base), after_base


def _scaled(parts: Floats, before: Floats, after: Floats) -> Floats:
    return parts * np.divide(after, before, out=np.ones_like(before), where=before != 0)[:, None]


def _tie(logs: Floats) -> Floats:
    return logs[..., 2] - (logs[..., 0] + logs[..., 1]) / 2


def _contributions(learner: Boosting, pairs: PairMatrix) -> tuple[Floats, Floats]:
    """Return (n, p, 3) contributions to the log-odds, the mean over the bags, and their (3,) base."""
    p = len(pairs.names)
    total = np.zeros((len(pairs), p + 1, 3))
    for booster in learner.boosters_:
        total += learner.contributions(booster, pairs.values)
    total /= len(learner.boosters_)
    if not np.isfinite(total).all():
        raise UserError(f"{learner.name}: its trees hold counts of rows that cannot be, so there is no explanation.")
    base = (total[0, p] if len(total) else np.zeros(3)) + starts(learner.start_, 1)[0]
    return total[:, :p], base


def token_contributions(
    learners: Sequence[Any], pool: Pool, data: LearnerData, row: int, most: int
) -> list[tuple[str, float]]:
    """Return the terms that add most to the log-odds of A against B of one battle.

    A term counts for an answer where it is more frequent there than in the other one. All terms together add up to the
    learner's margin, weighted as the pool does.

    Parameters
    ----------
    learners : sequence of K learners
        Those of the judge in the order of the pool's weights; only those that say what terms add are asked.
    pool : Pool
        The fitted level-1 model.
    data : LearnerData
        The battles.
    row : int
        Which of them.
    most : int
        Terms to return at most.

    Returns
    -------
    list of (str, float)
        Terms as the learner has them (letter sequences keep their spaces) and log-odds, the strongest first.
    """
    found: list[tuple[str, float]] = []
    for place, learner in enumerate(learners):
        if isinstance(learner, TermLearner):
            scale = pool.margin_weights_[place] / pool.temperature_
            found += learner.term_effects(data.take(np.array([row])), scale, most)
    return sorted(found, key=lambda each: (-abs(each[1]), each[0]))[:most]


def tree_gains(learners: Sequence[Learner], weights: Sequence[float]) -> pd.DataFrame:
    """Return how much of the trees' gain each feature brought.

    A feature's forms (A, B, A - B, |A - B|) are put together, and so are the directions of the embeddings. Each
    learner's gain is first made a share of 1, then weighted.

    Parameters
    ----------
    learners : sequence of K learners
        Those that are no trees are passed over.
    weights : K floats
        How much the judge's verdict goes by each.

    Returns
    -------
    DataFrame
        `block`, `column`, `group` (`stacker.judge.explain.group_effects`), `share` (they add up to 1), the largest
        first; empty for a judge without trees.
    """
    found: dict[tuple[str, str, str], float] = {}
    for learner, weight in zip(learners, weights, strict=True):
        if not isinstance(learner, Boosting):
            continue
        gains = np.sum([learner.gains(booster) for booster in learner.boosters_], axis=0)
        for name, gain in zip(learner.names_, gains / (gains.sum() or 1.0), strict=True):
            feature = parsed(name)
            column = MEANING if feature.is_direction else feature.column
            key = (feature.block, column, group_of_feature(name))
            found[key] = found.get(key, 0.0) + float(gain * max(weight, 0.0))
    total = sum(found.values()) or 1.0
    rows = [(*key, gain / total) for key, gain in found.items() if gain > 0]
    table = pd.DataFrame(rows, columns=["block", "column", "group", "share"])
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def by_group(gains: pd.DataFrame) -> pd.DataFrame:
    """Return `group` and `share`, the largest first."""
    grouped = gains.groupby("group", sort=True)["share"].sum().reset_index()
    return grouped.sort_values("share", ascending=False, kind="stable", ignore_index=True)

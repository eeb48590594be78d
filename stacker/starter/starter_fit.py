"""Fits the starter judge: every choice inside it is made on sets of battles that were held out whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import optimize

from features.build import FeatureParams
from features.cache import BlockCache
from pipelines.battles.arrays import Floats
from pipelines.battles.folds import LEFT_OUT, families, prompt_groups
from pipelines.errors import UserError
from pipelines.starter import PRIOR
from pipelines.terminal.command_line import Progress, silent
from stacker.judge.explain.group_effects import baseline
from stacker.judge.judge import Judge
from stacker.judge.learner_data import learner_data
from stacker.judge.members import Member
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.linear.linear import LinearParams
from stacker.learners.stacking.pool import Pool
from stacker.learners.stacking.stack import fit_temperature
from stacker.learners.trees.boosting import LightGBMParams
from stacker.starter.weighted_rows import Rows, weighted_rows
from stacker.training.data_set import canonical_order

FEATURES = FeatureParams(embedding=False)
"""No encoder: the judge loads in a fraction of a second, works on any machine, and frozen embeddings bring little."""


@dataclass(frozen=True)
class StarterSettings:
    """How the starter judge is fitted; the values were chosen by leaving out one set at a time.

    Attributes
    ----------
    power, factors
        See `stacker.starter.weighted_rows.weighted_rows`.
    lightgbm, linear
        Settings of the learners. Their bags and inner folds split the battles by families of sets that share prompts,
        so that trees stop, and penalties are chosen, where a family that was not learnt from is predicted best.
    seed : int
        For everything random.
    """

    power: float = 0.5
    factors: Mapping[str, float] = field(default_factory=lambda: {"hh_rlhf_test": 0.1})
    lightgbm: LightGBMParams = LightGBMParams(
        rounds=150,
        rate_from=0,
        many=0,
        stop_after=15,
        bags=5,
        learning_rate=0.12,
        leaves=16,
        depth=6,
        least_rows=100,
        row_share=0.5,
        column_share=0.1,
        l2=30.0,
    )
    linear: LinearParams = LinearParams(strengths=(0.0003, 0.001, 0.003, 0.01), inner_folds=5)
    seed: int = 0


@dataclass(frozen=True)
class FittedStarter:
    """A starter judge and what the card tells of its making.

    Attributes
    ----------
    judge : Judge
        The judge.
    battles : DataFrame, m rows
        What it learnt from, in canonical order.
    rows : Rows, n rows
        How these were weighed.
    held_out : (n, 3) float
        What a judge made without a row's family of sets says of the row.
    left_out : int
        Battles that were not learnt from, because their prompt is also in a set of another family.
    """

    judge: Judge
    battles: pd.DataFrame
    rows: Rows
    held_out: Floats
    left_out: int


def fit_starter(
    votes: pd.DataFrame,
    settings: StarterSettings | None = None,
    *,
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> FittedStarter:
    """Fit the starter judge; the same votes and settings give the same judge, whatever the order of the rows.

    Parameters
    ----------
    votes : DataFrame, m rows
        A battles table of `pipelines.starter.read_votes`.
    settings : StarterSettings or None
        None is those that the judge inside the package was made with.
    cache : BlockCache or None
        Where numbers of texts are kept.
    threads : int
        Bags fitted at once; they do not change the result.
    progress : Progress
        Told how far the work has come.

    Raises
    ------
    UserError
        When the sets are of fewer than three families: one is held out, and of the others one stops the trees.
    """
    settings = settings or StarterSettings()
    battles = votes.iloc[canonical_order(votes)].reset_index(drop=True)
    family = families(battles["source"], prompt_groups(battles["prompt"]))
    kept = family != LEFT_OUT
    battles, family = battles[kept].reset_index(drop=True), family[kept]
    rows = weighted_rows(battles, family, settings.factors, settings.power, PRIOR[2])
    count = len(np.unique(family))
    if count < 3:
        raise UserError(
            f"the starter judge: has votes of {count} families of sets without a prompt in common, it needs 3; "
            "give more of the sets."
        )
    data = learner_data(battles, FEATURES, None, cache, threads, progress)
    from threadpoolctl import threadpool_limits

    # A sum over more than one thread adds up in another order, and no longer gives the same bits.
    with threadpool_limits(1):
        held = families_held_out(settings, data, rows, threads, progress)
        progress("all sets", 0, 1)
        learners = _learners(settings, data, rows, threads)
        progress("all sets", 1, 1)
    pool = equal_pool(held, rows, PRIOR[2])
    first = np.unique(rows.battle, return_index=True)[1]
    members = [Member(learner.name, learner.name, learner) for learner in learners]
    about = {
        "battles": len(battles),
        "prior": list(PRIOR),
        "sources": battles["source"].value_counts().sort_index().to_dict(),
        "seed": settings.seed,
        "starter": True,
    }
    judge = Judge(FEATURES, None, members, pool, about, baseline(members, data, held[first]))
    return FittedStarter(judge, battles, rows, pool.predict_proba(held), int(np.sum(~kept)))


def families_held_out(
    settings: StarterSettings, data: LearnerData, rows: Rows, threads: int = 1, progress: Progress = silent
) -> Floats:
    """Return (n, K, 3): what K learners fitted without a row's family of sets say of the row."""
    held = np.zeros((len(rows.battle), 2, 3))
    numbers = np.unique(rows.family)
    for done, number in enumerate(numbers):
        progress("families held out", done, len(numbers))
        outside, inside = np.flatnonzero(rows.family != number), np.flatnonzero(rows.family == number)
        learners = _learners(settings, data, rows.take(outside), threads)
        asked, back = np.unique(rows.battle[inside], return_inverse=True)
        held[inside] = _said(learners, data.take(asked))[back]
    progress("families held out", len(numbers), len(numbers))
    return held


def _learners(settings: StarterSettings, data: LearnerData, rows: Rows, threads: int) -> list[Learner]:
    """Fit each learner to the rows, its inner folds by family."""
    taken = data.take(rows.battle)
    bags = min(settings.lightgbm.bags, len(np.unique(rows.family)))
    # One thread a bag at most: more would make the bits depend on how many there are.
    fit = Fit(rows.outcome, rows.weight, rows.family, settings.seed, min(threads, bags))
    made = {"lightgbm": settings.lightgbm.model_copy(update={"bags": bags}), "linear": settings.linear}
    return [KINDS[kind](params).fit(taken, fit) for kind, params in made.items()]


def _said(learners: Sequence[Learner], data: LearnerData) -> Floats:
    return np.stack([learner.predict_proba(data) for learner in learners], axis=1)


def equal_pool(held: Floats, rows: Rows, ties: float) -> Pool:
    """Return a level-1 model that gives every learner the same weight, with a temperature and a shift of its ties.

    Weights fitted to the families held out did worse on further ones than equal ones: so few are too few to fit to.

    Parameters
    ----------
    held : (n, K, 3) float
        What the learners say of rows of families that they had not seen; the temperature is the best one for these.
    rows : Rows, n rows
        Their outcomes and weights.
    ties : float
        Share of ties, by weight, that it says of these rows.
    """
    learners = held.shape[1]
    weights = [1 / learners] * learners
    described = {"margin_weights": weights, "tie_weights": weights, "tie_offset": 0.0, "temperature": 1.0}
    pool = Pool.from_dict({"form": "pool", "shrink": 0.0, **described})

    def excess(offset: float) -> float:
        pool.tie_offset_ = offset
        return float(np.average(pool.predict_proba(held)[:, 2], weights=rows.weight) - ties)

    def match() -> None:
        pool.tie_offset_ = float(optimize.brentq(excess, -20.0, 20.0, xtol=1e-12))

    match()
    pool.temperature_ = fit_temperature(pool.predict_proba(held), rows.outcome, rows.weight)
    match()
    return pool

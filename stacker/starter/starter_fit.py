"""Fits the starter judge: every choice inside it is made on sets of battles that were held out whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from features.build import FeatureParams
from features.cache import BlockCache
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import LEFT_OUT, families, prompt_groups
from pipelines.battles.starter_sets import PRIOR
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent
from stacker.judge.explain.explanation_baseline import baseline
from stacker.judge.judge import Judge
from stacker.judge.members import Member, learner_data
from stacker.learners.checks.caution import fit_caution
from stacker.learners.checks.even_style import BLOCKS
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.linear.linear import LinearParams
from stacker.learners.stacking.pool import Pool
from stacker.learners.stacking.stack import fit_temperature
from stacker.learners.trees.boosting import LightGBMParams
from stacker.training.data_set import canonical_order
from stacker.training.made.check_fitting import CheckSettings, fit_checks
from stacker.training.made.even_style_fitting import EvenStyleSettings, VoteRows, even_style_of_votes

FEATURES = FeatureParams(embedding=False, instructions=False, integrity=False)
"""No encoder: the judge loads in a fraction of a second, works on any machine, and frozen embeddings bring little. What
instructions and integrity see, its checks have."""
TIE = 2
LEAST_OF_LANGUAGE = 50.0
"""Pairs of a language in a set from which on its ties are weighed by themselves."""


@dataclass(frozen=True)
class Rows:
    """Rows to learn from; several can be of one battle.

    Attributes
    ----------
    battle : (n,) int64
        Place of the battle in the table.
    outcome : (n,) int64
        0 A preferred, 1 B preferred, 2 tie.
    weight : (n,) float64
        Mean 1.
    family : (n,) int64
        Number of the family of sets that share prompts; rows of one family are held out together.
    """

    battle: Ints
    outcome: Ints
    weight: Floats
    family: Ints

    def take(self, rows: Ints) -> "Rows":
        """Return the chosen rows, with weights of mean 1 again."""
        weight = self.weight[rows]
        return Rows(self.battle[rows], self.outcome[rows], weight / weight.mean(), self.family[rows])


def weighted_rows(votes: pd.DataFrame, family: Ints, factors: Mapping[str, float], power: float, ties: float) -> Rows:
    """Weigh battles of several sets.

    Parameters
    ----------
    votes : DataFrame, m rows
        A battles table of `pipelines.battles.starter_sets.read_votes`; the weights of a pair of answers add up to 1.
    family : (m,) int64
        Of each battle, by `pipelines.battles.folds.families`.
    factors : mapping of float by set
        How much a set counts besides; 1 where it is not named.
    power : float
        All rows of a set together weigh its number of pairs to this power: at 1 the largest set rules, at 0 each has
        the same say.
    ties : float
        Share of ties, by weight, that every set, and every language of a set that has `LEAST_OF_LANGUAGE` pairs, is
        brought to, so that no learner takes its voters' habit for a property of its texts. Where there are none, each
        battle is given one next to its vote: it then says nothing of ties, and still which answer is preferred.
    """
    outcome, own = votes["outcome"].to_numpy(dtype=np.int64), votes["weight"].to_numpy(dtype=np.float64)
    source, lang = votes["source"].to_numpy(dtype=str), votes["lang"].to_numpy(dtype=str)
    parts = []
    for name in np.unique(source):
        inside = source == name
        total = own[inside].sum()
        for place in _languages(inside, lang, own):
            battle, voted, share = _with_ties(place, outcome[place], own[place], ties)
            weight = share * own[place].sum() / total * total**power * factors.get(name, 1.0)
            parts.append((battle, voted, weight, family[battle]))
    battle, voted, weight, families = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((voted, battle))
    weight = weight[order]
    return Rows(battle[order], voted[order].astype(np.int64), weight / weight.mean(), families[order].astype(np.int64))


def _languages(inside: NDArray[np.bool_], lang: NDArray[np.str_], own: Floats) -> list[Ints]:
    """Split a set's battles by language; languages of few pairs are one part."""
    large = [name for name in np.unique(lang[inside]) if own[inside & (lang == name)].sum() >= LEAST_OF_LANGUAGE]
    found = [np.flatnonzero(inside & (lang == name)) for name in large]
    found.append(np.flatnonzero(inside & ~np.isin(lang, large)))
    return [place for place in found if len(place)]


def _with_ties(place: Ints, outcome: Ints, own: Floats, ties: float) -> tuple[Ints, Ints, Floats]:
    """Return battles, outcomes and weights that add up to 1, ties among them at this share."""
    tied = outcome == TIE
    share = own / own.sum()
    if tied.all():
        return place, outcome, share
    if tied.any():
        return place, outcome, share * np.where(tied, ties / share[tied].sum(), (1 - ties) / share[~tied].sum())
    made_up = np.full(len(place), TIE, dtype=np.int64)
    shares = np.concatenate([share * (1 - ties), share * ties])
    return np.tile(place, 2), np.concatenate([outcome, made_up]), shares


@dataclass(frozen=True)
class StarterSettings:
    """How the starter judge is fitted; the values were chosen by leaving out one set at a time.

    Attributes
    ----------
    power, factors
        See `stacker.starter.starter_fit.weighted_rows`.
    lightgbm, linear
        Settings of the learners. Their bags and inner folds split the battles by families of sets that share prompts,
        so that trees stop, and penalties are chosen, where a family that was not trained on is predicted best.
    checks : CheckSettings
        How the checks of answers are fitted: on made battles, and on real ones for where they begin to count.
    even_style : EvenStyleSettings
        How the verdict with style held equal is fitted.
    """

    power: float = 0.5
    factors: Mapping[str, float] = field(default_factory=lambda: {"hh_rlhf_test": 0.1})
    lightgbm: LightGBMParams = LightGBMParams(
        n_estimators=150,
        rate_from=0,
        many=0,
        early_stopping_rounds=15,
        bags=5,
        learning_rate=0.12,
        num_leaves=16,
        max_depth=6,
        min_child_samples=100,
        subsample=0.5,
        colsample_bytree=0.1,
        l2=30.0,
        max_bin=255,
    )
    linear: LinearParams = LinearParams(C=(0.0003, 0.001, 0.003, 0.01), inner_folds=5)
    checks: CheckSettings = CheckSettings()
    even_style: EvenStyleSettings = EvenStyleSettings()
    seed: int = 0


@dataclass(frozen=True)
class FittedStarter:
    """A starter judge and what the card tells of its making.

    Attributes
    ----------
    battles : DataFrame, m rows
        What it was trained on, in canonical order.
    held_out : (n, 3) float
        What a judge made without a row's family of sets says of the row.
    left_out : int
        Battles that were not trained on, because their prompt is also in a set of another family.
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
        A battles table of `pipelines.battles.starter_sets.read_votes`.
    settings : StarterSettings or None
        None is those that the judge inside the package was made with.
    threads : int
        Bags fitted at once; they do not change the result.

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
    with threadpool_limits(1):
        fitted = fit_checks(
            battles, settings.checks, settings.seed, more=BLOCKS, cache=cache, threads=threads, progress=progress
        )
        even = even_style_of_votes(
            battles,
            VoteRows(rows.battle, rows.outcome, rows.weight, family),
            fitted,
            settings.even_style,
            cache=cache,
            threads=threads,
            progress=progress,
        )
    start = baseline(members, data, held[first])
    said = pool.predict_proba(held)
    caution = fit_caution(battles, said, rows.outcome, rows.weight, rows.battle)
    judge = Judge(FEATURES, None, members, pool, about, start, checks=fitted.checks, even_style=even, caution=caution)
    return FittedStarter(judge, battles, rows, said, int(np.sum(~kept)))


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
        held[inside] = np.stack([learner.predict_proba(data.take(asked)) for learner in learners], axis=1)[back]
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

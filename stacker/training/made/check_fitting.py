"""Fits a judge's checks: on made battles, and on real ones for where the checks begin to count."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.build import FeatureParams, build_features
from features.cache import BlockCache
from features.pairs import PairMatrix
from features.text import is_chinese
from pipelines.battles.arrays import Floats, Floats32, Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import TEXT_COLUMNS, text_of
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.checks.answer_checks import FEATURES, AnswerChecks, Thresholds
from stacker.learners.checks.answer_kinds import BAD, OFF_TOPIC, REAL, AnswerKinds
from stacker.learners.checks.doubtful_answers import DoubtfulAnswers
from stacker.learners.checks.odd_answers import OddAnswers
from stacker.training.made.derived_fitting import fit_certain_signs, fit_derived
from stacker.training.made.made_answers import FAMILIES, PARTS
from stacker.training.made.made_answers import OFF_TOPIC as OFF_TOPIC_FAMILIES
from stacker.training.made.made_battles import CHINESE, made_battles, weights_of


@dataclass(frozen=True)
class CheckSettings:
    """How checks are fitted.

    Where penalties begin and end was chosen on Kaggle's rows and on tricks of other wordings than those made here: ones
    that begin earlier, or are larger, cost more on real votes than the tricks that they find are worth.

    Attributes
    ----------
    count : int
        Real answers that are made worse.
    families : tuple of str
        What is done to them, keys of `made_answers.FAMILIES`.
    real : int
        Real battles that the thresholds are taken from, and close ones of which are learnt from by their votes.
    bad, off_topic, odd : float
        Quantiles of real answers, of those that did not lose, beyond which a text counts as bad, as an answer to
        another prompt, or as odd.
    cap : float
        The largest penalty for these, in log-odds.
    sure, sure_bad : float
        Quantiles of these beyond which the penalty of an answer to another prompt, and of a bad text, grows once more.
    sure_cap : float
        By how much it does at most, in log-odds.
    nothing : float
        What an answer that says nothing of its own loses, next to one that does, in log-odds.
    doubtful : float
        How much is taken at most of what speaks for an answer such as one or two in a hundred real ones are; it
        never loses by more than a hair for that.
    doubt : float
        Log-odds up to which the word on an answer that is made of the other is not heard.
    rounds : int
        Trees for each kind of answer.
    max_bin : int
        How many values of a feature these can tell apart.
    """

    count: int = 900
    families: tuple[str, ...] = tuple(FAMILIES)
    real: int = 2500
    bad: float = 0.998
    off_topic: float = 0.97
    cap: float = 1.0
    sure: float = 0.998
    sure_bad: float = 0.9993
    sure_cap: float = 1.5
    odd: float = 0.995
    nothing: float = 0.5
    doubtful: float = 2.0
    doubt: float = 1.25
    rounds: int = 150
    max_bin: int = 255


@dataclass(frozen=True)
class FittedChecks:
    """Checks and what they were fitted on.

    Attributes
    ----------
    checks : AnswerChecks
        The checks of the verdict as voted.
    excess : (k, 3) float
        `AnswerChecks.excess` of k real answers that did not lose, by models that saw no answer to their prompts.
    settings : CheckSettings
        How they were fitted.
    made : DataFrame, m rows
        The made battles, as `made_battles` gives them.
    pairs : PairMatrix, m rows
        Their features.
    """

    checks: AnswerChecks
    excess: Floats
    settings: CheckSettings
    made: pd.DataFrame
    pairs: PairMatrix

    def thresholds(self, bad: float, off_topic: float, odd: float, cap: float, nothing: float) -> Thresholds:
        """Return thresholds at these quantiles of real answers."""
        return _thresholds(self.excess, replace(self.settings, nothing=nothing), (bad, off_topic, odd), cap)


@dataclass(frozen=True)
class CheckData:
    """What checks are fitted to.

    Attributes
    ----------
    made : DataFrame, m rows
        Made battles, as `made_battles` gives them.
    of_made : PairMatrix, m rows
        Their features.
    of_real : PairMatrix, n rows
        Features of real battles.
    outcome, group : (n,) int64
        What was voted in these, -1 for nothing, and their prompt groups, numbered as those of the made ones are.
    chinese : (n,) bool
        Whether their prompts are Chinese.
    """

    made: pd.DataFrame
    of_made: PairMatrix
    of_real: PairMatrix
    outcome: Ints
    group: Ints
    chinese: NDArray[np.bool_]

    def take(self, made: Ints, real: Ints) -> "CheckData":
        """Return the chosen made and real battles."""
        chosen = self.made.iloc[made].reset_index(drop=True)
        of_made, of_real = self.of_made.take(made), self.of_real.take(real)
        return CheckData(chosen, of_made, of_real, self.outcome[real], self.group[real], self.chinese[real])


def fit_checks(
    battles: pd.DataFrame,
    settings: CheckSettings,
    seed: int,
    *,
    more: Sequence[str] = (),
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> FittedChecks:
    """Fit the checks of a judge.

    Parameters
    ----------
    battles : DataFrame, n rows
        A battles table with votes: what the judge learns from.
    settings : CheckSettings
        What is made, and where checks begin to count.
    seed : int
        For everything random.
    more : sequence of str
        Blocks that are computed besides those that the checks see, for who else learns from the made battles.
    cache, threads, progress
        As in `features.build.build_features`.
    """
    made = made_battles(battles, settings.count, seed, settings.families)
    # The groups are those of all battles, as the made ones have them.
    group = prompt_groups(battles["prompt"])
    some = real_rows(battles, settings.real, seed)
    real = battles.iloc[some].reset_index(drop=True)
    data = check_data(made, real, group[some], more=more, cache=cache, threads=threads, progress=progress)
    return checks_of(data, settings, seed, threads)


def real_rows(battles: pd.DataFrame, most: int, seed: int) -> Ints:
    """Return the rows of real battles that checks are fitted to, drawn where there are more than `most`.

    Chinese ones are drawn first, up to their share among the answers that others are made of.
    """
    order = np.random.default_rng(seed).permutation(len(battles))
    if len(order) > most:
        chinese = _in_chinese(battles)[order]
        first = chinese & (np.cumsum(chinese) <= CHINESE * most)
        order = np.concatenate([order[first], order[~first]])
    return np.sort(order[:most])


def check_data(
    made: pd.DataFrame,
    real: pd.DataFrame,
    group: Ints,
    *,
    more: Sequence[str] = (),
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> CheckData:
    """Compute the features of made battles and of real ones, whose prompt groups are `group`; see `fit_checks`."""
    both = pd.concat([made[list(TEXT_COLUMNS)], real[list(TEXT_COLUMNS)]], ignore_index=True)
    features = FeatureParams(**{name: name in (*FEATURES, *more) for name in FeatureParams.model_fields})
    pairs = build_features(both, features, cache=cache, threads=threads, progress=progress).pairs
    of_made, of_real = pairs.take(np.arange(len(made))), pairs.take(np.arange(len(made), len(both)))
    return CheckData(made, of_made, of_real, real["outcome"].to_numpy(dtype=np.int64), group, _in_chinese(real))


def _in_chinese(battles: pd.DataFrame) -> NDArray[np.bool_]:
    """Return (n,): whether prompts are Chinese."""
    return np.array([is_chinese(text_of(turns)) for turns in battles["prompt"]], dtype=np.bool_)


def checks_of(data: CheckData, settings: CheckSettings, seed: int, threads: int = 1) -> FittedChecks:
    """Fit checks to made and real battles; see `fit_checks`."""
    made, of_made, of_real = data.made, data.of_made, data.of_real
    names, excess = AnswerKinds.names_among(of_made), np.empty((2, len(of_real), 3))
    # Fits side by side, each by one thread: threads inside one fit wait for each other where cores have other work.
    with ThreadPoolExecutor(max(min(threads, 3), 1)) as pool:
        whole = pool.submit(_kinds_of, names, data, settings, seed)
        for _ in pool.map(partial(_held_out_excess, names, data, settings, seed, excess), (0, 1)):
            pass
        kinds = whole.result()
    derived = fit_derived(made, of_made, of_real, data.outcome, data.group, seed, threads, settings.max_bin)
    signs, odd = fit_certain_signs(made, of_made, of_real), OddAnswers.of(of_real, did_not_lose(data.outcome))
    excess = excess[did_not_lose(data.outcome)]
    thresholds = _thresholds(excess, settings, (settings.bad, settings.off_topic, settings.odd), settings.cap)
    doubtful = DoubtfulAnswers.of(excess, settings.doubtful) if settings.doubtful else None
    checks = AnswerChecks(kinds, derived, thresholds, signs=signs, odd=odd, doubtful=doubtful)
    return FittedChecks(checks, excess, settings, made, of_made)


def did_not_lose(outcome: Ints) -> NDArray[np.bool_]:
    """Return (2, n): whether answers A and B of n battles won, tied, or were not voted on.

    What people voted down may be as bad as a made answer; how far these go is no reason to let that pass.
    """
    return np.stack([outcome != 1, outcome != 0])


def _thresholds(
    excess: Floats, settings: CheckSettings, quantiles: tuple[float, float, float], cap: float
) -> Thresholds:
    bad, off_topic, odd = (float(np.quantile(excess[:, kind], level)) for kind, level in enumerate(quantiles))
    return Thresholds(
        bad=bad,
        off_topic=off_topic,
        odd=odd,
        cap=cap,
        doubt=settings.doubt,
        surely_bad=float(np.quantile(excess[:, 0], settings.sure_bad)),
        surely_off_topic=float(np.quantile(excess[:, 1], settings.sure)),
        sure_cap=settings.sure_cap,
        nothing=settings.nothing,
    )


def _held_out_excess(
    names: tuple[str, ...], data: CheckData, settings: CheckSettings, seed: int, excess: Floats, half: int
) -> None:
    """Put the excess of half of the real answers into (2, n, 3), by models that saw no answer to their prompts."""
    asked, others = np.flatnonzero(data.group % 2 == half), np.flatnonzero(data.group % 2 != half)
    taught = np.flatnonzero(data.made["group"].to_numpy() % 2 != half)
    part, pairs = data.take(taught, others), data.of_real.take(asked)
    model, kept = _kinds_of(names, part, settings, seed), did_not_lose(part.outcome)
    excess[:, asked, 2] = OddAnswers.of(part.of_real, kept).oddness(pairs)
    for side, numbers in enumerate(model.sides(pairs)):
        excess[side, asked, :2] = model.excess(numbers)


def _kinds_of(names: tuple[str, ...], data: CheckData, settings: CheckSettings, seed: int) -> AnswerKinds:
    # Parts of a real answer may be fair answers by themselves: what is wrong with them only the whole one shows.
    data = data.take(np.flatnonzero(~data.made["kind"].isin(PARTS)), np.arange(len(data.group)))
    model, made = AnswerKinds(names), data.made
    own, worse = model.sides(data.of_made)
    real = np.concatenate(model.sides(data.of_real))
    kinds = np.where(made["family"].isin(OFF_TOPIC_FAMILIES), OFF_TOPIC, BAD)
    weights = weights_of(made["kind"])
    genuine = _genuine_weights(weights, _in_chinese(made), np.tile(data.chinese, 2))
    return model.fit(
        np.concatenate([own, worse, real]),
        np.concatenate([np.full(len(own), REAL), kinds, np.full(len(real), REAL)]),
        np.concatenate([genuine[: len(own)], weights, genuine[len(own) :]]),
        rounds=settings.rounds,
        seed=seed,
        max_bin=settings.max_bin,
    )


def _genuine_weights(weights: Floats32, of_made: NDArray[np.bool_], of_real: NDArray[np.bool_]) -> Floats32:
    """Return (m + n,) weights of real answers: m next to made ones, and n next to each other.

    Either part weighs as much as the m made ones, whose weights are given. In Chinese, of which far more is made than
    real battles hold, it is twice the made ones as well: else a text would be suspect for being Chinese.
    """
    each = np.full(len(of_real), weights.sum() / max(len(of_real), 1), dtype=np.float32)
    found, chinese = np.concatenate([np.ones_like(weights), each]), np.concatenate([of_made, of_real])
    for inside, made in ((chinese, of_made), (~chinese, ~of_made)):
        if made.any():
            found[inside] *= 2 * weights[made].sum() / found[inside].sum()
    return found

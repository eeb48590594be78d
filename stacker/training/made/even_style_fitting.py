"""Fits the verdict with style held equal: on votes, on made battles, and on votes between answers of like style."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.build import FeatureParams, build_features
from features.cache import BlockCache
from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.checks.answer_checks import Thresholds
from stacker.learners.checks.even_style import BLOCKS, EvenStyle, Weights, content_names, relevance_names, scaled
from stacker.training.made.check_fitting import FittedChecks
from stacker.training.made.made_battles import weights_of

OTHER = "other"
"""The family of made battles, answers to other prompts, that relevance is learnt from."""
_LENGTH = "surface: log words (A - B)"
_READS = ("overlap", "instructions", "integrity", "relevance")
"""Blocks that its sums are over, of those that the checks see."""
SEEN = (*BLOCKS, _LENGTH.partition(":")[0])
"""Blocks that its fit sees besides those that the checks see."""
_FORM = tuple(f"style: {name} (A - B)" for name in ("headers", "unordered items", "ordered items", "bold spans"))
_LIKE_LENGTH, _LIKE_FORM = np.log(1.25), 2.0
"""Answers are of like length and form where one has at most a quarter more words, and two more of each mark."""
_COLDEST, _HOTTEST = 0.1, 50.0


@dataclass(frozen=True)
class EvenStyleSettings:
    """How it is fitted; chosen on public tests of judges, of which each half chose what held on the other.

    Attributes
    ----------
    made : float
        Weight of all made battles together, of that of all votes: in what is no relevance.
    evenness : float
        How fast votes count less the more the lengths of the answers differ: exp(-(d / evenness)²) at a difference d of
        their log words. Of votes on answers of other lengths much is about length, whatever else differs with it.
    strength, relevance_strength : float
        Inverse of the penalty on the coefficients of either sum.
    bad, off_topic, odd : float
        Quantiles of real answers beyond which the checks count in this verdict.
    nothing : float
        What an answer that says nothing of its own loses in it, in log-odds.
    cap : float
        The largest penalty of the checks, in log-odds. At 4, and quantiles of .98 and .95, few more tricks lost, and
        on Kaggle's votes for a side the checks cost .095 of log loss instead of .025.
    """

    made: float = 0.1
    evenness: float = 0.8
    strength: float = 0.1
    relevance_strength: float = 0.02
    bad: float = 0.988
    off_topic: float = 0.99
    odd: float = 0.999
    nothing: float = 1.0
    cap: float = 1.5


@dataclass(frozen=True)
class Votes:
    """Votes that name a better answer: `pairs` (n rows), `a_won` (n,) bool, `weight` and `family` (n,)."""

    pairs: PairMatrix
    a_won: NDArray[np.bool_]
    weight: Floats
    family: Ints

    def take(self, rows: Ints) -> "Votes":
        """Return the chosen rows."""
        return Votes(self.pairs.take(rows), self.a_won[rows], self.weight[rows], self.family[rows])


@dataclass(frozen=True)
class Made:
    """Made battles, whose answer A is the real one: `pairs` (m rows), `family` and `kind` of str, `votes` (m,).

    `votes` is the number of the family of votes that its texts are from: what is held out there is so here.
    """

    pairs: PairMatrix
    family: pd.Series
    kind: pd.Series
    votes: Ints

    def take(self, rows: Ints) -> "Made":
        """Return the chosen rows."""
        return Made(self.pairs.take(rows), self.family.iloc[rows], self.kind.iloc[rows], self.votes[rows])


@dataclass(frozen=True)
class VoteRows:
    """Votes as rows of a table of m battles: `battle`, `outcome` and `weight` (n,), and `family` (m,) of each battle.

    A battle can have several rows. Battles of one family share prompts with each other and with none of another.
    """

    battle: Ints
    outcome: Ints
    weight: Floats
    family: Ints


def even_style_of_votes(
    battles: pd.DataFrame,
    rows: VoteRows,
    fitted: FittedChecks,
    settings: EvenStyleSettings,
    *,
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> EvenStyle:
    """Fit the verdict with style held equal to what a judge and its checks were fitted to.

    Parameters
    ----------
    battles : DataFrame, m rows
        A battles table, the one that the checks were fitted on.
    rows : VoteRows
        Its votes; ties say nothing here.
    fitted : FittedChecks
        The checks, with blocks `more=BLOCKS` of their made battles.
    settings : EvenStyleSettings
        Weights, penalties, and where the checks begin to count.
    cache, threads, progress
        As in `features.build.build_features`.
    """
    decided = np.flatnonzero(rows.outcome < 2)
    used, back = np.unique(rows.battle[decided], return_inverse=True)
    on = (*_READS, *SEEN)
    features = FeatureParams(**{name: name in on for name in FeatureParams.model_fields})
    texts = battles[list(TEXT_COLUMNS)].iloc[used].reset_index(drop=True)
    pairs = build_features(texts, features, cache=cache, threads=threads, progress=progress).pairs
    votes = VoteRows(back, rows.outcome[decided], rows.weight[decided], rows.family[used])
    of_group = dict(zip(prompt_groups(battles["prompt"]).tolist(), rows.family.tolist(), strict=True))
    return even_style_of_pairs(pairs, votes, of_group, fitted, settings)


def even_style_of_pairs(
    pairs: PairMatrix, rows: VoteRows, of_group: Mapping[int, int], fitted: FittedChecks, settings: EvenStyleSettings
) -> EvenStyle:
    """Fit the verdict with style held equal to votes for a side; see `even_style_of_votes`.

    Parameters
    ----------
    pairs : PairMatrix, m rows
        Features of the battles that were voted on.
    rows : VoteRows
        Votes for A or B on these.
    of_group : mapping of int to int
        The family of each prompt group of the made battles.
    """
    votes = Votes(
        pairs.take(rows.battle), rows.outcome == 0, rows.weight / rows.weight.mean(), rows.family[rows.battle]
    )
    own = np.array([of_group[group] for group in fitted.made["group"].tolist()], dtype=np.int64)
    made = Made(fitted.pairs, fitted.made["family"], fitted.made["kind"], own)
    thresholds = fitted.thresholds(settings.bad, settings.off_topic, settings.odd, settings.cap, settings.nothing)
    return fit_even_style(votes, made, settings, thresholds)


def fit_even_style(votes: Votes, made: Made, settings: EvenStyleSettings, thresholds: Thresholds) -> EvenStyle:
    """Fit the verdict with style held equal.

    Parameters
    ----------
    votes : Votes
        What people prefer, by family of sets; the temperature is fitted to families held out.
    made : Made
        Battles made of the same texts.
    settings : EvenStyleSettings
        Weights and penalties.
    thresholds : Thresholds
        Where the checks of answers begin to count in this verdict.
    """
    margin = np.zeros(len(votes.weight))
    numbers = np.unique(votes.family)
    for number in numbers:
        inside = np.flatnonzero(votes.family == number)
        outside = votes.take(np.flatnonzero(votes.family != number)) if len(numbers) > 1 else votes
        others = made.take(np.flatnonzero(made.votes != number)) if len(numbers) > 1 else made
        margin[inside] = _fitted(outside, others, settings, thresholds).margins(votes.pairs.take(inside))
    even = of_like_style(votes.pairs)
    some = even if even.any() else np.ones_like(even)
    signed = np.where(votes.a_won, margin, -margin)[some]
    temperature = _temperature(signed, votes.weight[some])
    whole = _fitted(votes, made, settings, thresholds)
    return EvenStyle(whole.content, whole.relevance, thresholds, temperature)


def of_like_style(pairs: PairMatrix) -> NDArray[np.bool_]:
    """Return (n,): whether the answers of a battle are of like length and form."""
    apart = np.abs(np.nan_to_num(_values(pairs, (_LENGTH, *_FORM))))
    return np.asarray((apart[:, 0] <= _LIKE_LENGTH) & (apart[:, 1:] <= _LIKE_FORM).all(axis=1))


def _fitted(votes: Votes, made: Made, settings: EvenStyleSettings, thresholds: Thresholds) -> EvenStyle:
    others = (made.family == OTHER).to_numpy()
    relevance = _weights(
        relevance_names(votes.pairs), votes, None, made.take(np.flatnonzero(others)), 1.0, settings.relevance_strength
    )
    rest = made.take(np.flatnonzero(~others))
    weight = even_weights(votes, settings.evenness)
    content = _weights(content_names(votes.pairs), votes, weight, rest, settings.made, settings.strength)
    return EvenStyle(content, relevance, thresholds)


def even_weights(votes: Votes, evenness: float) -> Floats:
    """Return (n,) weights of votes that fall with how far the lengths are apart; their sum stays as it is."""
    apart = np.nan_to_num(_values(votes.pairs, (_LENGTH,))[:, 0])
    found = votes.weight * np.exp(-((apart / evenness) ** 2))
    total = float(found.sum())
    return found * (votes.weight.sum() / total) if total > 0 else votes.weight


def _weights(
    names: tuple[str, ...], votes: Votes, vote_weight: Floats | None, made: Made, share: float, strength: float
) -> Weights:
    """Fit a sum to votes (those with a weight) and made battles, and bring it to spread 1 among votes."""
    values = np.nan_to_num(_values(votes.pairs, names))
    scales = np.sqrt((values**2).mean(axis=0))
    scales[scales < 1e-6] = 0.0
    voted = scaled(values, scales)
    rows = scaled(_values(made.pairs, names), scales)
    weight, label = np.zeros(0), np.ones(len(rows), dtype=np.bool_)
    if len(rows):
        total = len(rows) if vote_weight is None else vote_weight.sum()
        by_kind = weights_of(made.kind).astype(np.float64)
        weight = by_kind * (share * total / by_kind.sum())
    if vote_weight is not None:
        rows, label = np.concatenate([voted, rows]), np.concatenate([votes.a_won, label])
        weight = np.concatenate([vote_weight, weight])
    if not len(rows):
        return Weights(names=names, scales=tuple(scales.tolist()), weights=(0.0,) * len(names))
    found = _antisymmetric(rows, label, weight, strength)
    spread = float(np.sqrt(np.mean((voted @ found) ** 2)))
    return Weights(names=names, scales=tuple(scales.tolist()), weights=tuple((found / max(spread, 1e-6)).tolist()))


def _values(pairs: PairMatrix, names: tuple[str, ...]) -> Floats:
    """Return (n, p) features by name."""
    position = {name: column for column, name in enumerate(pairs.names)}
    return np.asarray(pairs.values[:, [position[name] for name in names]], dtype=np.float64)


def _antisymmetric(rows: Floats, label: NDArray[np.bool_], weight: Floats, strength: float) -> Floats:
    """Return (p,) coefficients of a logistic regression without a constant."""
    from sklearn.linear_model import LogisticRegression

    # Each battle stands there in both orders: made ones all have one label.
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=2000, tol=1e-6)
    both, labels = np.concatenate([rows, -rows]), np.concatenate([label, ~label])
    return np.asarray(model.fit(both, labels, np.tile(weight / 2, 2)).coef_[0], dtype=np.float64)


def _temperature(signed: Floats, weight: Floats) -> float:
    """Return what margins, positive where the vote was for their side, are best divided by."""
    from scipy.optimize import minimize_scalar

    def loss(log_scale: float) -> float:
        return float(weight @ np.logaddexp(0.0, -signed * np.exp(-log_scale)) / weight.sum())

    bounds = (np.log(_COLDEST), np.log(_HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x))

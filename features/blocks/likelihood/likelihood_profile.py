"""How probable an answer's tokens are, in a few numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.blocks.interface import SCORE, SHARE, Column
from pipelines.battles.arrays import Floats

STRETCH = 8
"""Tokens of the worst stretch."""
PART = 24
"""Tokens of an answer's first and last part."""
DIGITS = 4
"""Decimals that are kept: the last bits of a logit depend on the machine."""

COLUMNS = (
    Column("log probability of a token", SCORE),
    Column("log probability in all", SCORE, length=True),
    Column("spread", SCORE),
    Column("improbable tokens", SCORE),
    Column("worst stretch", SCORE),
    Column("first part", SCORE),
    Column("last part", SCORE),
    Column("entropy", SCORE),
    Column("improbability above the entropy", SCORE),
    Column("first choices", SHARE),
    Column("end", SCORE),
    Column("without the question", SCORE),
    Column("gain by the question", SCORE),
    Column("gain of the first part", SCORE),
)
"""All are natural logarithms of probabilities, or their means; see `profile`."""


@dataclass(frozen=True)
class TokenScores:
    """What a model says of k tokens of an answer, each given all before it.

    Attributes
    ----------
    log_p : (k,) float64
        Log probability of each token.
    entropy : (k,) float64
        Entropy of the distribution that the token was drawn from, in nats.
    first : (k,) bool
        Whether the token is the most probable one.
    end : float
        Log probability that the answer ends where it does; NaN where that was not asked.
    """

    log_p: Floats
    entropy: Floats
    first: np.ndarray
    end: float = float("nan")


def profile(given: TokenScores, alone: Sequence[float] | Floats) -> Floats:
    """Return the numbers of `COLUMNS`, rounded; all are NaN for an answer without a token.

    Parameters
    ----------
    given : TokenScores
        The answer after its question.
    alone : (m,) float
        Log probability of the first m of its tokens without the question, m at most k.
    """
    if not len(given.log_p):
        return np.full(len(COLUMNS), np.nan)
    log_p, without = np.asarray(given.log_p, dtype=np.float64), np.asarray(alone, dtype=np.float64)
    gain = log_p[: len(without)] - without
    found = (
        log_p.mean(),
        log_p.sum(),
        log_p.std(),
        np.quantile(log_p, 0.05),
        worst_stretch(log_p),
        log_p[:PART].mean(),
        log_p[-PART:].mean(),
        given.entropy.mean(),
        -(log_p + given.entropy).mean(),
        given.first.mean(),
        given.end,
        without.mean() if len(without) else np.nan,
        gain.mean() if len(gain) else np.nan,
        gain[:PART].mean() if len(gain) else np.nan,
    )
    return np.array(found, dtype=np.float64).round(DIGITS)


def worst_stretch(log_p: Floats) -> float:
    """Return the lowest mean of `STRETCH` tokens in a row; of all where there are fewer."""
    size = min(STRETCH, len(log_p))
    sums = np.concatenate([[0.0], np.cumsum(log_p)])
    return float(((sums[size:] - sums[:-size]) / size).min())

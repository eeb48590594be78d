"""Scores of predicted probabilities against votes; every function takes (n, 3) probabilities in the order A, B, tie."""

import numpy as np

from pipelines.battles.arrays import Floats, Ints

FLOOR = 1e-15
"""Probabilities are clipped here before a logarithm, as Kaggle's log loss does."""


def losses(probabilities: Floats, outcome: Ints) -> Floats:
    """Return the log loss of each row, (n,), in nats."""
    chosen = probabilities[np.arange(len(outcome)), outcome]
    return -np.log(np.clip(chosen, FLOOR, 1.0))


def log_loss(probabilities: Floats, outcome: Ints, weight: Floats | None = None) -> float:
    """Return the weighted mean log loss in nats."""
    return float(np.average(losses(probabilities, outcome), weights=weight))


def class_log_loss(probabilities: Floats, outcome: Ints) -> list[float | None]:
    """Return the mean log loss over the rows of each true class (A, B, tie); None for a class without rows."""
    each = losses(probabilities, outcome)
    return [float(each[outcome == k].mean()) if np.any(outcome == k) else None for k in range(3)]


def most_probable_shares(probabilities: Floats) -> Floats:
    """Return (n, 3): 1 at the most probable outcome of each row, shared equally where several are equally probable.

    A plain argmax takes the first of these: it would call every even battle A, and scores would depend on which answer
    stands there.
    """
    top = probabilities == probabilities.max(axis=1, keepdims=True)
    return np.asarray(top / top.sum(axis=1, keepdims=True))


def most_probable(probabilities: Floats) -> Ints:
    """Return the (n,) most probable outcomes of (n, 3) probabilities; where A and B are alike, no side wins: a tie."""
    a, b, tie = probabilities.T
    return np.where((a == b) | (tie >= np.maximum(a, b)), 2, np.where(a > b, 0, 1)).astype(np.int64)


def hits(probabilities: Floats, outcome: Ints) -> Floats:
    """Return (n,): 1 where the most probable outcome was voted, 0 where not, a share where several are as probable."""
    return np.asarray(most_probable_shares(probabilities)[np.arange(len(outcome)), outcome])


def confusion(probabilities: Floats, outcome: Ints) -> Floats:
    """Return (3, 3) counts: rows are votes, columns the most probable outcome, both in the order A, B, tie."""
    return np.asarray(np.eye(3)[outcome].T @ most_probable_shares(probabilities))


def accuracy(probabilities: Floats, outcome: Ints) -> float:
    """Return the share of rows whose most probable outcome was voted."""
    return float(hits(probabilities, outcome).mean())


def balanced_accuracy(probabilities: Floats, outcome: Ints) -> float:
    """Return the mean recall over the classes that occur in `outcome`."""
    found = confusion(probabilities, outcome)
    voted = found.sum(axis=1)
    return float(np.mean(np.diag(found)[voted > 0] / voted[voted > 0]))


def macro_f1(probabilities: Floats, outcome: Ints) -> float:
    """Return the unweighted mean F1 over the classes that occur in `outcome`; one that is never predicted counts 0."""
    found = confusion(probabilities, outcome)
    voted, called = found.sum(axis=1), found.sum(axis=0)
    return float(np.mean(2 * np.diag(found)[voted > 0] / (voted + called)[voted > 0]))


def bradley_terry_loss(probabilities: Floats, outcome: Ints) -> float | None:
    """Return the mean of -log p(winner) / (p(A) + p(B)) over battles without a tie; None where all are ties.

    This is the Bradley-Terry (1952) likelihood with the log-odds of A against B as the difference of strengths.
    """
    decided = outcome < 2
    if not decided.any():
        return None
    pair = np.clip(probabilities[decided, :2], FLOOR, 1.0)
    winner = pair[np.arange(len(pair)), outcome[decided]]
    return float(-np.log(winner / pair.sum(axis=1)).mean())


def win_rate(probabilities: Floats, outcome: Ints) -> float | None:
    """Return the share of battles without a tie whose winner had the higher probability; an equal pair counts half."""
    decided = outcome < 2
    if not decided.any():
        return None
    pair = probabilities[decided, :2]
    gap = np.where(outcome[decided] == 0, pair[:, 0] - pair[:, 1], pair[:, 1] - pair[:, 0])
    return float(np.mean(np.where(gap > 0, 1.0, np.where(gap == 0, 0.5, 0.0))))


def brier(probabilities: Floats, outcome: Ints) -> float:
    """Return the mean squared distance between the probabilities and the voted outcome, 0 to 2 (Brier, 1950)."""
    return float(np.mean(np.sum((probabilities - np.eye(3)[outcome]) ** 2, axis=1)))


def expected_calibration_error(probabilities: Floats, outcome: Ints, bins: int = 15) -> float:
    """Return the expected calibration error of the most probable outcome over equal-width bins (Guo et al., 2017)."""
    confidence = probabilities.max(axis=1)
    right = hits(probabilities, outcome)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gap).sum() / len(outcome))


def tie_recall(probabilities: Floats, outcome: Ints) -> float | None:
    """Return the share of tied battles for which a tie was the most probable outcome; None where there is no tie."""
    ties = outcome == 2
    return float(hits(probabilities[ties], outcome[ties]).mean()) if ties.any() else None


def scores(probabilities: Floats, outcome: Ints) -> dict[str, float | None]:
    """Return every score by name, in the order of the results table."""
    by_class = class_log_loss(probabilities, outcome)
    return {
        "log_loss": log_loss(probabilities, outcome),
        "accuracy": accuracy(probabilities, outcome),
        "balanced_accuracy": balanced_accuracy(probabilities, outcome),
        "macro_f1": macro_f1(probabilities, outcome),
        "bradley_terry_loss": bradley_terry_loss(probabilities, outcome),
        "win_rate": win_rate(probabilities, outcome),
        "brier": brier(probabilities, outcome),
        "ece": expected_calibration_error(probabilities, outcome),
        "tie_recall": tie_recall(probabilities, outcome),
        "log_loss_a": by_class[0],
        "log_loss_b": by_class[1],
        "log_loss_tie": by_class[2],
    }

"""A judge against people's votes: everything that `python -m stacker.evaluate` says, as values that JSON can hold."""

from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.metrics import expected_calibration_error, most_probable
from stacker.evaluate.reliability import BINS, curve
from stacker.evaluate.slices import ways
from stacker.evaluate.verdicts.verdict_columns import PROBABILITIES, SCORES
from stacker.evaluate.verdicts.verdict_table import VerdictTable, verdicts_called
from stacker.evaluate.votes.human_ceiling import alternative_annotator_test, ceiling, shared_pairs
from stacker.evaluate.votes.judge_scores import (
    Figure,
    Predictor,
    class_prior,
    difference,
    hits,
    leads,
    longer_answer,
    mean,
    scores,
    share,
    sides_right,
)
from stacker.evaluate.votes.vote_arrays import VoteArrays

JUDGE, LONGER, PRIOR = "judge", "longer", "class prior"
PREDICTORS = (JUDGE, LONGER, PRIOR)
DRAWS = 400
"""Sets of votes that are drawn to tell what calibration error chance alone makes."""


def evaluate(votes: VoteArrays, kind: str = PROBABILITIES, ties: bool = True) -> dict[str, Any]:
    """Evaluate a judge on the votes that it gave a verdict for.

    Parameters
    ----------
    votes : VoteArrays, n votes
        At least one has a verdict.
    kind : str
        What the verdicts are: `probabilities`, or `winners` or `scores`, which have no log loss and no calibration.
    ties : bool
        Whether the judge can say tie. Two probabilities have no log loss where people voted ties.

    Returns
    -------
    dict
        JSON values: `votes`, `prompts`, `missing` (votes without a verdict), `shares` (of votes and of verdicts);
        `scores` by predictor (the judge, "longer", the class prior) and `leads` of the judge, see `judge_scores`;
        `no_log_loss`: why there is none, or ""; `confusion`; `calibration` (None without probabilities); `decided_by`
        (of scores, how the accuracy grows with their difference); `sources` and `slices`; `both_bad`; `ceiling` and
        `alternative_annotators`, see `human_ceiling`.
    """
    judged = votes.judged
    missing, votes = int((~judged).sum()), votes.of_rows(judged)
    outcome, group = votes.outcome, votes.group
    called = verdicts_called(votes.probabilities, votes.margin, kind)
    call = most_probable(called)
    why = _no_log_loss(kind, ties, outcome)
    predictors = {
        JUDGE: Predictor(np.eye(3)[call], votes.margin, None if why else called),
        LONGER: longer_answer(votes.longer),
        PRIOR: class_prior(outcome, group),
    }
    shared = shared_pairs(votes, call)
    return {
        "votes": len(outcome),
        "prompts": len(np.unique(group)),
        "missing": missing,
        "shares": {
            "voted": _shares(np.eye(3)[outcome], group),
            "called": _shares(predictors[JUDGE].calls, group),
        },
        "scores": {name: scores(each, outcome, group) for name, each in predictors.items()},
        "leads": leads(predictors[JUDGE], {LONGER: predictors[LONGER], PRIOR: predictors[PRIOR]}, outcome, group),
        "no_log_loss": why,
        "confusion": (np.eye(3)[outcome].T @ np.eye(3)[call]).tolist(),
        "calibration": None if why else calibration(called, outcome, group),
        "decided_by": _decided_by(votes, kind),
        "sources": _parts(predictors, outcome, group, votes.source, sorted(set(votes.source.tolist()))),
        "slices": {
            name: _parts(predictors, outcome, group, labels, order)
            for name, (labels, order) in ways(votes.traits, outcome).items()
            if len(set(labels.tolist())) > 1
        },
        "both_bad": _both_bad(votes, call, kind),
        "ceiling": ceiling(shared),
        "alternative_annotators": alternative_annotator_test(shared),
    }


def asking(table: VerdictTable, ids: Ints | None = None) -> dict[str, Any]:
    """Return how the judge of a file was asked and how it answered: failures, flips and unsteadiness as figures.

    Parameters
    ----------
    table : VerdictTable
        The file's.
    ids : (m,) int or None
        The rows that are counted; None for all.
    """
    rows = np.arange(len(table.asked)) if ids is None else ids
    asked, failed, both = table.asked[rows], table.failed[rows], table.both[rows]
    repeated = table.repeated[rows]
    return {
        "battles": len(rows),
        "asked": int(asked.sum()),
        "failed": int(failed.sum()),
        "failure_rate": share(np.repeat((failed / asked), asked), np.repeat(rows, asked)),
        "both_orders": int(both.sum()),
        "flipped": int(table.flipped[rows].sum()),
        "flip_rate": share(table.flipped[rows][both].astype(np.float64), rows[both]),
        "repeated": int(repeated.sum()),
        "unsteady": int(table.unsteady[rows].sum()),
        "unsteady_rate": share(table.unsteady[rows][repeated].astype(np.float64), rows[repeated]),
        "first_failure": table.first_failure,
    }


def _no_log_loss(kind: str, ties: bool, outcome: Ints) -> str:
    if kind != PROBABILITIES:
        return f"verdicts given as {kind} say no probability, so they have no log loss and no calibration"
    count = int((outcome == 2).sum())
    if not ties and count:
        return f"the verdicts give no probability of a tie, and people voted {count:,}, so there is no log loss"
    return ""


def _shares(named: Floats, group: Ints) -> list[Figure | None]:
    return [share(named[:, k], group) for k in range(3)]


def calibration(probabilities: Floats, outcome: Ints, group: Ints) -> dict[str, Any]:
    """Return the calibration error of the most probable outcome, what chance alone makes of it, and the curves.

    A judge whose probabilities are exactly right has an error too, for votes are few: `by_chance` is the mean and the
    95 % quantile over votes drawn from the verdicts themselves, one a vote. `overconfidence` is how far the probability
    of the most probable outcome is above the share of votes for it, on average.
    """
    came = np.eye(3)[outcome]
    return {
        "overconfidence": difference(probabilities.max(axis=1), _top_right(probabilities, outcome), group),
        "ece": expected_calibration_error(probabilities, outcome),
        "by_chance": _ece_by_chance(probabilities.max(axis=1)),
        "most_probable": curve(probabilities.max(axis=1), _top_right(probabilities, outcome), group),
        "winner": curve(probabilities[:, :2].ravel(), came[:, :2].ravel(), np.repeat(group, 2)),
        "tie": curve(probabilities[:, 2], came[:, 2], group),
    }


def _top_right(probabilities: Floats, outcome: Ints) -> Floats:
    top = probabilities == probabilities.max(axis=1, keepdims=True)
    return np.asarray(top[np.arange(len(outcome)), outcome] / top.sum(axis=1))


def _ece_by_chance(confidence: Floats, bins: int = 15, seed: int = 0) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    expected = np.bincount(place, weights=confidence, minlength=bins)
    variance = np.bincount(place, weights=confidence * (1 - confidence), minlength=bins)
    # The sum of a bin's votes is normal where it holds many, and so nearly so where it holds few that the mean over
    # all bins does not change: drawing each vote of 100,000 would take a hundred times as long.
    drawn = rng.normal(expected, np.sqrt(variance), (DRAWS, bins)) - expected
    found = np.abs(drawn).sum(axis=1) / max(int(counts.sum()), 1)
    return {"mean": float(found.mean()), "high": float(np.quantile(found, 0.95))}


def _decided_by(votes: VoteArrays, kind: str) -> list[dict[str, float]] | None:
    """Return how often the side that is ahead was voted for, by how far it is ahead: all that scores can be held to."""
    decided = votes.outcome < 2
    if kind != SCORES or decided.sum() < 2 * BINS:
        return None
    right = sides_right(votes.margin, votes.outcome)[decided]
    return curve(np.abs(votes.margin[decided]), right, votes.group[decided])


def _parts(
    predictors: dict[str, Predictor], outcome: Ints, group: Ints, labels: Any, order: Any
) -> list[dict[str, Any]]:
    """Return the scores of each part of the votes, by label."""
    found = []
    for label in order:
        inside = np.flatnonzero(labels == label)
        if len(inside) == 0:
            continue
        part: dict[str, Any] = {"label": str(label), "votes": len(inside), "prompts": len(np.unique(group[inside]))}
        for name, each in predictors.items():
            part[name] = _part_scores(each.of_rows(inside), outcome[inside], group[inside])
        found.append(part)
    return found


def _part_scores(predictor: Predictor, outcome: Ints, group: Ints) -> dict[str, Figure | None]:
    from stacker.evaluate.metrics import losses

    decided = outcome < 2
    right = sides_right(predictor.margin, outcome)
    return {
        "log_loss": None if predictor.probabilities is None else mean(losses(predictor.probabilities, outcome), group),
        "accuracy": share(hits(predictor, outcome), group),
        "accuracy_without_ties": share(right[decided], group[decided]),
    }


def _both_bad(votes: VoteArrays, call: Ints, kind: str) -> dict[str, Any] | None:
    """Return how the judge meets votes that call both answers bad, next to other ties; None where there is none."""
    bad, other = votes.both_bad, (votes.outcome == 2) & ~votes.both_bad
    if not bad.any():
        return None
    tied = (call == 2).astype(np.float64)
    found: dict[str, Any] = {"votes": int(bad.sum()), "other_ties": int(other.sum())}
    found["share"] = share(bad.astype(np.float64), votes.group)
    for name, rows in (("called_tie", bad), ("other_ties_called_tie", other)):
        found[name] = share(tied[rows], votes.group[rows])
    if kind == PROBABILITIES:
        for name, rows in (("p_tie", bad), ("other_ties_p_tie", other)):
            found[name] = mean(votes.probabilities[rows, 2], votes.group[rows])
    return found

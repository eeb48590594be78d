"""Everything the report shows beyond the scores, as JSON values: worked out once, written to results.json, drawn."""

from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import text_of
from pipelines.terminal.command_line import Progress
from stacker.evaluate import metrics
from stacker.evaluate.intervals import mean_interval, ratio_interval
from stacker.evaluate.reliability import calibration
from stacker.evaluate.results import STACK
from stacker.evaluate.slices import slices
from stacker.judge.judge import Judge
from stacker.learners.stacking.stack import cross_fitted
from stacker.training.data_set import Prepared
from stacker.training.params import Params
from stacker.training.reporting.analysis.importance import importance
from stacker.training.reporting.analysis.refits import (
    block_ablation,
    learner_ablation,
    learning_curve,
    refit_learner,
    sampled,
)
from stacker.training.train import Level0


def analyse(
    params: Params, prepared: Prepared, level: Level0, predictions: dict[str, Floats], judge: Judge, progress: Progress
) -> dict[str, Any]:
    """Work out what the report shows.

    Parameters
    ----------
    params : Params
        The sections report, stack, learners and run are used.
    level : Level0
        The learners' out-of-fold probabilities.
    predictions : dict of (n, 3) float
        Those of learners, stack and baselines.

    Returns
    -------
    dict
        `log_loss` (by predictor: `mean`, `low`, `high`), `calibration`, `confusion` (votes by most probable outcome),
        `slices`, `length_control`, `importance`, `worst`, `surprising`, and as asked `ablation`, `learning_curve`.
    """
    battles, fit, folds = prepared.battles, prepared.fit, prepared.folds
    stack, prior = predictions[STACK], predictions["class prior"]
    losses = {name: metrics.losses(each, fit.outcome) for name, each in predictions.items()}
    before = stack
    if params.stack.temperature:
        plain = params.stack.model_copy(update={"temperature": False})
        before = cross_fitted(plain, level.probabilities, fit, folds)
    filled = level.filled(prior).probabilities
    found: dict[str, Any] = {
        "log_loss": {name: mean_interval(each, fit.group) for name, each in losses.items()},
        "calibration": calibration(before, stack, fit.outcome, fit.group, judge.pool.temperature_),
        "confusion": metrics.confusion(stack, fit.outcome).tolist(),
        "slices": slices(battles, stack, prior, fit.outcome, fit.group),
        "length_control": length_control(battles, stack, predictions["length only"], prior, fit.outcome, fit.group),
        "importance": importance(judge, prepared.data, filled),
        **worst_and_surprising(battles, stack, filled, fit.outcome, params.report.listed),
    }
    rows = sampled(fit.group, params.report.battles, params.run.seed)
    data = prepared.data.take(rows)
    part = fit.take(rows)
    make = refit_learner(params)
    if params.report.ablation:
        found["ablation"] = {
            "refit": params.report.refit,
            "battles": len(rows),
            "learners": learner_ablation(params.stack, level.names, level.probabilities, fit, folds),
            "blocks": block_ablation(make, data, part, folds[rows], losses["class prior"][rows], progress),
        }
    if params.report.learning_curve:
        curve = learning_curve(make, data, part, folds[rows], progress)
        if curve is not None:
            found["learning_curve"] = {"refit": params.report.refit, **curve}
    return found


def length_control(
    battles: pd.DataFrame, stack: Floats, length: Floats, prior: Floats, outcome: Ints, group: Ints
) -> dict[str, Any]:
    """Compare the stack with the lengths alone.

    Parameters
    ----------
    stack, length, prior : (n, 3) float
        Out-of-fold verdicts of the stack, of the lengths alone and of the class prior.
    outcome, group : (n,) int
        Votes and prompt groups.

    Returns
    -------
    dict
        `share`: (prior - length only) / (prior - stack) in log loss, the part of the skill that length gives, with
        `low` and `high`; all None where the stack is no better than the prior, and the bounds where it may not be.
        `votes_for_longer` and `stack_for_longer`: share of battles, voted for one side, in which the longer answer won
        or had the higher probability (equal lengths left out; None where no battle is left).
    """
    by = {name: metrics.losses(p, outcome) for name, p in (("prior", prior), ("length", length), ("stack", stack))}
    share = ratio_interval(by["prior"] - by["length"], by["prior"] - by["stack"], group)
    sizes = [np.array([len(text_of(turns)) for turns in battles[name]]) for name in ("response_a", "response_b")]
    used = (outcome < 2) & (sizes[0] != sizes[1])
    longer_a = sizes[0][used] > sizes[1][used]
    voted_a, ahead = outcome[used] == 0, metrics.most_probable_shares(stack[used, :2])
    return {
        "share": share["ratio"],
        "low": share["low"],
        "high": share["high"],
        "battles_of_unequal_length": int(used.sum()),
        "votes_for_longer": float(np.mean(voted_a == longer_a)) if used.any() else None,
        "stack_for_longer": float(np.where(longer_a, ahead[:, 0], ahead[:, 1]).mean()) if used.any() else None,
    }


def worst_and_surprising(
    battles: pd.DataFrame, stack: Floats, learners: Floats, outcome: Ints, listed: int
) -> dict[str, list[dict[str, Any]]]:
    """List battles without their texts.

    Parameters
    ----------
    stack : (n, 3) float
        The stack's out-of-fold verdicts.
    learners : (n, K, 3) float
        Those of its learners.
    outcome : (n,) int
        Votes.

    Returns
    -------
    dict
        `worst`: those of the highest loss under the stack. `surprising`: of the others, those for which even the
        learner that was nearest has the highest loss. Each battle as `id`, `outcome`, `probabilities` of the stack,
        `loss`, and `least_loss` and `nearest`, the loss and the place of that learner.
    """
    own = metrics.losses(stack, outcome)
    each = np.stack([metrics.losses(learners[:, place], outcome) for place in range(learners.shape[1])], axis=1)
    least = each.min(axis=1)
    worst = np.argsort(-own, kind="stable")[:listed]
    others = np.argsort(-least, kind="stable")
    surprising = others[~np.isin(others, worst)][:listed]

    def described(row: int) -> dict[str, Any]:
        return {
            "id": str(battles["id"].iloc[row]),
            "outcome": int(outcome[row]),
            "probabilities": stack[row].tolist(),
            "loss": float(own[row]),
            "least_loss": float(least[row]),
            "nearest": int(each[row].argmin()),
        }

    return {"worst": [described(row) for row in worst], "surprising": [described(row) for row in surprising]}

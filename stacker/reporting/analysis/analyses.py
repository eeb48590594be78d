"""Everything the report shows beyond the scores, as JSON values: worked out once, written to results.json, drawn."""

from dataclasses import replace
from typing import Any

from pipelines.battles.arrays import Floats
from pipelines.terminal.command_line import Progress
from stacker.evaluation import metrics
from stacker.evaluation.intervals import mean_interval
from stacker.evaluation.results import STACK
from stacker.judge.judge import Judge
from stacker.learners.stacking.stack import cross_fitted
from stacker.reporting.analysis.ablation import block_ablation, learner_ablation
from stacker.reporting.analysis.importance import importance
from stacker.reporting.analysis.learning_curve import learning_curve
from stacker.reporting.analysis.length_control import length_control
from stacker.reporting.analysis.refits import refit_learner, sampled
from stacker.reporting.analysis.reliability import calibration
from stacker.reporting.analysis.slices import slices
from stacker.reporting.analysis.worst import worst_and_surprising
from stacker.training.data_set import Prepared
from stacker.training.params import Params
from stacker.training.train import Level0


def analyse(
    params: Params,
    prepared: Prepared,
    level: Level0,
    predictions: dict[str, Floats],
    judge: Judge,
    progress: Progress,
) -> dict[str, Any]:
    """Work out what the report shows.

    Parameters
    ----------
    params : Params
        The sections report, stack, learners and run are used.
    prepared : Prepared
        The n battles.
    level : Level0
        The learners' out-of-fold probabilities.
    predictions : dict of (n, 3) float
        Those of learners, stack and baselines.
    judge : Judge
        What the run made.
    progress : Progress
        Told how far the refits have come.

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
    found: dict[str, Any] = {
        "log_loss": {name: mean_interval(each, fit.group) for name, each in losses.items()},
        "calibration": calibration(before, stack, fit.outcome, fit.group, judge.pool.temperature_),
        "confusion": metrics.confusion(stack, fit.outcome).tolist(),
        "slices": slices(battles, stack, prior, fit.outcome, fit.group),
        "length_control": length_control(battles, stack, predictions["length only"], prior, fit.outcome, fit.group),
        "importance": importance(judge, prepared.data, level.probabilities),
        **worst_and_surprising(battles, stack, level.probabilities, fit.outcome, params.report.listed),
    }
    rows = sampled(fit.group, params.report.battles, params.run.seed)
    data = prepared.data.take(rows)
    part = replace(fit, outcome=fit.outcome[rows], weight=fit.weight[rows], group=fit.group[rows])
    make = refit_learner(params.report, params.learners.lightgbm, params.learners.linear.components)
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

"""One worker of a study: asks for a point, scores it fold by fold, and writes down what came of it."""

from collections.abc import Callable

from optuna.trial import Trial, TrialState

from pipelines.errors import UserError
from stacker.study.objective import Objective
from stacker.study.study_log import STOPPED, Ledger

SCORES = "scores"
"""Name of a trial's scores besides its objectives."""
MOST_REFUSED = 5
"""A worker gives up when so many points in a row cannot be fitted."""


def work(
    ledger: Ledger,
    objective: Objective,
    stop: Callable[[], bool],
    told: Callable[[], None] = lambda: None,
    abandon: Callable[[], bool] = lambda: False,
) -> None:
    """Work on an opened study until it has all its trials.

    Parameters
    ----------
    ledger : Ledger
        The study.
    objective : Objective
        Scores a point.
    stop : callable
        Whether to begin no further trial.
    told : callable
        Called after each trial.
    abandon : callable
        Asked after each fold whether to give the trial up and end, as Ctrl-C does.

    Raises
    ------
    UserError
        When several points in a row cannot be fitted; the sentence says why the last could not.
    """
    refused = 0
    while not stop():
        trial = ledger.ask()
        if trial is None:
            return
        try:
            _evaluate(ledger, objective, trial, abandon)
            refused = 0
        except UserError as fault:
            ledger.fail(trial, str(fault))
            refused += 1
            if refused == MOST_REFUSED:
                raise UserError(f"study {ledger.name}: {refused} trials in a row came to nothing; {fault}") from fault
        except KeyboardInterrupt:
            ledger.fail(trial, STOPPED)
            raise
        except BaseException as fault:
            ledger.fail(trial, f"{type(fault).__name__}: {fault}")
            raise
        told()


def _evaluate(ledger: Ledger, objective: Objective, trial: Trial, abandon: Callable[[], bool]) -> None:
    pruner = ledger.params.pruner if len(ledger.params.objectives) == 1 else "none"

    def report(fold: int, own: float, so_far: float) -> bool:
        if abandon():
            raise KeyboardInterrupt
        if pruner == "none":
            return False
        # Wilcoxon's test pairs the folds; the median is that of the means so far.
        trial.report(own if pruner == "wilcoxon" else so_far, fold)
        return bool(trial.should_prune())

    scores = objective.evaluate(ledger.space.params(trial.params), report)
    if scores is None:
        ledger.study.tell(trial, state=TrialState.PRUNED)
        return
    trial.set_user_attr(SCORES, scores)
    missing = [name for name in ledger.params.objectives if name not in scores]
    if missing:
        raise UserError(f"study.objectives: {missing[0]} has no value on these battles; choose another.")
    ledger.study.tell(trial, [scores[name] for name in ledger.params.objectives])

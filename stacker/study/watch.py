"""Says on the screen how far a study has come."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from pipelines.terminal.command_line import Screen
from stacker.study.study_log import Ledger


class Watch:
    """Says on the screen what came of each trial, and which is the best so far."""

    def __init__(self, ledgers: Sequence[Ledger], screen: Screen) -> None:
        self.ledgers = ledgers
        self.screen = screen
        self._seen: dict[str, set[int]] = {}
        for ledger in ledgers:
            known = self._seen[ledger.name] = {trial.number for trial in ledger.finished()}
            if known:
                screen.note(f"Going on with {ledger.name}: {len(known)} of {ledger.params.trials} trials done.")

    def look(self) -> None:
        """Say what is new."""
        for ledger in self.ledgers:
            seen = self._seen[ledger.name]
            finished = ledger.finished()
            for trial in finished:
                if trial.number not in seen:
                    seen.add(trial.number)
                    self.screen.note(self._line(ledger, trial, len(seen)))

    def _line(self, ledger: Ledger, trial: FrozenTrial, done: int) -> str:
        names = ledger.params.objectives
        if trial.state == TrialState.PRUNED:
            said = f"pruned after {len(trial.intermediate_values)} folds"
        else:
            said = ", ".join(f"{name} {value:.4f}" for name, value in zip(names, trial.values, strict=True))
        best = ledger.best()
        so_far = "" if best is None else f"; best so far {best.values[0]:.4f} (trial {best.number})"
        return f"{ledger.name}: {done} of {ledger.params.trials}, trial {trial.number}: {said}{so_far}"

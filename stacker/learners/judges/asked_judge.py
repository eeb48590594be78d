"""A language model asked about the battles of a run, before any learner is fitted: what it said, took and cost."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.judges.battle_questions import BattleQuestions, questions_of, says_nothing
from stacker.learners.judges.judge_prompt import read_prompt
from stacker.learners.judges.known_battles import KnownBattles
from stacker.learners.judges.language_judge import LanguageJudge
from stacker.learners.judges.params import JudgeParams
from stacker.learners.learner_interface import Fit
from stacker.learners.learner_registry import Configured

KIND = "language_judge"


@dataclass(frozen=True)
class AskedJudge:
    """A language model that was asked about the battles of a run, ready to be fitted."""

    params: JudgeParams
    learner: Callable[[], LanguageJudge]
    identity: str
    told: dict[str, Any]

    def configured(self) -> Configured:
        """Return it as a learner of the stack."""
        return Configured(self.params.name, KIND, self.identity, self.learner)

    def signs(self, said: Floats, fit: Fit, folds: Ints) -> str:
        """Return "": what is asked of a model has not been fitted to votes here."""
        return ""

    def sentence(self) -> str:
        """Return what the user should know."""
        told = self.told
        found = f"{told['name']}: {told['battles'] - told['missing']:,} of {told['battles']:,} battles have a verdict"
        found += (
            f"; it favours the answer that it sees first by {told['first']:+.2f} in log-odds, which both orders cancel"
            f", and names the same place in both of {told['torn']:.0%} of its questions"
        )
        if told["written"]:
            found += f"; {told['written']:,} replies came without probabilities, so that what they write counts"
        if told["missing"]:
            found += f"; the verdicts on the other {told['missing']:,} go by the other learners"
        if told["unread"]:
            found += f"; {told['unread']:,} replies say nothing that can be read"
        return found + "."


def ask_judge(
    params: JudgeParams,
    battles: pd.DataFrame,
    folder: Path,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> AskedJudge:
    """Ask a language model about the battles to learn from.

    Parameters
    ----------
    battles : DataFrame, n rows
        Their texts.
    folder : Path
        Where its replies are kept.
    note : callable
        Told what asking will take, and what it took.

    Raises
    ------
    UserError
        When its prompt or principles cannot be used, it fails, or too many battles have no verdict.
    """
    questions = questions_of(params)
    prompt = read_prompt(params.prompt, len(questions) > 1 or not params.overall)
    asker = BattleQuestions(params, prompt, questions, folder)
    try:
        note(asker.planned(battles))
        asked, cost = asker.ask(battles, progress, note), asker.cost_of(battles)
    finally:
        asker.close()
    known = KnownBattles.of(battles[list(TEXT_COLUMNS)].reset_index(drop=True), asked.margin, asked.tie)
    missing = int(np.isnan(asked.margin[:, 0]).sum())
    if missing > params.max_missing * len(battles):
        stopped = f" (stopped by {asker.spent.stopped})" if asker.spent.stopped else ""
        if asker.spent.refused >= missing:
            raise UserError(
                f"learners.judges {params.name}: gave no verdict on {missing:,} of {len(battles):,} battles, as its "
                f"server refused them ({asker.spent.first_refusal})."
            )
        if not stopped and asked.unread:
            raise says_nothing(params.name, asked.unread, 2 * len(questions) * len(battles), asked.example)
        allow = f", or set its max_missing above {missing / len(battles):.2f}" if missing < len(battles) else ""
        raise UserError(
            f"learners.judges {params.name}: gave no verdict on {missing:,} of {len(battles):,} battles{stopped}; "
            f"raise its limits{allow}."
        )
    told = {
        "name": params.name,
        "model": params.model,
        "questions": [each.name for each in questions],
        "battles": len(battles),
        "missing": missing,
        "unread": asked.unread,
        "first": asked.first,
        "torn": asked.torn,
        "written": asked.written,
        "calls": asker.spent.calls,
        "tokens_in": asker.spent.tokens_in,
        "tokens_out": asker.spent.tokens_out,
        "cost": asker.spent.cost(params),
        "cost_each": cost,
    }

    def learner() -> LanguageJudge:
        return LanguageJudge(params, prompt, questions, known)

    return AskedJudge(params, learner, f"{known.digest()} {params.C}", told)

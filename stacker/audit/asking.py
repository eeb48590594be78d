"""What a judge says of every question of an audit, asked in blocks of battles: memory does not grow with the texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import FLIP, Floats, Ints
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent
from stacker.audit.probe_interface import Probe
from stacker.audit.questions import ORIGINAL, AnswerPool, Chosen, Question, frame_of, kinds_of, questions_of

BATTLES_AT_ONCE = 128
"""Battles whose questions are in memory at a time: about 6,000 questions."""
SAME = 1e-6
"""Two probabilities closer than this are the same: what a swap of the sides changes by rounding alone."""
Ask = Callable[[pd.DataFrame], Floats]
"""From n battles (`id`, `prompt`, `response_a`, `response_b`) to (n, 3) probabilities of A, B and tie."""


@dataclass(frozen=True)
class Answers:
    """What a judge said.

    Attributes
    ----------
    said : dict of (probe, way) to (m, 2, 3) float
        For each kind of question, battle and order (the answer in focus as A, then as B): the probabilities that the
        focus wins, that the other wins, and of a tie. NaN where the question does not exist or has no verdict.
    asked : dict of (probe, way) to (m, 2) bool
        Whether the question was put.
    both_orders : bool
        Whether all was asked in both orders; otherwise the battles themselves alone, whose verdicts swapped exactly.
    """

    said: dict[tuple[str, str], Floats]
    asked: dict[tuple[str, str], np.ndarray]
    both_orders: bool

    @property
    def questions(self) -> int:
        """How many questions were put."""
        return int(sum(asked.sum() for asked in self.asked.values()))

    @property
    def missing(self) -> int:
        """How many have no verdict."""
        return int(sum((each & np.isnan(self.said[kind][..., 0])).sum() for kind, each in self.asked.items()))


def asker(judge: Any) -> Ask:
    """Return how to ask a judge.

    Parameters
    ----------
    judge : Judge, AnyJudge or callable
        Has `probabilities` or `predict_proba`, or is itself a function from battles to (n, 3) probabilities.

    Raises
    ------
    UserError
        When it is none of these.
    """
    ask = getattr(judge, "probabilities", None) or getattr(judge, "predict_proba", None) or judge
    if not callable(ask):
        raise UserError(f"audit: a {type(judge).__name__} is no judge; give one with predict_proba or probabilities.")
    return lambda battles: _checked(ask(battles), len(battles))


def _checked(said: Any, rows: int) -> Floats:
    found = np.asarray(said, dtype=np.float64)
    if found.shape != (rows, 3):
        raise UserError(f"audit: the judge gave an array of shape {found.shape} for {rows} battles; give (n, 3).")
    return found


def blocks(chosen: Chosen, pool: AnswerPool, probes: Sequence[Probe], rows: Ints) -> Iterator[list[Question]]:
    """Yield the questions of a block of battles after the other."""
    for start in range(0, len(rows), BATTLES_AT_ONCE):
        part = rows[start : start + BATTLES_AT_ONCE].tolist()
        yield [question for row in part for question in questions_of(chosen, pool, row, probes)]


def ask_all(
    ask: Ask, chosen: Chosen, probes: Sequence[Probe], *, both_orders: bool = False, progress: Progress = silent
) -> Answers:
    """Ask a judge every question of an audit.

    The battles themselves and the controls are asked in both orders. Where their verdicts swap exactly, as those of
    judges of this project do by construction, the rest is asked in one, from the second block on; one verdict that does
    not ends that.

    Parameters
    ----------
    ask : callable
        As `asker` gives it.
    chosen : Chosen
        The battles, m of which are audited.
    probes : sequence of Probe
        Controls among them.
    both_orders : bool
        Whether to ask in both orders whatever the first say.
    progress : Progress
        Told how many battles are done.
    """
    pool, m = AnswerPool(chosen), len(chosen.rows)
    said = {kind: np.full((m, 2, 3), np.nan) for kind in kinds_of(probes)}
    asked = {kind: np.zeros((m, 2), dtype=bool) for kind in said}
    place_of = {row: place for place, row in enumerate(chosen.rows.tolist())}
    always = {(ORIGINAL, "")} | {kind for kind in said for probe in probes if probe.control and kind[0] == probe.name}
    both, complete, done = True, True, 0
    for questions in blocks(chosen, pool, probes, chosen.rows):
        put = [
            (each, turned)
            for each in questions
            for turned in (False, True)
            if both or not turned or each.kind in always
        ]
        complete &= both
        turns = [turned for _, turned in put]
        verdicts = ask(frame_of([each for each, _ in put], turns))
        verdicts = np.where(np.array(turns)[:, None], verdicts[:, FLIP], verdicts)
        for (question, turned), verdict in zip(put, verdicts, strict=True):
            place, order = place_of[question.battle], int(turned)
            said[question.kind][place, order] = verdict
            asked[question.kind][place, order] = True
        met = [place_of[row] for row in {question.battle for question in questions}]
        both = both_orders or not all(_swaps(said[kind][met]) for kind in (said if both else always))
        done += len(met)
        progress("battles", done, m)
    return Answers(said, asked, complete)


def _swaps(said: Floats) -> bool:
    """Tell whether (m, 2, 3) verdicts say the same in both orders, or in neither."""
    first, second = said[:, 0], said[:, 1]
    return bool((np.isnan(first) == np.isnan(second)).all() and np.nanmax(np.abs(first - second), initial=0.0) <= SAME)

"""The two answers of the ask page: drawn while they are being written, revealed and compared after the vote."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Literal

from markupsafe import Markup

from dashboard.components.drawn_texts import draw, not_shown
from dashboard.components.look import macros, note, percent
from dashboard.components.voting import AnswerColumn
from dashboard.rendering.rendered import Rendered, cut, source_of
from dashboard.sessions.answering import Answer
from dashboard.sessions.round import Round
from dashboard.texts import Texts
from pipelines.terminal.unseen_signs import one_line
from stacker.evaluate.html_templates import written
from stacker.judge.explain.group_effects import CHECKS
from stacker.judge.explain.wording import sentence
from stacker.judge.verdict import Verdict
from stacker.learners.checks.answer_checks import FINDINGS

SHORTEST_PAUSE = 0.06
PAUSE_FACTOR = 2
"""Seconds between two drawings of an answer that is being written, and how many times longer than a drawing takes they
are at least: the slower it is, the fewer there are."""
NOTHING = Rendered("")
SIDES: tuple[Literal["a", "b"], ...] = ("a", "b")
SURE = (0.45, 0.6, 0.8)
"""Probabilities of the called outcome from which on a judge is said to lean, to be fairly sure and to be very sure."""
SMALLEST = 0.005
"""Log-odds below which a bar is left out: it would be written 0.00."""
BATTLE = macros("ask/battle.html")
_log = logging.getLogger(__name__)


class AnswerColumns:
    """Draws the answers of one question after another.

    Parameters
    ----------
    again : function
        Called with a side when the person wants its answer written again.

    Attributes
    ----------
    views : dict of AnswerColumn
        What stands on the page, by side.
    """

    def __init__(self, say: Texts, person: str, again: Callable[[Literal["a", "b"]], None]) -> None:
        self.say, self._person, self._again = say, person, again
        self.views = {side: self._column(side) for side in SIDES}
        self._drawing: dict[str, asyncio.Task[None]] = {}
        self._ended = {side: asyncio.Event() for side in SIDES}
        self._shown: dict[str, Rendered] = dict.fromkeys(SIDES, NOTHING)
        self._took = dict.fromkeys(SIDES, 0.0)
        self._round: Round | None = None

    def follow(self, one: Round) -> None:
        """Draw the answers of a question as they stand, and from now on as they change."""
        self.close()
        self._round = one
        self._shown, self._took = dict.fromkeys(SIDES, NOTHING), dict.fromkeys(SIDES, 0.0)
        one.on_answer = self._changed
        for answer in one.answers:
            self._changed(answer)

    def reveal(self, answers: Iterable[Answer]) -> None:
        """Show who wrote what where the vote has been cast, and what can be tried again before."""
        for answer in answers:
            self.views[answer.side].param.update(**self._revealed(answer))

    def refuse(self, side: Literal["a", "b"], sentence: str) -> None:
        """Say in a column why its answer is not written again."""
        self.views[side].note = sentence
        self.views[side].param.trigger("words")

    def close(self) -> None:
        """Draw nothing more."""
        for task in self._drawing.values():
            task.cancel()
        self._drawing.clear()

    def _column(self, side: Literal["a", "b"]) -> AnswerColumn:
        say = self.say
        words = {state: say(f"ask.{state}") for state in ("waiting", "writing", "done", "failed")}
        column = AnswerColumn(side=side, words={"name": say(f"ask.answer_{side}"), "again": say("ask.again"), **words})
        column.param.watch(lambda _: self._again(side), "again")
        return column

    def _changed(self, answer: Answer) -> None:
        """Say at once how an answer stands, and have its text drawn."""
        side, ended = answer.side, self._ended[answer.side]
        if not answer.text:
            self._shown[side] = NOTHING
        if answer.state != "writing":
            self._put(answer, self._shown[side])
        ended.set() if answer.ended else ended.clear()
        if side not in self._drawing:
            task = self._drawing[side] = asyncio.get_running_loop().create_task(self._draw(answer))
            task.add_done_callback(lambda done: self._drawn(side, done))

    async def _draw(self, answer: Answer) -> None:
        """Draw an answer until all of it is there; while it is being written, at intervals that leave time for others.

        One that could not be drawn within the bounds is shown as it was written until it has ended.
        """
        side, drawn = answer.side, ""
        while answer.text not in ("", drawn):
            with suppress(TimeoutError):
                pause = max(SHORTEST_PAUSE, PAUSE_FACTOR * self._took[side])
                await asyncio.wait_for(self._ended[side].wait(), pause)
            began, drawn, before = time.perf_counter(), answer.text, self._shown[side]
            if before.as_written == "all" and not answer.ended:
                self._put(answer, source_of(*cut([drawn])))
                continue
            marks = before.marks or answer.ended
            await draw([[drawn]], self._person, lambda shown: self._put(answer, shown[0]), marks)
            self._took[side] = time.perf_counter() - began
        del self._drawing[side]  # before anything else can happen: what changes from now on is a new task's

    def _drawn(self, side: str, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._drawing.pop(side, None)
            _log.error("an answer was not drawn", exc_info=fault)

    def _put(self, answer: Answer, shown: Rendered) -> None:
        self._shown[answer.side] = shown
        notes = [not_shown(shown, self.say)]
        if answer.fault is not None:
            notes.insert(0, self.say(f"ask.fault.{answer.fault.code}", **answer.fault.details))
        elif answer.state == "failed":
            notes.insert(0, self.say("ask.stopped"))
        elif answer.place:
            notes.insert(0, self.say("ask.queued", place=answer.place))
        self.views[answer.side].param.update(
            html=shown.html,
            state="done" if answer.usable else answer.state,
            note=" ".join(filter(None, notes)),
            failed=answer.fault is not None,
            **self._revealed(answer),
        )

    def _revealed(self, answer: Answer) -> dict[str, Any]:
        """Return what a column shows next to its text: who wrote it stays hidden until the vote."""
        one = self._round
        if one is None or one.stage != "voted" or one.vote is None:
            can_retry = answer.state == "failed" and (one is None or one.stage in ("answering", "broken", "open"))
            return {"who": "", "chosen": "", "can_retry": can_retry}
        chosen = "" if one.vote.choice in ("tie", "both_bad") else "won" if one.vote.choice == answer.side else "lost"
        who = " · ".join(written_by(answer, self.say))
        return {"who": who, "chosen": chosen, "can_retry": False}


def comparison(one: Round, say: Texts) -> Markup:
    """Return vote against verdict for a round with a vote: the sentence, the shares, who wrote what, and why."""
    if one.vote is None:
        return Markup()
    choice, verdict, chances, sure = one.vote.choice, one.verdict, [], (0, "")
    if verdict is None:
        kind, mark = "unjudged", "–"
        heading = say("ask.judge_failed", reason=one.judge_fault) if one.judge_fault else say("ask.unjudged")
    else:
        called = verdict.preferred.lower()
        kind, mark = ("agrees", "✓") if called == ("tie" if choice == "both_bad" else choice) else ("differs", "≠")
        heading = say(f"ask.{kind}")
        if verdict.decided is False:
            heading += " " + say("ask.abstains")
        shares = (("a", verdict.a), ("b", verdict.b), ("tie", verdict.tie))
        chances = [(name, share, name == called) for name, share in shares]
        sure = how_sure(verdict, say)
    facts = [(say("ask.your_vote"), say(f"choice.{choice}"), say("ask.as_tie") if choice == "both_bad" else "")]
    for answer in one.answers:
        style, model = written_by(answer, say)
        facts.append((say(f"ask.answer_{answer.side}"), one_line(style, 60), one_line(model, 80)))
    if one.even_style is not None:
        facts.append(
            (say("ask.even_style"), say(f"choice.{one.even_style.preferred.lower()}"), _shares(one.even_style, say))
        )
    return BATTLE.comparison(kind, mark, heading, sure, seen(one, say), chances, facts, _why(one, say), say)


def how_sure(verdict: Verdict, say: Texts) -> tuple[int, str]:
    """Return how sure a judge was, of 1 to 4, and the same in words."""
    share = max(verdict.probabilities)
    level = 1 + sum(share >= least for least in SURE)
    choice = say(f"choice.{verdict.preferred.lower()}")
    return level, say(f"ask.sure.{level}", choice=choice, share=percent(share))


def seen(one: Round, say: Texts) -> list[str]:
    """Return what is seen in the answers, and what the judge's checks found, in sentences; most has none of it."""
    told = []
    for each in one.observed:
        key, fields = f"observed.{each.code}", dict(each.details)
        if each.code == "count":
            key = f"observed.count_{fields.pop('how')}"
            asked, got = fields["asked"], fields["got"]
            fields = {"asked": say(f"observed.unit.{fields['unit']}", count=f"{asked:,}"), "got": f"{got:,}"}
        told.append(say(key, side=each.side, **fields))
    found = () if one.explanation is None else one.explanation.findings
    told += [sentence(f"check {key}", say.language, side=side) for key, side in found if key in FINDINGS]
    return [each[:1].upper() + each[1:] for each in told]


def _shares(verdict: Verdict, say: Texts) -> str:
    """Return the three probabilities in one line."""
    named = (("a", verdict.a), ("b", verdict.b), ("tie", verdict.tie))
    return say("judge.shares", **{name: percent(share) for name, share in named})


def written_by(answer: Answer, say: Texts) -> tuple[str, str]:
    """Return the style and the model of an answer in the person's language."""
    return say.style_name(answer.style.name), say(f"ask.{answer.source}") if answer.source else answer.record().model


def _why(one: Round, say: Texts) -> Markup:
    if one.verdict is None:
        return Markup()
    if one.explanation is None:
        return note(say("ask.no_reasons" if one.explained else "ask.reasons_come"), "pending")
    found = one.explanation
    parts = sorted(
        (part for part in found.groups if abs(part.margin) >= SMALLEST),
        key=lambda part: (part.group != CHECKS, -abs(part.margin)),  # what the checks say comes first
    )
    largest = max((abs(part.margin) for part in parts), default=1.0)
    rows = []
    for part in parts:
        # What the checks found stands above the bars already.
        told = "" if part.group == CHECKS else found.reason(part.group, say.language)
        group = say.group_name(part.group)
        told = told[:1].upper() + told[1:]
        size = abs(part.margin)
        side, below = "a" if part.margin > 0 else "b", group if told else ""
        rows.append((side, 40 * size / largest, told or group, below, written(size, "+.2f")))
    left_out = len(found.groups) - len(parts)
    covers = say(
        "ask.covers", total=written(found.verdict.margin, "+.2f"), tie=written(found.verdict.tie_log_odds, "+.2f")
    )
    if left_out:
        covers += " " + say("ask.left_out_groups", count=left_out)
    return BATTLE.why(covers, rows, say)

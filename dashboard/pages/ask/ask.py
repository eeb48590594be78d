"""The page where a person asks, reads two answers, votes, and sees what the judge had expected."""

from datetime import UTC, datetime
from typing import Any, Literal

import panel as pn

from dashboard.components.composer import Composer
from dashboard.components.drawn_texts import draw, noted
from dashboard.components.look import ASK, COMPARISON, PARTS, HtmlPane
from dashboard.components.vote_reasons import VoteReasons
from dashboard.components.voting import VoteBar
from dashboard.generators import GENERATORS
from dashboard.generators.generator import Generator, Source
from dashboard.generators.small_model import answers
from dashboard.pages.ask.answer_columns import BATTLE, AnswerColumns, comparison
from dashboard.pages.ask.connecting import Connecting
from dashboard.pages.ask.further_turns import FurtherTurns
from dashboard.pages.page import Context
from dashboard.params import StylesParams
from dashboard.rendering.rendered import Rendered
from dashboard.sessions.concurrency import Tasks
from dashboard.sessions.limits import LimitReached
from dashboard.sessions.round import Round, RoundDependencies
from dashboard.votes.vote_records import CHOICES, LONGEST_OWN_PROMPT, Choice
from pipelines.models.packaged_models import SMOLLM2


class AskPage:
    """The first page; see `dashboard.pages.page` for the interface."""

    name = "ask"

    def __init__(self, context: Context) -> None:
        self.context, self.say = context, context.say
        self.memory: dict[str, Any] = context.memory.setdefault(self.name, {})
        self.tasks: Tasks = self.memory.setdefault("tasks", Tasks())  # a vote in work outlives a change of language
        self._sources: list[Source] = []
        self._asked_text: str | None = None
        self._offering = False

    @property
    def round(self) -> Round | None:
        """The question in work; it outlives a change of language."""
        found: Round | None = self.memory.get("round")
        return found

    def panel(self) -> pn.viewable.Viewable:
        """Return the page."""
        say = self.say
        self.hero = HtmlPane(BATTLE.hero(say), PARTS)
        self.composer = Composer(
            words={
                "placeholder": say("ask.placeholder"),
                "send": say("ask.send"),
                "hint": say("ask.hint"),
                "too_long": say("ask.too_long", most=f"{self.context.params.limits.question_characters:,}"),
                "source": say("ask.source"),
                **{key: say(f"ask.{key}") for key in ("own", "own_set", "own_example", "own_hint", "own_clear")},
            },
            own=self.context.own_prompts.of(self.context.session),
            most_own=LONGEST_OWN_PROMPT,
            may_own=not self._configured.recorded,
            examples=[say(f"ask.example.{name}") for name in ("one", "two", "three")],
            most=self.context.params.limits.question_characters,
        )
        self.question = HtmlPane(sheet=PARTS)
        self.comparison = HtmlPane(sheet=COMPARISON, visible=False)
        self.reasons = VoteReasons(say, self.tasks.start)
        self.columns = AnswerColumns(say, self.context.session, self._retry)
        self.bar = VoteBar(
            choices=[[choice, say(f"choice.{choice}")] for choice in CHOICES],
            words={
                "label": say("ask.votes"),
                "undo": say("ask.undo"),
                "next": say("ask.next"),
                "other": say("ask.other"),
                "again": say("ask.store_again"),
            },
        )
        self.connecting = Connecting(self.context, self.tasks, self._ask, self._source_chosen)
        self.further = FurtherTurns(self.context, self.tasks, lambda: self.round)
        self.composer.param.watch(self._asked, "sent")
        self.composer.param.watch(lambda event: self._keep_own(event.new), "own")
        self.composer.param.watch(self._source_picked, "source")
        self.bar.param.watch(self._pressed, "press")
        start = _stack(self.hero, self.composer, css="start")
        answers = self.answers = _stack(*self.columns.views.values(), css="answers")
        self.sticky = _stack(self.bar, css="sticky")
        battle = _stack(
            self.further.earlier,
            self.question,
            self.reasons.view,
            self.comparison,
            answers,
            self.further.view,
            self.connecting.view,
            self.sticky,
            css="battle",
        )
        self.start, self.battle = start, battle
        if self.round is not None:
            self._follow(self.round)
        self._show()
        return _stack(start, battle, css="ask")

    def opened(self) -> None:
        """Look for models that could answer in place of what is recorded."""
        if self._configured.recorded:
            self.tasks.start(self._look_for_sources())

    def closed(self) -> None:
        """Stop listening; a question in work goes on for the page in another language."""
        self.columns.close()
        if self.round is not None:
            self.round.on_answer, self.round.on_stage = (lambda answer: None), (lambda: None)

    def _asked(self, event: Any) -> None:
        self._keep_own(event.new.get("own"))
        self._ask(str(event.new.get("text", "")).strip())

    def _keep_own(self, own: Any) -> None:
        if isinstance(own, str):
            self.context.own_prompts.keep(self.context.session, own)

    def _ask(self, text: str) -> None:
        if not text:
            return
        try:
            self.context.limits.question(text)
        except LimitReached as reached:
            told = self.say(f"limit.{reached.code}", **reached.details)
            self.composer.notice = self.connecting.view.told = told
            return
        self.composer.notice = ""
        self._begin(text)

    def _begin(self, text: str) -> None:
        if self.round is not None:
            self.round.close()
        context = self.context
        desk = RoundDependencies(
            self._styles(text),
            context.store,
            context.judges,
            context.limits,
            context.slots,
            context.session,
            context.params.leave_out_named,
            context.own_prompts.of(context.session),
        )
        begun = Round(text, desk)
        self.memory["round"] = begun
        with pn.io.hold():
            self._follow(begun)
            self._show()
        begun.start()

    def _retry(self, side: Literal["a", "b"]) -> None:
        if self.round is None:
            return
        try:
            self.round.retry(side)
        except LimitReached as reached:
            self.columns.refuse(side, self.say(f"limit.{reached.code}", **reached.details))

    def _pressed(self, event: Any) -> None:
        """Deal with a press in its turn: what a person does next must not be overtaken by what she did before."""
        code, one = event.new.get("code"), self.round
        if one is None:
            return
        if code == "next":
            self._next()
        elif code == "undo":
            self.tasks.start(one.undo())
        elif code == "store":
            one.store_again()
        elif code in CHOICES:
            self.tasks.start(self._cast(one, code))

    async def _cast(self, one: Round, choice: Choice) -> None:
        try:
            await one.cast(choice)
        except LimitReached as reached:
            self.bar.param.update(
                line=self.say(f"limit.{reached.code}", **reached.details), warns=True, turn=self.bar.turn + 1
            )

    def _next(self) -> None:
        if self.round is not None:
            self.round.close()
        self.memory["round"] = None
        with pn.io.hold():
            self.composer.param.update(notice="", cleared=self.composer.cleared + 1)
            self._show()
            self.composer.focused += 1

    def _follow(self, one: Round) -> None:
        one.on_stage = self._stage_changed
        self._asked_text = None
        self.columns.follow(one)
        self._stage_changed()

    def _draw_asked(self, one: Round) -> None:
        """Have the present question drawn, where it is not that which was."""
        if self._asked_text == one.question:
            return
        question = self._asked_text = one.question
        self.asked = Rendered("")

        def put(shown: list[Rendered]) -> None:
            if one is self.round and question == self._asked_text:
                self.asked = shown[0]
                self.question.object = self._question(one)

        self.tasks.start(draw([[question]], self.context.session, put))

    def _show(self) -> None:
        self.start.visible, self.battle.visible = self.round is None, self.round is not None

    def _stage_changed(self) -> None:
        with pn.io.hold():  # one message to the browser instead of seven
            self._show_stage()

    def _show_stage(self) -> None:
        one, say = self.round, self.say
        if one is None:
            return
        self._draw_asked(one)
        self.columns.reveal(one.answers)
        self.further.show(one)
        self.question.object = self._question(one)
        self.comparison.object = comparison(one, say) if one.stage == "voted" else ""
        self.comparison.visible = one.stage == "voted"
        self.reasons.show(one)
        warns, undo = one.fault is not None, 0.0
        line = say(f"ask.{one.stage}") if one.stage not in ("voted", "unstored") else ""
        if one.stage == "judging" and self.context.judges.state == "loading":
            line = say("ask.judge_loads")
        elif one.stage == "open" and one.verdict is None:
            line = say("ask.open_unjudged")
        elif one.stage == "voted" and one.vote is not None:
            line = say("ask.voted", choice=say(f"choice.{one.vote.choice}"))
            undo = max(0.0, (one.vote.undo_until - datetime.now(UTC)).total_seconds())
        elif one.stage == "unstored" and one.fault is not None:
            line = say("ask.unstored", reason=str(one.fault))
        if one.fault is not None and one.stage != "unstored":
            line = say(f"store.{one.fault.code}", **one.fault.details)
        unanswered = one.stage == "unanswered"
        self.answers.css_classes = ["answers", "away"] if unanswered else ["answers"]
        self.sticky.css_classes = [] if unanswered else ["sticky"]  # not over what is offered
        if unanswered != self.connecting.view.visible:
            self.connecting.show(one.question if unanswered else "")
        self.bar.param.update(stage=one.stage, line=line, warns=warns, undo_seconds=undo, turn=self.bar.turn + 1)

    def _question(self, one: Round) -> str:
        say, asked, own = self.say, noted(self.asked, self.say), one.own_prompt
        if one.forgotten:
            return str(BATTLE.question(asked, own, say("ask.on.forgets", count=one.forgotten), "", say))
        if one.notice is None:
            return str(BATTLE.question(asked, own, "", "", say))
        told = say(f"ask.{one.notice.code}", **one.notice.details)
        if one.notice.code == "small_errs":
            if self.memory.setdefault("small_errs", one) is not one:
                told = ""  # once is enough
        return str(BATTLE.question(asked, own, told, "" if one.prompt == one.question else one.prompt, say))

    @property
    def _configured(self) -> type[Generator]:
        return GENERATORS[self.context.params.styles.a.generator]

    def _source_picked(self, event: Any) -> None:
        if not self._offering:  # what is offered first is no choice: another source may be in use a moment later
            self.memory["source"] = event.new

    async def _look_for_sources(self) -> None:
        self._sources = await self.connecting.look()
        self._offer_sources()

    def _offer_sources(self) -> None:
        if not self._sources:
            return
        own, current = self._configured, None if self.context.sources is None else self.context.sources.current
        offers = [[own.kind, self.say(f"ask.{own.source}")], *([each.name, each.label] for each in self._sources)]
        default = own.kind if current is None else current.name
        self._offering = True
        self.composer.param.update(may_own=True, sources=offers, source=self.memory.get("source", default))
        self._offering = False

    def _source_chosen(self, source: Source) -> None:
        """Answer by a source from now on, and first of all the question that waits for one."""
        self._sources = self.connecting.found
        self.memory.pop("source", None)
        self._offer_sources()
        one = self.round
        if one is not None and one.stage == "unanswered" and self._source(one.question) is not None:
            self._begin(one.question)

    def _source(self, question: str) -> Source | None:
        """Return who answers a question in place of what is recorded; the small model only in its own language."""
        if not self._configured.recorded:
            return None
        current = None if self.context.sources is None else self.context.sources.current
        wish = self.memory.get("source", "" if current is None else current.name)
        every = self._sources if current is None else [*self._sources, current]
        chosen = next((each for each in every if each.name == wish), None)
        return None if chosen is None or (chosen.name == SMOLLM2.name and not answers(question)) else chosen

    def _styles(self, question: str) -> StylesParams:
        styles, chosen = self.context.params.styles, self._source(question)
        return styles if chosen is None else styles.changed(chosen.styled)


def _stack(*parts: Any, css: str) -> pn.Column:
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0, css_classes=[css], stylesheets=[ASK])

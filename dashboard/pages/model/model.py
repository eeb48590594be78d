"""The model page: which judge is in use, how good it is and at what, and the choice among saved judges."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn

from dashboard.components.drawn_texts import draw, noted
from dashboard.components.look import boxed, button, card_pane, grid, in_line, note, select, stacked
from dashboard.judges.judge_service import trained
from dashboard.judges.learned import decide_for
from dashboard.judges.saved_runs import SavedRun
from dashboard.pages.model import model_cards as cards
from dashboard.pages.model.learn_card import LearnCard
from dashboard.pages.page import Context
from dashboard.rendering.rendered import Rendered
from dashboard.sessions.concurrency import in_thread
from pipelines.errors import UserError
from pipelines.terminal.unseen_signs import options_of
from stacker.judge.explain.learner_contributions import tree_gains

CARDS = ("facts", "results", "calibration", "importances", "length", "language")


class ModelPage:
    """The page of one person (see `dashboard.pages.page`)."""

    name = "model"

    def __init__(self, context: Context) -> None:
        self.judges, self.say, self.zone = context.judges, context.say, context.zone
        self.context, self.tasks = context, context.tasks
        self.learn: LearnCard | None = None
        self._made_up: set[Path] = set()

    def panel(self) -> pn.viewable.Viewable:
        """Return what is shown."""
        say = self.say
        self.choice = select(say("model.choose"), {}, lambda _: self._chosen())
        self.switch = button(say("model.use"), "use", self._use, "primary")
        self.switch.visible = self.context.admin
        self.message = card_pane()
        self.panes = {name: card_pane() for name in CARDS}
        self.written_card = card_pane()
        self.card = boxed(say("model.card"), self.written_card)
        self.importances = boxed(
            say("model.importances"), self.panes["importances"], hint=say("model.importances_hint")
        )
        if self.context.learning is not None:
            self.learn = LearnCard(self.context, self.context.learning, self._switched, self._look)
        self.head, self.body = self._layout()
        self.head.visible = self.body.visible = False
        self.empty = card_pane(note(say("model.no_judges"), "nothing first"), visible=False)
        return stacked(self.empty, self.head, *([] if self.learn is None else [self.learn.view]), self.body)

    def opened(self) -> None:
        """Look again for saved judges, and for votes to learn from."""
        self._look()
        if self.learn is not None:
            self.learn.opened()

    def closed(self) -> None:
        """Do nothing: all that runs for this page are its tasks."""

    def _look(self) -> None:
        self.tasks.start(self._find())

    async def _find(self) -> None:
        runs, self._made_up = await in_thread(self._saved)
        used = self._used()
        options = options_of((self._label(run, used), run) for run in runs)
        self.empty.visible = not options
        self.head.visible = self.body.visible = bool(options)
        if self.learn is not None:
            self.learn.view.visible = True
        before: SavedRun | None = self.choice.value
        kept = [run for run in runs if before is not None and run.judge == before.judge]
        own = [run for run in runs if run.judge == used]
        self.choice.param.update(options=options, value=(kept or own or runs)[0] if runs else None)
        if self.judges.refused and not self.message.object:
            self.message.object = self._note(self.say("model.refused", reason=" ".join(self.judges.refused)))
        if before is not None and kept:
            self._chosen()

    def _saved(self) -> tuple[list[SavedRun], set[Path]]:
        """Return the saved judges, and those of them that were trained on made-up battles."""
        runs = self.judges.runs()
        return runs, {run.judge for run in runs if run.provenance().kind == "built-in"}

    def _label(self, run: SavedRun, used: Path | None) -> str:
        marks = [self.say("model.in_use")] if run.judge == used else []
        marks += [self.say("model.made_up")] if run.judge in self._made_up else []
        if not marks:
            return self._name(run)
        return self.say("model.marked", name=self._name(run), marks=self.say("judge.between").join(marks))

    def _name(self, run: SavedRun) -> str:
        return self.say("model.starter") if run.judge == self.judges.starter else run.name

    def _used(self) -> Path | None:
        return None if self.judges.current is None else self.judges.current.run.judge

    async def _use(self, _: Any) -> None:
        run: SavedRun | None = self.choice.value
        if run is not None and self.context.admin and not await self._switched(run):
            self.switch.disabled = False

    async def _switched(self, run: SavedRun) -> bool:
        """Use a judge from now on, and return whether that worked; the message says so."""
        self.switch.disabled = True
        self.message.object = self._note(self.say("model.loading", name=self._name(run)))
        try:
            await in_thread(lambda: self.context.write_down("judge", name=run.name))
            await self.judges.use(run)
        except UserError as fault:
            self.message.object = self._note(str(fault))
            return False
        self.message.object = self._note(self.say("model.now_used", name=self._name(run)))
        await in_thread(lambda: decide_for(run, self.judges.runs()))
        self.choice.value = next((each for each in self.choice.options.values() if each.judge == run.judge), run)
        self.opened()
        return True

    def _note(self, sentence: str) -> str:
        return note(sentence, role="status")

    def _chosen(self) -> None:
        run: SavedRun | None = self.choice.value
        if run is not None:
            self.switch.disabled = run.judge == self._used()
            self.tasks.start(self._show(run))

    async def _show(self, run: SavedRun) -> None:
        """Read what the run wrote, and show it unless another judge has been chosen meanwhile."""
        html = await in_thread(self._cards_of, run)
        if self.choice.value is None or self.choice.value.judge != run.judge:
            return
        with pn.io.hold():
            for name in CARDS:
                self.panes[name].object = html[name]
            self.card.visible = bool(html["written_card"])
            self.scores.visible = bool(html["scores"])

        def put_card(drawn: Sequence[Rendered]) -> None:
            if self.choice.value is not None and self.choice.value.judge == run.judge:
                self.written_card.object = f'<div class="text" tabindex="0">{noted(drawn[0], self.say)}</div>'

        await draw([[html["written_card"]]], self.context.session, put_card)

    def _cards_of(self, run: SavedRun) -> dict[str, str]:
        say, made = self.say, self._made
        written = pd.Timestamp(run.written).tz_convert(self.zone).strftime("%Y-%m-%d %H:%M")
        try:
            table = run.out_of_fold()
            trouble = ""
        except UserError as fault:
            table, trouble = None, self._note(str(fault))
        card = run.card()
        scored = table is not None or bool(trouble) or (run.run / "results.json").is_file()
        table = pd.DataFrame({"outcome": []}) if table is None else table
        return {
            # a judge without the tables of its run, whose card says how it does, would show empty cards only
            "scores": "yes" if scored or card is None else "",
            "facts": made(lambda: cards.facts(run.about(), trained(run.provenance(), say), written, say)),
            "results": made(lambda: cards.results_table(run.results() or {}, say)),
            "calibration": trouble or made(lambda: cards.calibration_chart(table, say)),
            "length": trouble or made(lambda: cards.by_length(table, say)),
            "language": trouble or made(lambda: cards.by_language(table, say, say.language_name)),
            "importances": made(lambda: cards.importances(tree_gains(*run.trees()), say)),
            "written_card": cards.unwrapped(card or ""),
        }

    def _made(self, make: Callable[[], str]) -> str:
        try:
            return make()
        except UserError as fault:
            return self._note(str(fault))
        except (AttributeError, KeyError, TypeError, ValueError) as fault:  # of files that say what no run writes
            return self._note(self.say("model.unreadable", reason=f"{type(fault).__name__}: {fault}"[:200]))

    def _layout(self) -> tuple[pn.Column, pn.Column]:
        """Return the card of the judge in use, and the cards below the one of learning from votes."""
        say, panes = self.say, self.panes
        self.message.object = "" if self.context.admin else self._note(say("admin.switch"))
        head = boxed(say("model.facts"), in_line(self.choice, self.switch), self.message, panes["facts"])
        self.scores = stacked(
            boxed(say("model.results"), panes["results"], hint=say("model.results_hint")),
            grid(
                boxed(say("model.calibration"), panes["calibration"], hint=say("model.calibration_hint")),
                stacked(
                    boxed(say("model.by_length"), panes["length"], hint=say("model.by_length_hint")),
                    boxed(say("model.by_language"), panes["language"]),
                ),
            ),
        )
        return head, stacked(self.scores, self.importances, self.card)

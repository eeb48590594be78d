"""The page of voting through a file: choose one, then battle after battle, where one left off."""

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from dashboard import battle_files
from dashboard.analysis.order import Order
from dashboard.analysis.progress import Progress, progress
from dashboard.analysis.votes import with_outcomes
from dashboard.battle_files import BattleFile
from dashboard.file_verdicts import FileVerdicts, Opinion, opinion_of
from dashboard.limits import LimitReached
from dashboard.pages.aside import aside
from dashboard.pages.base import Context
from dashboard.pages.cards_look import boxed, card_pane, grid, stacked
from dashboard.pages.history_cards import percent, verdict_line
from dashboard.pages.keys import Keys
from dashboard.pages.upload import Upload
from dashboard.records import CHOICES, Battle, Choice, Side, Voted, file_battle_id
from dashboard.render import plain, render_turns
from dashboard.store import AlreadyVoted, StoreFault, VoteFilter
from pipelines.errors import UserError
from stacker.judge import Judge


class FileVotesPage:
    """The page of one person (see `dashboard.pages.base`)."""

    name = "file"

    def __init__(self, context: Context) -> None:
        self.store, self.session, self.say = context.store, context.session, context.say
        self.judges, self.limits, self.memory = context.judges, context.limits, context.memory
        self.folder = Path(context.params.files) if context.params.files else None
        self.most_bytes = 1_000_000 * context.params.limits.file_megabytes
        self.file: BattleFile | None = None
        self.verdicts: FileVerdicts | None = None
        self.version = ""
        self.battle: Battle | None = None
        self.row: int | None = None
        self.voted: dict[str, Choice] = {}
        self.passed: set[int] = set()
        self.last: Voted | None = None
        self._waiting = False

    def panel(self) -> pn.viewable.Viewable:
        """Return what is shown."""
        self._choosing()
        self._voting()
        self._open_room(False)
        return stacked(self.chooser, self.room)

    def opened(self) -> None:
        """Look again for what can be opened; after a change of language, go on with the file that was open."""
        aside(self._offers, self._offer)
        kept = self.memory.get(self.name)
        if self.file is None and isinstance(kept, BattleFile):
            self.begin(kept)

    def closed(self) -> None:
        """End the verdicts that are on their way."""
        if self.verdicts is not None:
            self.verdicts.stop()

    def _offers(self) -> dict[str, tuple[str, Any]]:
        names: dict[str, tuple[str, Any]] = {}
        if self.folder is not None:
            names |= {name: ("file", name) for name in battle_files.open_files(self.folder)}
        names |= {
            self.say("file.test_set", name=run.name): ("run", run)
            for run in self.judges.runs()
            if (run.run / "params.yaml").is_file()
        }
        return names

    def _offer(self, names: dict[str, tuple[str, Any]]) -> None:
        self.choice.options = {self.say("file.choose"): None} | names
        self.choices.visible = bool(names)

    # choosing

    def _choosing(self) -> None:
        say = self.say
        megabytes = f"{self.most_bytes / 1e6:.0f}"
        self.upload = Upload(
            label=say("file.drop"),
            hint=say("file.drop_hint", megabytes=megabytes),
            too_large=say("file.too_large", megabytes=megabytes),
            accept=",".join(battle_files.ENDINGS),
            most_bytes=self.most_bytes,
            sizing_mode="stretch_width",
            margin=0,
        )
        self.upload.on_file(lambda name, content: self._load(lambda: battle_files.uploaded(name, content)))
        self.choice = pn.widgets.Select(label=say("file.or_choose"), options={}, sizing_mode="stretch_width")
        self.open = pn.widgets.Button(label=say("file.open"), color="primary", align="end", css_classes=["open"])
        self.open.on_click(lambda _: self._open_chosen())
        self.choices = pn.Row(self.choice, self.open, sizing_mode="stretch_width", visible=False)
        self.message = card_pane()
        self.chooser = boxed(
            say("file.title"),
            self.upload,
            self.choices,
            self.message,
            hint=say("file.hint"),
        )

    def _open_chosen(self) -> None:
        chosen = self.choice.value
        if chosen is None:
            self._say(self.say("file.choose_first"))
        elif chosen[0] == "run":
            self._load(lambda: battle_files.test_set(chosen[1]))
        elif (folder := self.folder) is not None:
            self._load(lambda: battle_files.from_folder(folder, chosen[1]))

    def _load(self, read: Callable[[], BattleFile]) -> None:
        self._say(self.say("file.reading"))

        def work() -> BattleFile | UserError:
            try:
                return read()
            except UserError as fault:
                return fault

        def then(found: BattleFile | UserError) -> None:
            if isinstance(found, UserError):
                self._say(str(found))
                return
            self._say("")
            self.begin(found)

        aside(work, then)

    def _say(self, sentence: str) -> None:
        self.message.object = f'<p class="nothing" role="status">{plain(sentence, 600)}</p>' if sentence else ""

    # voting

    def begin(self, file: BattleFile) -> None:
        """Open a file and show its first battle without a vote."""
        self.closed()
        loaded = self.judges.current
        self.file, self.passed, self.last = file, set(), None
        self.memory[self.name] = file
        self.version = "" if loaded is None else loaded.version
        self.verdicts = FileVerdicts(file.battles, None if loaded is None else self._opinion(loaded.judge))
        self.voted = self.store.voted(file.origin, self.session)
        self.order.disabled = loaded is None
        self.battle = self.row = None
        self._open_room(True)
        self._waiting = True
        self._show_head()
        verdicts, document = self.verdicts, pn.state.curdoc
        if loaded is None or document is None or document.session_context is None:
            verdicts.start(lambda: None)
            verdicts.wait(600)
            self.show_next()
            return
        self.question.object = f'<p class="nothing first">{escape(self.say("file.first_verdicts"))}</p>'
        self._buttons(False)
        self.skip_button.visible = False

        def told() -> None:
            document.add_next_tick_callback(lambda: self._verdicts_came(verdicts))

        verdicts.start(told)

    def _opinion(self, judge: Judge) -> Opinion:
        """Return the judge's opinion, asked in the judge's own thread: it is not made to be asked by two at once."""
        opinion = opinion_of(judge)
        return lambda battles: self.judges.do(lambda: opinion(battles)).result()

    def progress(self) -> Progress:
        """Return how far one has come through the file."""
        ids = [] if self.file is None else self.file.battles["id"].tolist()
        return progress(ids, self.voted)

    def show_next(self) -> None:
        """Show the next battle, and store it with its verdict before anybody can vote on it."""
        if self.file is None or self.verdicts is None:
            return
        self.last = None
        self._waiting = False
        settled = {*self.progress().rows, *self.passed}
        order: Order = self.order.value
        row = self.row = self.verdicts.next_row(order, settled)
        self.battle = None
        if row is None:
            self._show()
            return
        verdicts = self.verdicts

        def show(verdict: tuple[float, float, float] | None) -> None:
            if self.verdicts is not verdicts or self.row != row or self.battle is not None:
                return
            try:
                self.battle = self._stored(row, verdict)
            except UserError as fault:
                self._show()
                self._tell(str(fault), "no")
                return
            self._show()

        if verdicts.has(row):
            show(verdicts.of(row))
        else:
            self._buttons(False)
            aside(lambda: verdicts.of(row), show)

    def _stored(self, row: int, verdict: tuple[float, float, float] | None) -> Battle:
        assert self.file is not None
        cells = self.file.battles.iloc[row]
        battle = Battle(
            file_battle_id(self.file.origin, cells["id"], self.session),
            self.session,
            cells["prompt"],
            Side(cells["response_a"], model=cells["model_a"]),
            Side(cells["response_b"], model=cells["model_b"]),
            verdict,
            judge=self.version,
            lang=cells["lang"],
            source="file",
            origin=self.file.origin,
            origin_id=cells["id"],
        )
        try:
            self.store.add_battle(battle)
        except StoreFault as fault:
            # it was shown before, when another judge was loaded: the verdict given then stays, as it came first
            if fault.code != "same_battle":
                raise
        return battle

    def vote(self, choice: Choice) -> None:
        """Vote on the battle that is shown; what was voted stands on the page only once it is stored."""
        if self.battle is None or self.last is not None:
            return
        try:
            self.limits.vote()
            self.last = self.store.vote(self.battle.id, choice, self.session)
        except AlreadyVoted as fault:
            self.voted[self.battle.origin_id] = fault.details["choice"]
            self._tell(self.say("file.already"), "no")
            self._buttons(False)
            self.next.visible = True
            return
        except LimitReached as reached:
            self._tell(self.say(f"limit.{reached.code}", **reached.details), "no")
            return
        except UserError as fault:
            self._tell(str(fault), "no")
            return
        self.voted[self.battle.origin_id] = choice
        self._show_outcome()

    def undo(self) -> None:
        """Withdraw the vote just cast."""
        if self.battle is None or self.last is None:
            return
        try:
            self.store.undo(self.battle.id, self.session)
        except StoreFault as fault:
            self._tell(str(fault), "no")
            self.undo_button.visible = False
            return
        self.voted.pop(self.battle.origin_id, None)
        self.last = None
        self._show()

    def skip(self) -> None:
        """Pass the battle over for now."""
        if self.row is not None and self.last is None:
            self.passed.add(self.row)
            self.show_next()

    def _voting(self) -> None:
        say = self.say
        self.head, self.question, self.outcome = card_pane(), card_pane(), card_pane()
        self.answers = {side: card_pane() for side in ("a", "b")}
        self.order = pn.widgets.Select(
            label=say("file.order"),
            options={say(f"file.order_{order}"): order for order in ("uncertain", "informative", "file")},
            value="uncertain",
            sizing_mode="stretch_width",
        )
        self.order.param.watch(lambda _: self._order_changed(), "value")
        self.buttons: dict[Choice, pn.widgets.Button] = {}
        for number, choice in enumerate(CHOICES, start=1):
            button = pn.widgets.Button(
                label=f"{say(f'choice.{choice}')}  ({number})",
                sizing_mode="stretch_width",
                margin=0,
                css_classes=["vote", f"vote-{choice}"],
            )
            button.on_click(self._voter(choice))
            self.buttons[choice] = button
        self.next = pn.widgets.Button(label=say("file.next"), color="primary", margin=0, css_classes=["next"])
        self.undo_button = pn.widgets.Button(label=say("file.undo"), margin=0, css_classes=["undo"])
        self.skip_button = pn.widgets.Button(label=say("file.skip"), margin=0, css_classes=["skip"])
        other = pn.widgets.Button(label=say("file.other"), margin=0, css_classes=["other"])
        self.next.on_click(lambda _: self.show_next())
        self.undo_button.on_click(lambda _: self.undo())
        self.skip_button.on_click(lambda _: self.skip())
        other.on_click(lambda _: self.close())
        self.keys = Keys(self._pressed, wanted=["1", "2", "3", "4", "Enter", "n"])
        self.room = stacked(
            boxed(say("file.voting"), self.head, grid(self.order, other, least="11rem")),
            boxed(say("file.question"), self.question),
            grid(
                boxed(say("history.answer_a"), self.answers["a"]),
                boxed(say("history.answer_b"), self.answers["b"]),
                least="20rem",
            ),
            pn.Column(
                grid(*self.buttons.values(), least="9rem"),
                self.outcome,
                pn.Row(self.next, self.undo_button, self.skip_button, styles={"gap": ".75rem"}, margin=0),
                self.keys,
                sizing_mode="stretch_width",
                margin=0,
                styles={"gap": ".5rem"},
                css_classes=["voting"],
            ),
        )

    def _voter(self, choice: Choice) -> Callable[[Any], None]:
        return lambda _: self.vote(choice)

    def close(self) -> None:
        """Leave the file and choose another."""
        self.closed()
        self.file = self.verdicts = self.battle = self.row = None
        self.memory.pop(self.name, None)
        self._open_room(False)
        self.opened()

    def _pressed(self, key: str) -> None:
        if key in "1234":
            self.vote(CHOICES[int(key) - 1])
        elif self.next.visible:
            self.show_next()

    def _order_changed(self) -> None:
        if self.last is None and not self._waiting:
            self.show_next()

    def _verdicts_came(self, verdicts: FileVerdicts) -> None:
        if verdicts is not self.verdicts:
            return
        if self._waiting:
            self.show_next()
        else:
            self._show_head()  # the battle on the page stays: a person may be reading it

    def _open_room(self, opened: bool) -> None:
        self.chooser.visible, self.room.visible = not opened, opened

    def _show(self) -> None:
        self._show_head()
        battle = self.battle
        self.undo_button.visible = self.next.visible = False
        self._buttons(battle is not None)
        self.skip_button.visible = battle is not None
        if battle is None:
            if self.row is None:
                done = self.progress()
                key = "file.finished" if done.done >= done.total else "file.only_passed"
                self.question.object = f'<p class="nothing first">{escape(self.say(key))}</p>'
                self.passed.clear()
                self.outcome.object = ""
                self.next.visible = done.done < done.total
            for pane in self.answers.values():
                pane.object = ""
            return
        self.outcome.object = ""
        self.question.object = self._text(battle.prompt, "question")
        for side, content in (("a", battle.a), ("b", battle.b)):
            self.answers[side].object = self._text(content.response, "answer")

    def _text(self, turns: Any, kind: str) -> str:
        shown = render_turns(tuple(turns))
        more = ""
        if shown.left_out:
            more = f'<p class="hint">{escape(self.say("history.left_out", count=shown.left_out))}</p>'
        return f'<div class="text {kind}">{shown.html}{more}</div>'

    def _show_head(self) -> None:
        if self.file is None or self.verdicts is None:
            return
        done, verdicts = self.progress(), self.verdicts
        share = f"{100 * done.share:.2f}%"
        parts = [self.say("file.done", done=f"{done.done:,}", total=f"{done.total:,}", share=percent(done.share))]
        if self.file.left_out:
            parts.append(self.say("file.left_out", count=f"{self.file.left_out:,}"))
        if verdicts.wanted == 0:
            parts.append(self.say("file.no_judge"))
        elif verdicts.fault:
            parts.append(self.say("file.verdicts_failed", reason=verdicts.fault[:200]))
        elif verdicts.done < verdicts.wanted:
            parts.append(self.say("file.verdicts", done=f"{verdicts.done:,}", total=f"{verdicts.wanted:,}"))
        notes = "".join(f"<span>{plain(part, 300)}</span>" for part in parts)
        self.head.object = (
            f'<div class="status"><b>{plain(self.file.name, 120)}</b>{notes}</div>'
            f'<div class="bar-of" role="progressbar" aria-valuemin="0" aria-valuemax="{done.total}" '
            f'aria-valuenow="{done.done}"><i style="width:{share}"></i></div>'
        )

    def _show_outcome(self) -> None:
        assert self.battle is not None
        # what stands in the store, and not what this page holds: another judge may have been first
        stored = self.store.votes(VoteFilter(session=self.session, origin=self.battle.origin, last=1))
        row = with_outcomes(stored).iloc[-1]
        names = " · ".join(
            f"{self.say(f'history.answer_{side}')}: {content.model}"
            for side, content in (("a", self.battle.a), ("b", self.battle.b))
            if content.model
        )
        models = f'<p class="hint">{plain(names, 200)}</p>' if names else ""
        self.outcome.object = f'<div role="status">{verdict_line(row, self.say)}{models}</div>'
        self._buttons(False)
        self.skip_button.visible = False
        self.next.visible = self.undo_button.visible = True
        self._show_head()
        self._close_undo_later()

    def _close_undo_later(self) -> None:
        document, last = pn.state.curdoc, self.last
        if document is None or document.session_context is None or last is None:
            return

        def close() -> None:
            if self.last is last:
                self.undo_button.visible = False

        left = max((last.undo_until - datetime.now(UTC)).total_seconds(), 0.0)
        document.add_timeout_callback(close, int(1000 * left))

    def _buttons(self, opened: bool) -> None:
        for button in self.buttons.values():
            button.disabled = not opened

    def _tell(self, sentence: str, kind: str) -> None:
        self.outcome.object = f'<p class="verdict" role="alert"><span class="{kind}">{plain(sentence, 400)}</span></p>'

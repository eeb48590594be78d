"""The history page: votes in a table with details, how far judge and voters agree, a ranking, and exports."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pandas as pd
import panel as pn

from dashboard.components.drawn_texts import draw
from dashboard.components.look import WIDGET, boxed, card_pane, grid, note, stacked
from dashboard.pages.history import history_cards as cards
from dashboard.pages.history.history_cards import COLUMNS, Sorting, VoteTable, sorted_rows
from dashboard.pages.page import Context
from dashboard.rendering.rendered import Rendered
from dashboard.sessions.concurrency import in_store_thread, in_thread
from dashboard.texts import Texts
from dashboard.votes import exports
from dashboard.votes.agreement import agreement_by, agreement_by_style, judged_only, neutral_only, with_outcomes
from dashboard.votes.store import StoreFault
from dashboard.votes.vote_records import CHOICES
from pipelines.battles.table import text_of
from pipelines.terminal.unseen_signs import show_controls

QUESTION_SHOWN = 160
CALLS = ("a", "b", "tie")
CARDS = ("figures", "time", "confusion", "language", "style", "ranking")


@dataclass(frozen=True)
class Wishes:
    """What is wished of the votes; "" takes all.

    Attributes
    ----------
    session, choice, source, lang : str
        Equal to this.
    agrees : str
        `yes` or `no`: whether judge and voter agree.
    words : str
        Stand in the question.
    """

    session: str = ""
    choice: str = ""
    source: str = ""
    lang: str = ""
    agrees: str = ""
    words: str = ""


def fitting(votes: pd.DataFrame, wishes: Wishes) -> pd.DataFrame:
    """Return the votes, from `with_outcomes`, that fit; the words of many take a while, so call it from a thread."""
    kept = pd.Series(True, index=votes.index)
    for name in ("session", "choice", "source", "lang"):
        if wished := getattr(wishes, name):
            kept &= votes[name] == wished
    if wishes.agrees:
        kept &= votes["agrees"].eq(wishes.agrees == "yes").fillna(False).astype(bool)
    if words := wishes.words.strip().casefold():
        texts = votes["prompt"].map(text_of) + "\n" + votes["asked"]
        kept &= texts.map(lambda text: words in text.casefold()).astype(bool)
    return votes[kept].reset_index(drop=True)


class HistoryFilters:
    """The widgets.

    Parameters
    ----------
    session : str
        The person, for "only my votes".
    changed : function
        Called when the wishes are others.
    """

    def __init__(self, say: Texts, session: str, changed: Callable[[], None]) -> None:
        self.say, self.session = say, session
        self._any = {say("history.any"): ""}
        self.mine = self._select("whose", {say("history.only_mine"): session})
        self.choice = self._select("vote", {say(f"choice.{choice}"): choice for choice in CHOICES})
        self.agrees = self._select("judge", {say("history.agrees"): "yes", say("history.disagrees"): "no"})
        self.source = self._select("source", {say("history.source_ask"): "ask", say("history.source_file"): "file"})
        self.lang = self._select("language", {})
        self.search = pn.widgets.TextInput(
            label=say("history.search"), placeholder=say("history.search_hint"), css_classes=["search"]
        )
        widgets = (self.choice, self.agrees, self.source, self.lang, self.search, self.mine)
        for widget in widgets:
            widget.param.update(width=None, sizing_mode="stretch_width", margin=0, stylesheets=[WIDGET])
            widget.param.watch(lambda _: changed(), "value")
        self.view = grid(*widgets, fine=True)

    def offer(self, languages: list[str]) -> None:
        """Offer these languages, by their codes."""
        options = self._any | {self.say.language_name(code): code for code in languages}
        if self.lang.options != options:
            self.lang.options = options

    def wishes(self) -> Wishes:
        """Return what is wished now."""
        return Wishes(
            session=self.mine.value,
            choice=self.choice.value,
            source=self.source.value,
            lang=self.lang.value,
            agrees=self.agrees.value,
            words=str(self.search.value or ""),
        )

    def _select(self, key: str, options: dict[str, str]) -> pn.widgets.Select:
        return pn.widgets.Select(label=self.say(f"history.{key}"), options=self._any | options)


@dataclass(frozen=True)
class Shown:
    """What the page shows of some votes: the votes, the table's rows with their sorting, and each card's HTML."""

    votes: pd.DataFrame
    rows: pd.DataFrame
    order: list[int]
    sorting: Sorting
    cards: dict[str, str]


class HistoryPage:
    """The page of one person (see `dashboard.pages.page`)."""

    name = "history"

    def __init__(self, context: Context) -> None:
        self.store, self.session, self.say, self.zone = context.store, context.session, context.say, context.zone
        self.tasks, self.offers = context.tasks, context.offers
        self._offered = ""
        self.language_name = context.say.language_name
        self.leave_out_named, self.admin = context.params.leave_out_named, context.admin
        self.write_down = context.write_down
        self.votes = self.shown = pd.DataFrame()
        self._showing: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None

    def panel(self) -> pn.viewable.Viewable:
        """Return what is shown."""
        say = self.say
        self.filters = HistoryFilters(say, self.session, self._changed)
        self._cards = {name: card_pane() for name in CARDS}
        self.details = card_pane(visible=False)
        self.table = VoteTable(say, self.tasks, self._pressed)
        self.ranked_by = pn.widgets.RadioButtonGroup(
            options={say("history.styles"): "style", say("history.models"): "model"},
            value="style",
            sizing_mode="stretch_width",
            margin=(0, 0, 8, 0),
            css_classes=["ranked-by"],
            stylesheets=[WIDGET],
        )
        self.ranked_by.param.watch(lambda _: self._changed(), "value")
        self.body = self._layout()
        self.body.visible = False
        self.nothing = card_pane(visible=False)
        return stacked(self.nothing, self.body)

    def opened(self) -> None:
        """Read the votes anew."""
        self.tasks.start(self._read())

    def closed(self) -> None:
        """Give up the exports that are being fetched."""
        self.offers.withdraw(self._offered)

    async def _read(self) -> None:
        try:
            self.votes = await in_store_thread(lambda: with_outcomes(self.store.votes()))
        except StoreFault as fault:
            self._say_instead(self.say("history.unread", reason=fault.details.get("reason", str(fault))))
            return
        if self.votes.empty:
            self._say_instead(self.say("history.no_votes"))
            return
        self.filters.offer(sorted(code for code in self.votes["lang"].unique() if code))
        self._changed()

    def _say_instead(self, sentence: str) -> None:
        self.nothing.object = note(sentence, "nothing first", "status")
        self.nothing.visible, self.body.visible = True, False

    def _changed(self) -> None:
        """Show what the filters leave; what was being computed for others is given up."""
        if self._showing is not None:
            self._showing.cancel()
        self._showing = self.tasks.start(self._show())

    async def _show(self) -> None:
        made = partial(self._made, self.votes, self.filters.wishes(), self.ranked_by.value, self.table.sorting)
        self._put(await in_thread(made))

    def _put(self, shown: Shown) -> None:
        with pn.io.hold():
            self.shown = shown.votes
            for name, html in shown.cards.items():
                self._cards[name].object = html
            if self.table.show(shown.rows, shown.order, shown.sorting):
                self.details.visible = False
            self.nothing.visible, self.body.visible = False, True

    def _pressed(self, row: int) -> None:
        if self._opening is not None:
            self._opening.cancel()
        self._opening = self.tasks.start(self._open(row))

    async def _open(self, row: int) -> None:
        vote = self.shown.iloc[row]

        def put(drawn: Sequence[Rendered]) -> None:
            self.details.object = str(cards.details(vote, drawn, self.say))
            self.details.visible = True

        await draw((vote["prompt"], vote["response_a"], vote["response_b"]), self.session, put)

    def _made(
        self, every: pd.DataFrame, wishes: Wishes, ranked_by: Literal["style", "model"], sorting: Sorting
    ) -> Shown:
        votes = fitting(every, wishes)
        say, judged = self.say, judged_only(votes)
        by_language, by_style = agreement_by(judged, "lang"), agreement_by_style(judged)
        made = {
            "figures": cards.figures(votes, judged, say),
            "time": cards.over_time(judged, say, self.zone),
            "confusion": cards.confusion(judged, say),
            "language": cards.by_group(by_language, say, say("history.by_language"), self.language_name),
            "style": cards.by_group(by_style, say, say("history.by_style"), partial(cards.style_title, say=say)),
            "ranking": cards.named(votes, say, self.leave_out_named) + cards.ranking(self._kept(votes), ranked_by, say),
        }
        rows = self._rows(votes)
        return Shown(votes, rows, sorted_rows(rows, sorting), sorting, made)

    def _kept(self, votes: pd.DataFrame) -> pd.DataFrame:
        """Return the votes that are ranked."""
        return neutral_only(votes) if self.leave_out_named else votes

    def _exported(self) -> pd.DataFrame:
        """Return the votes that go into a file: those that are shown and ranked, of others only for an admin."""
        kept = self._kept(self.shown)
        return kept if self.admin or kept.empty else kept[kept["session"] == self.session]

    def _rows(self, votes: pd.DataFrame) -> pd.DataFrame:
        say = self.say
        if votes.empty:
            return pd.DataFrame({name: [] for name in COLUMNS})
        calls = [say(f"choice.{CALLS[call]}") if call >= 0 else "–" for call in votes["called"]]
        agrees = [("–" if pd.isna(each) else say("history.yes" if each else "history.no")) for each in votes["agrees"]]
        return pd.DataFrame(
            {
                "time": votes["voted_at"].dt.tz_convert(self.zone).dt.strftime("%Y-%m-%d %H:%M"),
                "question": [_one_line(text_of(turns)) for turns in votes["prompt"]],
                "vote": [say(f"choice.{choice}") for choice in votes["choice"]],
                "call": calls,
                "agrees": agrees,
                "language": [self.language_name(lang) if lang else "–" for lang in votes["lang"]],
            }
        )

    def _pieces(self, kind: str) -> Generator[bytes]:
        """Begin to make a file of what is shown at this moment."""
        votes = self._exported()
        if self.admin:
            self.write_down("export", kind=kind, votes=len(votes))
        return exports.in_pieces(kind, votes)

    def _links(self) -> str:
        """Offer the exports, and return their links."""
        files = {name: partial(self._pieces, kind) for kind, (name, _) in exports.FORMATS.items()}
        self._offered = self.offers.offer(files)
        kinds = exports.FORMATS.items()
        return cards.links(
            [(f"download/{self._offered}/{name}", self.say(f"history.export_as.{kind}")) for kind, (name, _) in kinds]
        )

    def _layout(self) -> pn.Column:
        say, card = self.say, self._cards
        return stacked(
            card["figures"],
            self.filters.view,
            boxed(say("history.table"), self.table.view, self.details, hint=say("history.table_hint")),
            grid(
                boxed(say("history.over_time"), card["time"], hint=say("history.over_time_hint")),
                boxed(say("history.confusion"), card["confusion"], hint=say("history.confusion_hint")),
                boxed(say("history.by_language"), card["language"]),
                boxed(say("history.by_style"), card["style"], hint=say("history.by_style_hint")),
            ),
            boxed(say("history.ranking"), self.ranked_by, card["ranking"], hint=say("history.ranking_hint")),
            boxed(
                say("history.export"),
                card_pane(self._links()),
                hint=say("history.export_hint") if self.admin else say("admin.export"),
            ),
        )


def _one_line(text: str) -> str:
    shown = " ".join(show_controls(text[: QUESTION_SHOWN * 2]).split())
    return shown if len(shown) <= QUESTION_SHOWN else shown[:QUESTION_SHOWN] + "…"

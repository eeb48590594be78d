"""The history page: votes in a table with details, how far judge and voters agree, a ranking, and exports."""

import io
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import pandas as pd
import panel as pn

from dashboard import exports
from dashboard.analysis.agreement import agreement_by, agreement_by_style
from dashboard.analysis.votes import judged_only, neutral_only, with_outcomes
from dashboard.pages import history_cards as cards
from dashboard.pages.aside import aside
from dashboard.pages.base import Context
from dashboard.pages.cards_look import TABLE, WIDGET, boxed, card_pane, grid, stacked
from dashboard.records import CHOICES
from pipelines.battles import text_of
from stacker.charts.controls import show_controls

PAGE_ROWS = 15
QUESTION_SHOWN = 160
CALLS = ("a", "b", "tie")
COLUMNS = ("time", "question", "vote", "call", "agrees", "language")
CARDS = ("figures", "time", "confusion", "language", "style", "ranking")


@dataclass(frozen=True)
class Shown:
    """What the page shows of some votes: the votes, the rows of the table, and each card's HTML."""

    votes: pd.DataFrame
    rows: pd.DataFrame
    cards: dict[str, str]


class HistoryPage:
    """The page of one person (see `dashboard.pages.base`)."""

    name = "history"

    def __init__(self, context: Context) -> None:
        self.store, self.session, self.say, self.zone = context.store, context.session, context.say, context.zone
        self.language_name = context.say.language_name
        self.leave_out_named = context.params.leave_out_named
        self.votes = self.shown = pd.DataFrame()
        self._turn = 0

    def panel(self) -> pn.viewable.Viewable:
        """Return what is shown."""
        say = self.say
        self._filters()
        self._cards = {name: card_pane() for name in CARDS}
        self.details = card_pane(visible=False)
        self._table()
        self.ranked_by = pn.widgets.RadioButtonGroup(
            options={say("history.styles"): "style", say("history.models"): "model"},
            value="style",
            sizing_mode="stretch_width",
            margin=(0, 0, 8, 0),
            css_classes=["ranked-by"],
            stylesheets=[WIDGET],
        )
        self.ranked_by.param.watch(lambda _: self._show(), "value")
        self.downloads = [self._download(kind) for kind in exports.FORMATS]
        self.body = self._layout()
        self.body.visible = False
        self.empty = card_pane(f'<p class="nothing first">{escape(say("history.no_votes"))}</p>', visible=False)
        return stacked(self.empty, self.body)

    def opened(self) -> None:
        """Read the votes anew."""
        aside(lambda: with_outcomes(self.store.votes()), self._came)

    def closed(self) -> None:
        """Do nothing: nothing runs for this page."""

    def _came(self, votes: pd.DataFrame) -> None:
        self.votes = votes
        self._languages()
        self._show()

    def _filters(self) -> None:
        say = self.say
        self.mine = pn.widgets.Checkbox(label=say("history.only_mine"), value=False, align="end", css_classes=["mine"])
        everything = {say("history.any"): ""}
        self.choice = pn.widgets.Select(
            label=say("history.vote"), options=everything | {say(f"choice.{choice}"): choice for choice in CHOICES}
        )
        self.agrees = pn.widgets.Select(
            label=say("history.judge"),
            options=everything | {say("history.agrees"): "yes", say("history.disagrees"): "no"},
        )
        self.source = pn.widgets.Select(
            label=say("history.source"),
            options=everything | {say("history.source_ask"): "ask", say("history.source_file"): "file"},
        )
        self.lang = pn.widgets.Select(label=say("history.language"), options=everything)
        self.search = pn.widgets.TextInput(
            label=say("history.search"), placeholder=say("history.search_hint"), css_classes=["search"]
        )
        for widget in (self.mine, self.choice, self.agrees, self.source, self.lang, self.search):
            widget.width = None
            widget.sizing_mode, widget.margin, widget.stylesheets = "stretch_width", 0, [WIDGET]
            widget.param.watch(lambda _: self._show(), "value")

    def _languages(self) -> None:
        codes = sorted(code for code in self.votes["lang"].unique() if code)
        options = {self.say("history.any"): ""} | {self.language_name(code): code for code in codes}
        if self.lang.options != options:
            self.lang.options = options

    def _chosen(self) -> pd.DataFrame:
        votes = self.votes
        kept = pd.Series(True, index=votes.index)
        if self.mine.value:
            kept &= votes["session"] == self.session
        for name in ("choice", "source", "lang"):
            if wished := getattr(self, name).value:
                kept &= votes[name] == wished
        if self.agrees.value:
            kept &= votes["agrees"].eq(self.agrees.value == "yes").fillna(False).astype(bool)
        if words := str(self.search.value or "").strip().casefold():
            texts = votes["prompt"].map(text_of) + "\n" + votes["asked"]
            kept &= texts.map(lambda text: words in text.casefold()).astype(bool)
        return votes[kept].reset_index(drop=True)

    def _show(self) -> None:
        """Compute what the filters leave, and show it unless they have been changed again meanwhile."""
        self._turn += 1
        turn, chosen = self._turn, self._chosen()
        ranked_by: Literal["style", "model"] = self.ranked_by.value

        def then(shown: Shown) -> None:
            if turn == self._turn:
                self._put(shown)

        aside(lambda: self._made(chosen, ranked_by), then)

    def _made(self, votes: pd.DataFrame, ranked_by: Literal["style", "model"]) -> Shown:
        say, judged = self.say, judged_only(votes)
        by_language, by_style = agreement_by(judged, "lang"), agreement_by_style(judged)
        made = {
            "figures": cards.figures(votes, judged, say),
            "time": cards.over_time(judged, say, self.zone),
            "confusion": cards.confusion(judged, say),
            "language": cards.by_group(by_language, say, say("history.by_language"), self.language_name),
            "style": cards.by_group(by_style, say, say("history.by_style")),
            "ranking": cards.named(votes, say, self.leave_out_named) + cards.ranking(self._kept(votes), ranked_by, say),
        }
        return Shown(votes, self._rows(votes), made)

    def _kept(self, votes: pd.DataFrame) -> pd.DataFrame:
        """Return the votes that are ranked and exported."""
        return neutral_only(votes) if self.leave_out_named else votes

    def _put(self, shown: Shown) -> None:
        self.shown = shown.votes
        self.empty.visible, self.body.visible = self.votes.empty, not self.votes.empty
        for name, html in shown.cards.items():
            self._cards[name].object = html
        if not shown.rows.equals(self.table.value):
            self.table.value = shown.rows
            self.details.visible = False

    def _table(self) -> None:
        say = self.say
        titles = {
            name: say(f"history.column.{name}") for name in ("time", "question", "vote", "call", "agrees", "language")
        }
        self.table = pn.widgets.Tabulator(
            self._rows(self.shown),
            titles=titles,
            show_index=False,
            disabled=True,
            selectable=False,
            pagination="remote",
            page_size=PAGE_ROWS,
            layout="fit_columns",
            widths={"time": 160, "vote": 105, "call": 130, "agrees": 95, "language": 105},
            sorters=[{"field": "time", "dir": "desc"}],
            formatters={name: {"type": "plaintext"} for name in titles},
            configuration={
                "locale": "page",
                "langs": {"page": self._table_texts()},
                "columnDefaults": {
                    "headerSortTristate": False,
                    "tooltip": False,
                    "minWidth": 80,
                    "resizable": "header",  # a handle between two cells of a row would swallow a press on the row
                },
                "responsiveLayout": "hide",
                "placeholder": say("history.none_found"),
            },
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[TABLE],
            css_classes=["votes"],
        )
        self.table.on_click(self._open)

    def _table_texts(self) -> dict[str, Any]:
        words = {word: self.say(f"history.pager.{word}") for word in ("first", "last", "prev", "next")}
        titles = {f"{word}_title": text for word, text in words.items()}
        return {"pagination": {**words, **titles}}

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

    def _open(self, event: Any) -> None:
        if not 0 <= event.row < len(self.shown):
            return
        self.details.object = cards.details(self.shown.iloc[event.row], self.say)
        self.details.visible = True

    def _download(self, kind: str) -> pn.widgets.FileDownload:
        name, make = exports.FORMATS[kind]
        return pn.widgets.FileDownload(
            callback=lambda: io.BytesIO(make(self._kept(self.shown))),
            filename=name,
            label=self.say(f"history.export_as.{kind}"),
            embed=False,
            sizing_mode="stretch_width",
            margin=0,
            css_classes=["export"],
            stylesheets=[WIDGET],
        )

    def _layout(self) -> pn.Column:
        say, card = self.say, self._cards
        filters = (self.choice, self.agrees, self.source, self.lang, self.search, self.mine)
        return stacked(
            card["figures"],
            grid(*filters, least="9.5rem"),
            boxed(say("history.table"), self.table, self.details, hint=say("history.table_hint")),
            grid(
                boxed(say("history.over_time"), card["time"], hint=say("history.over_time_hint")),
                boxed(say("history.confusion"), card["confusion"], hint=say("history.confusion_hint")),
                boxed(say("history.by_language"), card["language"]),
                boxed(say("history.by_style"), card["style"], hint=say("history.by_style_hint")),
            ),
            boxed(say("history.ranking"), self.ranked_by, card["ranking"], hint=say("history.ranking_hint")),
            boxed(
                say("history.export"),
                grid(*self.downloads, least="12rem"),
                hint=say("history.export_hint"),
            ),
        )


def _one_line(text: str) -> str:
    shown = " ".join(show_controls(text[: QUESTION_SHOWN * 2]).split())
    return shown if len(shown) <= QUESTION_SHOWN else shown[:QUESTION_SHOWN] + "…"

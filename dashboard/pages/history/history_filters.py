"""The filters of the history page: their widgets, and the votes that they leave."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import panel as pn

from dashboard.components.look import WIDGET, grid
from dashboard.texts import Texts
from dashboard.votes.vote_records import CHOICES
from pipelines.battles.table import text_of


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
    """Return the votes that fit; of many votes the words take a while, so call it from a thread.

    Parameters
    ----------
    votes : DataFrame, n rows
        From `with_outcomes`.
    wishes : Wishes
        What is wished.
    """
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
    say : Texts
        The page's language.
    session : str
        The person, for "only my votes".
    changed : function
        Called when the wishes are others.
    """

    def __init__(self, say: Texts, session: str, changed: Callable[[], None]) -> None:
        self.say, self.session = say, session
        self._any = {say("history.any"): ""}
        self.mine = pn.widgets.Checkbox(label=say("history.only_mine"), value=False, align="end", css_classes=["mine"])
        self.choice = self._select("vote", {say(f"choice.{choice}"): choice for choice in CHOICES})
        self.agrees = self._select("judge", {say("history.agrees"): "yes", say("history.disagrees"): "no"})
        self.source = self._select("source", {say("history.source_ask"): "ask", say("history.source_file"): "file"})
        self.lang = self._select("language", {})
        self.search = pn.widgets.TextInput(
            label=say("history.search"), placeholder=say("history.search_hint"), css_classes=["search"]
        )
        widgets = (self.choice, self.agrees, self.source, self.lang, self.search, self.mine)
        for widget in widgets:
            widget.width = None
            widget.sizing_mode, widget.margin, widget.stylesheets = "stretch_width", 0, [WIDGET]
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
            session=self.session if self.mine.value else "",
            choice=self.choice.value,
            source=self.source.value,
            lang=self.lang.value,
            agrees=self.agrees.value,
            words=str(self.search.value or ""),
        )

    def _select(self, key: str, options: dict[str, str]) -> pn.widgets.Select:
        return pn.widgets.Select(label=self.say(f"history.{key}"), options=self._any | options)

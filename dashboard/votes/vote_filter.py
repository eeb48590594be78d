"""Which votes to read from the vote store, the query that reads them with their battles, and the types of its rows."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Select, select

from dashboard.votes.vote_records import BATTLES, CHOICES, DRAWN, JSON_COLUMNS, PAIRED, VOTES, Choice
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import shown


@dataclass(frozen=True)
class VoteFilter:
    """Which votes to read; None takes all.

    Attributes
    ----------
    battle, session, source, origin, lang, choice, style : str or None
        Equal to this; `battle` is its id, `style` on either side.
    since, until : datetime or None
        Voted at or after, and before; with a time zone.
    undone : bool
        Whether withdrawn votes come too.
    last : int or None
        At most this many, the newest.
    """

    battle: str | None = None
    session: str | None = None
    source: str | None = None
    origin: str | None = None
    lang: str | None = None
    choice: Choice | None = None
    style: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    undone: bool = False
    last: int | None = None

    def query(self) -> Select[Any]:
        """Return what selects the votes with their battles, the newest first."""
        battle = [column.label("battle_id" if column.name == "id" else column.name) for column in BATTLES.c]
        vote = [VOTES.c[name] for name in ("choice", "session", "voted_at", "undone_at", "reasons", "remark")]
        query = select(*(column for column in battle if column.name != "session"), *vote).join_from(VOTES, BATTLES)
        equal = {BATTLES.c.id: self.battle, VOTES.c.session: self.session, VOTES.c.choice: self.choice}
        equal |= {BATTLES.c[name]: getattr(self, name) for name in ("source", "origin", "lang")}
        for column, value in equal.items():
            if value is not None:
                query = query.where(column == value)
        if self.style is not None:
            query = query.where((BATTLES.c.style_a == self.style) | (BATTLES.c.style_b == self.style))
        if self.since is not None:
            query = query.where(VOTES.c.voted_at >= self.since)
        if self.until is not None:
            query = query.where(VOTES.c.voted_at < self.until)
        if not self.undone:
            query = query.where(VOTES.c.undone_at.is_(None))
        return query.order_by(VOTES.c.voted_at.desc(), VOTES.c.id.desc()).limit(self.last)


def typed_votes(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns of votes their types; see `dashboard.votes.store.VoteStore.votes`.

    Parameters
    ----------
    frame : DataFrame
        As the query of a `VoteFilter` gives it; it is changed.

    Raises
    ------
    ValueError
        When a cell is not what is stored there: the sentence's part names the battle and the column.
    """
    for names, read in ((TEXT_COLUMNS, _turns), (JSON_COLUMNS, _settings), (("choice",), _choice)):
        for name in names:
            frame[name] = _read(frame, name, read)
    for name in ("created_at", "voted_at", "undone_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    for name in ("p_a", "p_b", "p_tie", *DRAWN, *PAIRED):
        frame[name] = frame[name].astype("float64")
    return frame


def _read(frame: pd.DataFrame, name: str, read: Callable[[Any], Any]) -> "pd.Series[Any]":
    found = []
    for battle, cell in zip(frame["battle_id"], frame[name], strict=True):
        try:
            found.append(read(cell))
        except (ValueError, TypeError, RecursionError) as fault:
            raise ValueError(f"battle {shown(battle)} has {shown(cell)} as {name}") from fault
    return pd.Series(found, index=frame.index, dtype=object)


def _turns(cell: Any) -> tuple[str, ...]:
    turns = json.loads(cell)
    if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
        raise ValueError("no list of texts")
    return tuple(turns)


def _settings(cell: Any) -> dict[str, Any]:
    settings = json.loads(cell)
    if not isinstance(settings, dict):
        raise ValueError("no object")
    return settings


def _choice(cell: Any) -> str:
    if cell not in CHOICES:
        raise ValueError("no choice")
    return str(cell)

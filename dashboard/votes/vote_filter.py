"""Which votes to read from the vote store, and the query that reads them with their battles."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from dashboard.votes.vote_records import BATTLES, VOTES, Choice


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

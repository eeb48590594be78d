"""The vote store: battles with the verdict given before the vote, and the votes. A vote that returns is on disk."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Self

import pandas as pd
from sqlalchemy import Connection, Engine, Row, Select, TextClause, case, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from dashboard.votes import database as migrations
from dashboard.votes.database import address_of, check_is_there, engine_of
from dashboard.votes.vote_filter import VoteFilter as VoteFilter
from dashboard.votes.vote_filter import typed_votes
from dashboard.votes.vote_records import (
    BATTLES,
    DRAWN,
    VOTES,
    Battle,
    Choice,
    UtcTime,
    Voted,
    reasons_text,
    remark_text,
    storable,
)
from dashboard.votes.vote_records import AlreadyVoted as AlreadyVoted
from dashboard.votes.vote_records import StoreFault as StoreFault
from pipelines.errors import shown

_MAY_DIFFER = ("created_at", "named", *DRAWN)
"""Columns in which a battle that is stored again may be another."""


class VoteStore:
    """Keeps battles and votes in SQLite or PostgreSQL; usable from many threads, but not on the server's loop.

    Make one with `open`.
    """

    def __init__(self, engine: Engine, undo_seconds: float, clock: Callable[[], datetime]) -> None:
        self.undo_seconds = undo_seconds
        self.backend = engine.dialect.name
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(
        cls,
        url: str,
        *,
        password: str = "",
        create: bool = True,
        undo_seconds: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Open a store, upgrade its tables, and create them where there are none.

        Parameters
        ----------
        url : str
            An SQLAlchemy address: `sqlite:///votes.sqlite` or `postgresql://user@host/database`.
        password : str
            The database password, where it does not stand in the address.
        create : bool
            Whether a store that is not there is made; who only reads wants to be told.
        undo_seconds : float
            How long a vote can be withdrawn.
        clock : function
            Returns the present time with its zone.

        Raises
        ------
        StoreFault
            When the address is wrong, the database cannot be reached or written, is newer than this program, or is not
            there and shall not be made.
        """
        address = address_of(url, password)
        where = address.render_as_string(hide_password=True)
        if not create:
            check_is_there(address)
        try:
            engine = engine_of(address)
        except ImportError:
            raise StoreFault(
                "bad_address", f"The vote store {where} needs a driver: pip install 'psycopg[binary]'.", url=where
            ) from None
        store = cls(engine, undo_seconds, clock)
        try:
            with store._writing() as connection:
                migrations.upgrade(connection, where, create=create)
        except BaseException:
            store.close()  # no connection of a store that nobody got stays open
            raise
        return store

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def add_battle(self, battle: Battle) -> str:
        """Store a battle with the verdict on it, before anybody votes, and return its id.

        Of one that is shown again without a vote, how it was drawn is that of the last time.

        Raises
        ------
        StoreFault
            `same_battle` when another battle has this id; storing the very same one again does nothing.
        """
        row = battle.row(self._clock())
        same = True
        with self._writing() as connection:
            known = connection.execute(select(BATTLES).where(BATTLES.c.id == battle.id)).mappings().one_or_none()
            if known is None:
                connection.execute(BATTLES.insert(), row)
            else:
                same = all(known[name] == value for name, value in row.items() if name not in _MAY_DIFFER)
                if battle.drawn is not None:
                    voted = select(VOTES.c.id).where(VOTES.c.battle_id == battle.id, VOTES.c.undone_at.is_(None))
                    this = update(BATTLES).where(BATTLES.c.id == battle.id, ~voted.exists())
                    connection.execute(this.values({name: row[name] for name in DRAWN}))
        if not same:
            raise StoreFault("same_battle", f"Battle {battle.id} exists with other texts.", battle=battle.id)
        return battle.id

    def vote(self, battle_id: str, choice: Choice, session: str) -> Voted:
        """Store a vote; when this returns, it is committed.

        Raises
        ------
        AlreadyVoted
            When the battle has a vote; nothing is changed.
        StoreFault
            `unknown_battle`, `other_session`, or `unavailable` when the database did not take it.
        """
        now = self._clock()
        with self._writing() as connection:
            owner = connection.execute(select(BATTLES.c.session).where(BATTLES.c.id == battle_id)).scalar()
            if owner is None:
                raise StoreFault("unknown_battle", f"There is no battle {battle_id}.", battle=battle_id)
            if owner != session:
                raise StoreFault("other_session", f"Battle {battle_id} belongs to another session.", battle=battle_id)
            row = {"battle_id": battle_id, "session": session, "choice": choice, "voted_at": now}
            try:
                with connection.begin_nested():
                    connection.execute(VOTES.insert(), row)
            except IntegrityError:
                raise self._already(connection, battle_id) from None
        return Voted(battle_id, choice, now, now + timedelta(seconds=self.undo_seconds))

    def undo(self, battle_id: str, session: str) -> Choice:
        """Withdraw a session's own vote within `undo_seconds`, and return what it was; its row stays, marked.

        Raises
        ------
        StoreFault
            `nothing_to_undo` when the session has no vote on this battle, `too_late` afterwards.
        """
        now = self._clock()
        holds = (VOTES.c.battle_id == battle_id) & (VOTES.c.session == session) & VOTES.c.undone_at.is_(None)
        with self._writing() as connection:
            vote = connection.execute(select(VOTES).where(holds)).mappings().one_or_none()
            if vote is None:
                raise StoreFault("nothing_to_undo", f"There is no vote of yours on {battle_id}.", battle=battle_id)
            if now > vote["voted_at"] + timedelta(seconds=self.undo_seconds):
                seconds = f"{self.undo_seconds:g}"
                raise StoreFault("too_late", f"A vote can be withdrawn within {seconds} seconds.", seconds=seconds)
            connection.execute(update(VOTES).where(VOTES.c.id == vote["id"]).values(undone_at=now))
        choice: Choice = vote["choice"]
        return choice

    def give_reasons(self, battle_id: str, session: str, reasons: Collection[str], remark: str) -> None:
        """Store why a session voted as it did, in place of what it said before; its vote stays as it is.

        Parameters
        ----------
        reasons : collection of str
            Words of `vote_records.REASONS`; those that are none of the vote's choice are left out.
        remark : str
            In the person's own words, on one line, cut at `vote_records.LONGEST_REMARK` characters.

        Raises
        ------
        StoreFault
            `no_vote` when the session has no vote on this battle that holds.
        """
        holds = (VOTES.c.battle_id == battle_id) & (VOTES.c.session == session) & VOTES.c.undone_at.is_(None)
        with self._writing() as connection:
            choice = connection.execute(select(VOTES.c.choice).where(holds)).scalar()
            if choice is None:
                raise StoreFault("no_vote", f"There is no vote of yours on {battle_id}.", battle=battle_id)
            said = {"reasons": reasons_text(choice, reasons), "remark": remark_text(remark)}
            connection.execute(update(VOTES).where(holds).values(said))

    def people(self, since: Mapping[str, datetime] | None = None) -> pd.DataFrame:
        """Return who asked or voted, one row each: `session`, `battles`, `votes` that hold, `last` (UTC), by votes.

        `since` adds columns of these names: votes that hold from a moment on.
        """
        last = func.max(VOTES.c.voted_at, type_=UtcTime()).label("last")
        holds = (VOTES.c.battle_id == BATTLES.c.id) & VOTES.c.undone_at.is_(None)
        counts = func.count(BATTLES.c.id).label("battles"), func.count(VOTES.c.id).label("votes")
        later = [func.count(case((VOTES.c.voted_at >= from_, 1))).label(name) for name, from_ in (since or {}).items()]
        query = select(BATTLES.c.session, *counts, last, *later).outerjoin(VOTES, holds).group_by(BATTLES.c.session)
        with self._reading() as connection:
            result = connection.execute(query.order_by(func.count(VOTES.c.id).desc(), BATTLES.c.session))
            frame = pd.DataFrame(result.all(), columns=list(result.keys()))
        frame["last"] = pd.to_datetime(frame["last"], utc=True)
        return frame

    def erase(self, session: str) -> tuple[int, int]:
        """Erase all that a session asked and voted, withdrawn votes too, and return how many battles and votes went.

        SQLite overwrites it on the disk; PostgreSQL does so when it next vacuums. Copies made before still have it.
        """
        own = select(BATTLES.c.id).where(BATTLES.c.session == session)
        with self._writing() as connection:
            votes = connection.execute(delete(VOTES).where(VOTES.c.battle_id.in_(own))).rowcount
            battles = connection.execute(delete(BATTLES).where(BATTLES.c.session == session)).rowcount
        if self.backend == "sqlite":
            with (
                self._said(),
                self._engine.connect() as connection,
            ):  # no page of it stays in the log of what was written
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        return battles, votes

    def votes(self, chosen: VoteFilter | None = None) -> pd.DataFrame:
        """Return votes with their battles, the oldest first.

        Returns
        -------
        DataFrame
            One row a vote: every column of `vote_records.BATTLES` but `session` (texts as tuples of turns, settings as
            dicts, `id` as `battle_id`), then `choice`, `session`, `voted_at`, `undone_at` (UTC), `reasons` (words of
            `vote_records.REASONS` with spaces between them) and `remark`.
        """
        with self._reading() as connection:
            result = connection.execute((chosen or VoteFilter()).query())
            return typed_votes(pd.DataFrame(result.all()[::-1], columns=list(result.keys())))

    def read(self, query: Select[Any] | TextClause) -> Sequence[Row[Any]]:
        """Return the rows of a query on `vote_records.BATTLES` and `VOTES`, or raise a `StoreFault`."""
        with self._reading() as connection:
            return connection.execute(query).all()

    def voted(self, origin: str, session: str) -> dict[str, Choice]:
        """Return the votes of a session on the battles of one file, by the battle's `origin_id`: where it left off."""
        query = select(BATTLES.c.origin_id, VOTES.c.choice).join_from(VOTES, BATTLES)
        query = query.where(
            BATTLES.c.origin == storable(origin), VOTES.c.session == session, VOTES.c.undone_at.is_(None)
        )
        with self._reading() as connection:
            return {row.origin_id: row.choice for row in connection.execute(query)}

    def health(self) -> dict[str, Any]:
        """Return whether the store can be written to: `ok`, `backend`, `schema`, `votes`, `milliseconds`, `message`."""
        start = perf_counter()
        found: dict[str, Any] = {"ok": False, "backend": self.backend, "schema": None, "votes": None}
        try:
            with self._writing() as connection:
                found["schema"] = connection.execute(text("SELECT max(version) FROM schema_steps")).scalar()
                found["votes"] = connection.execute(text("SELECT count(*) FROM votes WHERE undone_at IS NULL")).scalar()
                connection.execute(text("DELETE FROM votes WHERE id = -1"))  # needs the right to write
            found |= {"ok": True, "message": ""}
        except StoreFault as fault:
            found["message"] = str(fault)
        return found | {"milliseconds": round(1000 * (perf_counter() - start), 1)}

    def _already(self, connection: Connection, battle_id: str) -> AlreadyVoted:
        query = select(VOTES.c.choice, VOTES.c.voted_at).where(VOTES.c.battle_id == battle_id)
        row = connection.execute(query.where(VOTES.c.undone_at.is_(None))).one()
        sentence = f"Battle {battle_id} already has a vote: {row.choice}."
        return AlreadyVoted(
            "already_voted", sentence, battle=battle_id, choice=row.choice, voted_at=row.voted_at.isoformat()
        )

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._said(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._said(), self._engine.connect().execution_options(reads_only=True) as connection:
                yield connection
        except (ValueError, TypeError) as fault:  # a row that was changed by hand, or on a damaged disk
            where, reason = self._engine.url.render_as_string(hide_password=True), shown(str(fault), 200)
            sentence = f"The vote store {where} holds what cannot be read ({reason}); correct it, or restore a copy."
            raise StoreFault("unavailable", sentence, url=where, reason=reason) from fault

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as fault:
            where = self._engine.url.render_as_string(hide_password=True)
            reason = " ".join(str(fault.orig).split())[:200]
            raise StoreFault(
                "unavailable", f"The vote store {where} did not do it: {reason}.", url=where, reason=reason
            ) from fault

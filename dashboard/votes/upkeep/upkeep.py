"""What the page of admins works with: people and their votes, copies, disks, and the log of what admins do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from dashboard.params import DashboardParams
from dashboard.votes.store import VoteStore
from dashboard.votes.upkeep.admin_log import AdminLog
from dashboard.votes.upkeep.disk_use import DiskUse, disk_use
from dashboard.votes.upkeep.store_copies import StoreCopies
from pipelines.errors import UserError

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Erasure:
    """What is to be erased of a person: her pseudonym, the name she is shown by, her battles and votes."""

    session: str
    name: str
    battles: int
    votes: int


class Upkeep:
    """Shared by all admins. Call its methods from a thread.

    Parameters
    ----------
    store : VoteStore
        The store.
    params : DashboardParams
        Where it is, where its copies and the log are.
    names : function
        Returns the names of those accounts that are known, by their pseudonyms.
    places : mapping
        Folders whose size is told, by a key of the page's texts.
    clock : function
        Returns the present time with its zone.

    Attributes
    ----------
    log : AdminLog
        What admins do.
    copies : StoreCopies
        Copies of the store.
    """

    def __init__(
        self,
        store: VoteStore,
        params: DashboardParams,
        names: Callable[[], dict[str, str]],
        places: Mapping[str, Path],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self._url, self._names, self._clock = store, params.store.url, names, clock
        self._places = {**places, "backups": Path(params.store.backups)}
        self.log = AdminLog(Path(params.accounts.log), clock)
        self.copies = StoreCopies(params.store, clock)

    def people(self, zone: str) -> pd.DataFrame:
        """Return who has an account, asked or voted.

        Parameters
        ----------
        zone : str
            Where days begin, e.g. `Asia/Taipei`.

        Returns
        -------
        DataFrame
            `session`, `name` ("" where no account is known), `battles`, `votes`, `today`, `week` (the last seven days,
            to the minute), `last` (UTC, NaT for no vote); by votes.

        Raises
        ------
        StoreFault
            When the store cannot be read.
        """
        now = self._clock().astimezone(ZoneInfo(zone))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        found = self.store.people({"today": midnight, "week": now - WEEK})
        names = self._names()
        absent = pd.DataFrame({"session": [each for each in names if each not in set(found["session"])]})
        if len(absent):
            counts = dict.fromkeys(("battles", "votes", "today", "week"), 0)
            absent = absent.assign(**counts, last=pd.Series(pd.NaT, absent.index, dtype=found["last"].dtype))
            found = absent if found.empty else pd.concat([found, absent], ignore_index=True)
        found.insert(1, "name", found["session"].map(names).fillna("").astype(object))
        return found.reset_index(drop=True)

    def disk(self) -> list[DiskUse]:
        """Return what the store and the folders take; a `StoreFault` where PostgreSQL cannot be asked."""
        return disk_use(self.store, self._url, self._places)

    def erasure(self, person: str) -> Erasure:
        """Return what would be erased of a person.

        Parameters
        ----------
        person : str
            Her account's name, or her pseudonym.

        Raises
        ------
        UserError
            When nothing is of such a person.
        """
        names = self._names()
        sessions = {name: session for session, name in names.items()}
        session = sessions.get(person, person)
        found = self.store.people()
        found = found[found["session"] == session]
        if found.empty:
            raise UserError(f"{person[:80]}: nothing in the vote store is of this person.")
        battles, votes = found[["battles", "votes"]].to_numpy(dtype=int)[0].tolist()
        return Erasure(session, names.get(session, session), battles, votes)

    def erase(self, who: str, asked: Erasure) -> tuple[int, int]:
        """Erase all of a person, as `VoteStore.erase`, written down before; return how many battles and votes went."""
        self.log.add(who, "erase", person=asked.session, battles=asked.battles, votes=asked.votes)
        try:
            return self.store.erase(asked.session)
        except UserError as fault:
            self.log.add(who, "failed", of="erase", why=str(fault))
            raise

    def copy(self, who: str) -> tuple[str, int]:
        """Make a copy of the store, written down where `who` is known; return its name and how many votes hold."""
        name = self.copies.new_name()
        if who:
            self.log.add(who, "copy", name=name)
        try:
            return name, self.copies.make(name)
        except UserError as fault:
            if who:
                self.log.add(who, "failed", of="copy", why=str(fault))
            raise

    def bring(self, who: str, named: str, content: bytes | bytearray) -> str:
        """Take a copy that was kept elsewhere, written down before, and return its name in the folder."""
        self.log.add(who, "bring", name=named[:120], bytes=len(content))
        try:
            return self.copies.receive(content)
        except UserError as fault:
            self.log.add(who, "failed", of="bring", why=str(fault))
            raise

    def restore(self, who: str, name: str) -> tuple[int, str, list[str]]:
        """Put a copy in place of the store, written down before.

        Returns
        -------
        int, str, list of str
            As `StoreCopies.restore`; and people who were erased since then and are in the store again.
        """
        self.copies.path(name)
        self.log.add(who, "restore", name=name)
        try:
            votes, kept = self.copies.restore(name)
        except UserError as fault:
            self.log.add(who, "failed", of="restore", why=str(fault))
            raise
        erased = {str(row.get("person")) for row in self.log.last(10_000) if row["action"] == "erase"}
        names = self._names()
        back = [session for session in self.store.people()["session"] if session in erased]
        return votes, kept, [names.get(session, session) for session in back]

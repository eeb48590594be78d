"""The copies of a vote store in one folder: made while people vote, fetched, brought back, and put in its place."""

import os
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dashboard.params import StoreParams
from dashboard.votes.backups import check_backup, restore_backup, write_backup
from dashboard.votes.database import address_of
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write

_NAME = re.compile(r"[\w-][\w.-]{0,120}")
PIECE = 1 << 20
"""Bytes of a copy that are sent at a time."""


@dataclass(frozen=True)
class Copy:
    """A copy: its file's name, its bytes, and when it was made (UTC)."""

    name: str
    size: int
    made: datetime


class StoreCopies:
    """The folder. Call its methods from a thread.

    Parameters
    ----------
    params : StoreParams
        The store, and in `backups` the folder, which is made when there is something to put into it.
    clock : function
        Returns the present time with its zone.
    """

    def __init__(self, params: StoreParams, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.params, self.folder, self._clock = params, Path(params.backups), clock
        self.sqlite = address_of(params.url).get_backend_name() == "sqlite"
        self.suffix = ".sqlite" if self.sqlite else ".dump"

    def new_name(self, what: str = "votes") -> str:
        """Return the name for a copy of this moment that no file has yet."""
        base = f"{what}-{self._clock():%Y%m%d-%H%M%S}"
        names = (base, *(f"{base}-{number}" for number in range(2, 1_000)))
        return next(f"{name}{self.suffix}" for name in names if not (self.folder / f"{name}{self.suffix}").exists())

    def make(self, name: str) -> int:
        """Copy the store to a new file and return how many votes hold; a `UserError` as `write_backup`."""
        self._make_folder()
        return write_backup(self.params.url, self.params.password, self.folder / name)

    def found(self) -> list[Copy]:
        """Return the copies that are there, the newest first."""
        rows = []
        for path in self.folder.glob(f"*{self.suffix}"):
            if _NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                known = path.stat()
                rows.append(Copy(path.name, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC)))
        return sorted(rows, key=lambda each: (each.made, each.name), reverse=True)

    def path(self, name: str) -> Path:
        """Return where a copy is; a `UserError` where there is none of this name."""
        if not _NAME.fullmatch(name) or not (self.folder / name).is_file():
            raise UserError(f"{self.folder}: holds no copy {name[:120]!r}; choose one that is listed.")
        return self.folder / name

    def pieces(self, name: str) -> Generator[bytes]:
        """Yield a copy piece by piece."""
        with self.path(name).open("rb") as opened:
            while piece := opened.read(PIECE):
                yield piece

    def receive(self, content: bytes | bytearray) -> str:
        """Put the content of a copy that was kept elsewhere into the folder, and return its name.

        Raises
        ------
        UserError
            When it is no whole copy of such a store; nothing is kept of it then.
        """
        self._make_folder()
        name = self.new_name("brought")
        with atomic_write(self.folder / name) as part:
            part.write_bytes(content)
            check_backup(part, self.sqlite)
        return name

    def restore(self, name: str) -> tuple[int, str]:
        """Put a copy in place of what the store holds.

        Returns
        -------
        int, str
            How many votes hold in the store now, and the name of the copy of those that were in it; "" where there was
            none.

        Raises
        ------
        UserError
            As `restore_backup`.
        """
        votes, kept = restore_backup(self.params.url, self.params.password, self.path(name), replace=True)
        return votes, "" if kept is None else kept.name

    def _make_folder(self) -> None:
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
        except OSError as fault:
            raise UserError(
                f"{self.folder}: cannot be made ({fault.strerror}); correct dashboard.store.backups."
            ) from fault

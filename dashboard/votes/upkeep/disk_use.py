"""What a dashboard needs of its disks: the vote store, judges, models, caches and copies, and what is free."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from sqlalchemy import text

from dashboard.votes.database import address_of
from dashboard.votes.store import VoteStore

PATIENCE_S = 5.0
"""How long a folder is counted; a larger one is said to be larger than what was counted until then."""


@dataclass(frozen=True)
class DiskUse:
    """One place.

    Attributes
    ----------
    name : str
        What it is for: `store`, or the key under which it was given.
    where : str
        Its folder or address, without a password.
    size : int
        Bytes.
    whole : bool
        Whether all of it was counted.
    free : int or None
        Bytes that are free on its disk; None where that is another machine's.
    """

    name: str
    where: str
    size: int
    whole: bool
    free: int | None


def disk_use(store: VoteStore, url: str, places: Mapping[str, Path]) -> list[DiskUse]:
    """Return the sizes of a store and of folders that are there. Call it from a thread.

    Raises
    ------
    StoreFault
        When PostgreSQL cannot be asked.
    """
    address = address_of(url)
    if address.get_backend_name() == "sqlite":
        path = Path(str(address.database))
        files = [Path(f"{path}{ending}") for ending in ("", "-wal", "-shm")]
        size, free = sum(each.stat().st_size for each in files if each.exists()), _free(path.parent)
        found = [DiskUse("store", str(path), size, True, free)]
    else:
        size = int(store.read(text("SELECT pg_database_size(current_database())"))[0][0])
        where = address.set(password=None).render_as_string(hide_password=True)
        found = [DiskUse("store", where, size, True, None)]
    for name, folder in places.items():
        if folder.is_dir():
            found.append(DiskUse(name, str(folder), *_size(folder), _free(folder)))
    return found


def _size(folder: Path) -> tuple[int, bool]:
    """Return the bytes of all files below a folder, and whether there was time for all; links are not followed."""
    end, total, waiting = monotonic() + PATIENCE_S, 0, [os.fspath(folder)]
    while waiting:
        if monotonic() > end:
            return total, False
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # removed meanwhile, or not ours to look into
    return total, True


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None

"""Replies that several machines share through object storage: what one has paid for no other asks again."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from pipelines.chat.reply_store import FILE, ReplyStore
from pipelines.files.mirrored_tables import MirroredTable
from pipelines.files.object_storage import AnyFolder, RemoteFolder

T = TypeVar("T")
_WAIT_S = 60.0


@contextmanager
def shared_replies(folder: AnyFolder) -> Iterator[Path]:
    """Yield the folder on this disk for `ReplyStore`; of a remote one, with the replies that others have put up.

    When the block ends, also by an error, new replies go up.
    """
    if not isinstance(folder, RemoteFolder):
        yield folder
        return
    folder.check()
    ReplyStore(folder.local).close()  # makes the table
    table = MirroredTable(folder, "replies", "reply")

    def run(work: Callable[[sqlite3.Connection], T]) -> T:
        with closing(sqlite3.connect(folder.local / FILE, timeout=_WAIT_S)) as database:
            return work(database)

    run(table.prepare)
    table.pull(run)
    try:
        yield folder.local
    finally:
        table.push(run)

"""Panel's delivery of changes to the browser, mended: the last change is sent too, however busy the server is."""

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def mend_delivery() -> None:
    """Make Panel send what it has queued for a browser; to be called before the first page.

    Changes that come while a socket is being written to are queued by `panel.io.document`. Its `_dispatch_msgs` takes
    the queue, awaits the writing, and then declares the queue empty, also when more was queued meanwhile; the task
    that should send that more finds the declaration and gives up (Panel 1.9.4). What was left lies there until
    something else changes: on a busy server, votes were stored while their pages went on saying "storing your vote".
    With 20 people voting for 20 seconds 7 of them waited for ever.
    """
    from panel.io import document

    send: Any = document._dispatch_msgs

    async def send_all(doc: Any) -> None:
        await send(doc)
        if doc in document._WRITE_MSGS and doc not in document._WRITE_BLOCK:
            document._WRITE_BLOCK[doc] = True
            document._dispatch_write_task(doc, send_all, doc)

    document._dispatch_msgs = send_all

"""Panel's delivery of changes to the browser, mended: each change is sent, and in their order."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tornado.websocket import WebSocketClosedError


def patch_panel_websocket_queue() -> None:
    """Give Panel another way to send what cannot be written at once; to be called before the first page.

    While a socket is being written to, Panel 1.9.4 lays further messages into a queue of its own, looks every ten
    milliseconds whether the socket is free, and declares the queue empty after writing, also when more was laid there
    meanwhile. Messages of Bokeh wait for the socket's lock instead, and so overtake those in the queue. One that names
    a model which an overtaken message brings is refused by the browser ("reference isn't known") and lost, and what was
    left in the queue lies there until something else changes: on a busy server the table of the history page never
    came, and votes were stored while their pages went on saying so. Here each message takes its turn at the lock as
    it is written.
    """
    from panel.io import document

    document.schedule_write_events = _send_in_turn


def _send_in_turn(doc: Any, connections: Sequence[Any], events: list[Any]) -> None:
    from panel.io import document

    for connection in connections:
        message = connection.protocol.create("PATCH-DOC", events)
        turn = connection._socket.write_lock.acquire()
        document._dispatch_write_task(doc, _send, connection, turn, message)


async def _send(connection: Any, turn: Any, message: Any) -> None:
    from panel.io.document import dispatch_tornado

    with await turn, suppress(WebSocketClosedError):
        for written in dispatch_tornado(connection, msg=message):
            await written

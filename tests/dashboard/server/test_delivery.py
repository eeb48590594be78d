"""Changes reach the browser all, and in the order in which they were written: a later one may name an earlier one."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.protocol.message import Message
from panel.io import document
from tornado.locks import Lock
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from dashboard.server.app import patch_panel_websocket_queue


class Socket(WebSocketHandler):
    """Takes what is written, slowly."""

    def __init__(self) -> None:
        self.write_lock = Lock()
        self.ws_connection = SimpleNamespace(is_closing=lambda: False)
        self.sent: list[str] = []
        self.closed = False

    def write_message(self, message: Any, binary: bool = False, locked: bool = False) -> Any:
        self.sent.append(message)
        return asyncio.ensure_future(self._written())

    async def _written(self) -> None:
        await asyncio.sleep(0.002)
        if self.closed:
            raise WebSocketClosedError


class Connection:
    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.protocol = SimpleNamespace(create=lambda kind, events: message_of(events[0]))


def message_of(content: str) -> Message:
    return Message({"msgid": content, "msgtype": "test"}, {}, {"content": content})


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Socket:
    made = Socket()
    monkeypatch.setattr(WebSocketHandler, "write_message", lambda socket, *given, **named: socket.write_message(*given))
    patch_panel_websocket_queue()
    return made


def contents(socket: Socket) -> list[str]:
    return [each.partition('"content":"')[2].partition('"')[0] for each in socket.sent if '"content":"' in each]


def test_messages_are_sent_in_the_order_in_which_they_were_written(socket: Socket) -> None:
    """In Panel's own way those of Bokeh overtake what is queued, and the last of the queue is never sent."""

    async def steps() -> None:
        doc, connection = Document(), Connection(socket)
        tasks = []
        for number in range(12):
            if number % 3 == 0:  # as Bokeh sends
                tasks.append(asyncio.ensure_future(message_of(f"{number}").send(socket)))
                await asyncio.sleep(0)
            else:
                document.schedule_write_events(doc, [connection], [f"{number}"])
        while len(contents(socket)) < 12:
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)

    asyncio.run(asyncio.wait_for(steps(), 20))
    assert contents(socket) == [f"{number}" for number in range(12)]


def test_a_closed_socket_holds_up_nothing(socket: Socket) -> None:
    async def steps() -> None:
        socket.closed = True
        document.schedule_write_events(Document(), [Connection(socket)], ["lost"])
        with await socket.write_lock.acquire():
            pass

    asyncio.run(asyncio.wait_for(steps(), 20))

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from panel.io import document

from dashboard.delivery import mend_delivery


class Socket:
    """Takes a message, and has written it when told so."""


def test_what_is_queued_while_something_is_written_is_sent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panel's own way leaves the second message lying until there is a third."""
    sent: list[Any] = []

    async def steps() -> None:
        loop = asyncio.get_running_loop()
        written = loop.create_future()

        def write(connection: Any, events: Any = None, msg: Any = None) -> list[Any]:
            sent.append(msg)
            return [written]

        monkeypatch.setitem(document.extra_socket_handlers, Socket, write)
        create = SimpleNamespace(create=lambda kind, events: events[0])
        connection: Any = SimpleNamespace(_socket=Socket(), protocol=create)
        connections = [_Hashable(connection)]
        doc = Document()
        document.schedule_write_events(doc, connections, ["one"])
        while not sent:
            await asyncio.sleep(0)
        document.schedule_write_events(doc, connections, ["two"])
        written.set_result(None)
        for _ in range(50):
            await asyncio.sleep(0)
        assert sent == ["one", "two"]
        assert doc not in document._WRITE_MSGS and doc not in document._WRITE_BLOCK

    mend_delivery()
    asyncio.run(asyncio.wait_for(steps(), 20))


def test_it_is_mended_once() -> None:
    mend_delivery()
    first = document._dispatch_msgs
    mend_delivery()
    assert document._dispatch_msgs is first


class _Hashable:
    def __init__(self, content: Any) -> None:
        self.__dict__.update(vars(content))

"""A reverse proxy as nginx is by default: the server behind it is told the proxy's own name for it as the host."""

import asyncio
import re
import threading
from contextlib import suppress
from typing import Self

from dashboards import free_port


class RewritingProxy:
    """Use as a context manager; passes every connection at `url` on to a port of this machine, WebSockets too."""

    def __init__(self, port: int) -> None:
        self.behind, self.port = port, free_port()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        self._ready.set()
        await self._ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            head = re.sub(rb"(?i)\r\nHost:[^\r]*", b"\r\nHost: 127.0.0.1:%d" % self.behind, head)
            head = re.sub(rb"(?i)\r\nConnection: keep-alive", b"\r\nConnection: close", head)
            further, onward = await asyncio.open_connection("127.0.0.1", self.behind)
            onward.write(head)
            await asyncio.gather(_copied(reader, onward), _copied(further, writer))


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()

"""People at the dashboard without a browser: they speak Bokeh's protocol over a socket, as its page does.

A press of a vote sets the same property of the same model as the button's script; told is who sees the bar say that
the vote is stored. Run as a program, it lets many of them ask, read, vote and go on for some seconds, and writes what
they are told as JSON lines, as it comes: `{"opened": true}` when all have the page, `{"question", "seconds"}` for each
acknowledged vote, `{"question", "refused"}` for one that was refused with that sentence, and at the end `{"faults"}`:
what else anybody ended in, a wait of more than PATIENCE seconds among it.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

PATIENCE = 60.0
_TOKEN = re.compile('"token":"([^"]+)"')


class Voter:
    """One person with one tab."""

    def __init__(self, url: str, name: str, reads: float) -> None:
        self.url, self.name, self.reads = url, name, reads
        self._numbers = count(1)
        self._socket: WebSocketClientConnection

    async def open(self) -> None:
        """Load the page, open the socket, learn which parts it has."""
        page = await AsyncHTTPClient().fetch(self.url, request_timeout=120)
        found = _TOKEN.search(page.body.decode())
        assert found is not None
        address = self.url.replace("http", "ws", 1) + "ws"
        self._socket = await websocket_connect(address, subprotocols=["bokeh", found[1]], max_message_size=20_000_000)
        await self._message("ACK")
        await self._send("PULL-DOC-REQ", {})
        document = json.dumps(await self._message("PULL-DOC-REPLY"))
        self.parts = {}
        for part in ("Composer", "VoteBar"):
            hit = re.search(rf'"name": "{part}\d+", "id": "(\w+)"', document)
            assert hit is not None, part
            self.parts[part] = hit[1]
        ready = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
        told = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": ready}
        await self._send("PATCH-DOC", {"events": [told]})

    def close(self) -> None:
        """Leave the page."""
        self._socket.close()

    async def vote_until(self, end: float) -> None:
        """Ask, read, vote, go on."""
        while time.monotonic() < end:
            await self.ask_and_vote(f"{self.name} asks number {next(self._numbers)}?")

    async def ask_and_vote(self, question: str) -> None:
        """Ask, read, vote, and make ready for the next question."""
        await self._set("Composer", "sent", {"text": question, "number": next(self._numbers)})
        await self._until(lambda seen: "open" in seen["stage"])
        await asyncio.sleep(self.reads)
        began = time.monotonic()
        await self._set("VoteBar", "press", {"code": "a", "number": next(self._numbers)})
        seen = await self._until(lambda seen: "voted" in seen["stage"] or True in seen["warns"])
        if "voted" in seen["stage"]:
            _tell({"question": question, "seconds": time.monotonic() - began})
        else:
            _tell({"question": question, "refused": " ".join(seen["line"])})
        await self._set("VoteBar", "press", {"code": "next", "number": next(self._numbers)})

    async def _until(self, happened: Callable[[dict[str, list[Any]]], bool]) -> dict[str, list[Any]]:
        """Read what the server tells of the bar until something has happened."""
        seen: dict[str, list[Any]] = {"stage": [], "line": [], "warns": []}
        async with asyncio.timeout(PATIENCE):
            while not happened(seen):
                for event in (await self._message("PATCH-DOC")).get("events", []):
                    if event.get("model", {}).get("id") == self.parts["VoteBar"] and event.get("attr") in seen:
                        seen[event["attr"]].append(event["new"])
                if "broken" in seen["stage"]:
                    raise RuntimeError(f"no vote can be given: {seen['line'][-1]}")
        return seen

    async def _message(self, kind: str) -> dict[str, Any]:
        while True:
            header = await self._frame()
            content = [await self._frame(), await self._frame()][1]
            for _ in range(2 * int(header.get("num_buffers", 0))):
                await self._socket.read_message()
            if header.get("msgtype") == kind:
                return content

    async def _frame(self) -> dict[str, Any]:
        frame = await self._socket.read_message()
        if frame is None:
            raise ConnectionError("the server is gone")
        found: dict[str, Any] = json.loads(frame)
        return found

    async def _set(self, part: str, name: str, value: dict[str, Any]) -> None:
        entries = [[key, content] for key, content in value.items()]
        event = {"kind": "ModelChanged", "model": {"id": self.parts[part]}, "attr": name}
        await self._send("PATCH-DOC", {"events": [event | {"new": {"type": "map", "entries": entries}}]})

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        for part in ({"msgid": str(next(self._numbers)), "msgtype": kind}, {}, content):
            await self._socket.write_message(json.dumps(part))


def _tell(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


async def run(url: str, people: int, seconds: float, reads: float) -> None:
    """Let people vote, and write what each is told."""
    voters = [Voter(url, f"person {number}", reads) for number in range(people)]
    for voter in voters:
        await voter.open()
    _tell({"opened": True})
    end = time.monotonic() + seconds
    ended = await asyncio.gather(*(voter.vote_until(end) for voter in voters), return_exceptions=True)
    _tell({"faults": [repr(fault) for fault in ended if fault is not None]})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--reads", type=float, default=1.0, help="seconds that a person reads before a vote")
    chosen = parser.parse_args()
    asyncio.run(run(chosen.url, chosen.people, chosen.seconds, chosen.reads))

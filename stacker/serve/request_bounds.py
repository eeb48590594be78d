"""What stands before the application: who may ask, and how large a body may be; bodies are read here."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
OPEN_PATHS = ("/health",)
"""What is answered without a token."""
READ_S = 60.0
"""Seconds that a body may take to arrive."""
DRAIN_S, DRAINED = 5.0, 8
"""Of a body that is too large, so many seconds and times the bound are read and dropped: its sender reads no answer
before it has sent everything."""


@dataclass(frozen=True)
class Limits:
    """What one request may hold, and all together.

    Attributes
    ----------
    characters : int
        Of one text, its turns together.
    battles : int
        Of one request; answers to rank make a battle for every two.
    body : int
        Bytes of one request.
    bodies : int
        Bytes of all requests that are being read or judged.
    waiting : int
        Battles that may wait before further requests are refused.
    """

    characters: int = 200_000
    battles: int = 1000
    body: int = 16 << 20
    bodies: int = 256 << 20
    waiting: int = 4000


class TooLargeError(Exception):
    """A body has more bytes than it may."""


class LeftError(Exception):
    """The client has gone before it had sent all of its body."""


class RequestBounds:
    """An ASGI application around another one, which is then given bodies that are read already.

    Parameters
    ----------
    app : App
        The other application.
    limits : Limits
        Bytes of bodies.
    token : str or None
        What `Authorization: Bearer` must hold; None asks for nothing.
    read_s : float
        Seconds that a body may take to arrive.
    """

    def __init__(self, app: App, limits: Limits, token: str | None = None, read_s: float = READ_S) -> None:
        self.app = app
        self.limits = limits
        self.token = None if token is None else token.encode()
        self.read_s = read_s
        self._held = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if not self._may_ask(scope):
            await refuse(send, 401, "the request: has not the token; send it as `Authorization: Bearer TOKEN`.")
            return
        body = bytearray()
        try:
            if await self._has_read(body, scope, receive, send):
                await self.app(scope, _replayed(bytes(body), receive), send)
        finally:
            self._held -= len(body)

    async def _has_read(self, body: bytearray, scope: Message, receive: Receive, send: Send) -> bool:
        """Read the body, or refuse it."""
        try:
            async with asyncio.timeout(self.read_s):
                await self._read(body, scope, receive)
            if self._held <= self.limits.bodies:
                return True
            await refuse(send, 429, "the server: holds too many large requests; ask again in a second.")
        except TooLargeError:
            await _drain(receive, DRAINED * self.limits.body)
            sentence = f"the request: has more than {self.limits.body:,} bytes; send its battles in several requests."
            await refuse(send, 413, sentence)
        except TimeoutError:
            await refuse(send, 408, f"the request: did not arrive within {self.read_s:g} seconds; send it again.")
        except LeftError:
            pass
        return False

    def _may_ask(self, scope: Message) -> bool:
        if self.token is None or scope["path"] in OPEN_PATHS:
            return True
        kind, _, given = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
        return kind.lower() == b"bearer" and hmac.compare_digest(given.strip(), self.token)

    async def _read(self, body: bytearray, scope: Message, receive: Receive) -> None:
        said = dict(scope["headers"]).get(b"content-length", b"")
        if said.isdigit() and int(said[:20]) > self.limits.body:
            raise TooLargeError
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise LeftError
            part = message.get("body", b"")
            if len(body) + len(part) > self.limits.body:
                raise TooLargeError
            body += part
            self._held += len(part)
            more = message.get("more_body", False)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body which is read already, then whatever comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _drain(receive: Receive, most: int) -> None:
    seen = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while seen < most:
                message = await receive()
                seen += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def refuse(send: Send, status: int, sentence: str) -> None:
    """Answer with a sentence."""
    content = json.dumps({"error": sentence}).encode("ascii")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 429:
        headers.append((b"retry-after", b"1"))
    if status in (408, 413):
        headers.append((b"connection", b"close"))  # the rest of the body is not read
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})

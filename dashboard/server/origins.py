"""Which pages may open the server's WebSocket: by the address they were opened at, as the browser says it."""

import ipaddress
import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import idna

if TYPE_CHECKING:
    from panel.io.server import Server

LOCAL = ("localhost", "127.0.0.1")
EVERYWHERE = {"0.0.0.0", "::"}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label of this form makes browsers read a name as an IPv4 address."""
_SCHEME = re.compile(r"(https?|wss?)://", re.IGNORECASE)
_LEFT_OUT = {"80", "443"}
"""Ports that browsers leave out, each where it is the scheme's own."""
_RIGHT = "write a host, and a port where the address has one, such as judge.example.org or 192.168.1.5:5006"
_log = logging.getLogger(__name__)


def host_of(text: str) -> str:
    """Return a host's name or IP address in its plain form, IPv6 without brackets.

    Raises
    ------
    ValueError
        When it is neither.
    """
    bare = text.strip()
    bare = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        # As browsers do; Python's own codec follows an older standard, by which straße.de would be strasse.de.
        name = bare.lower() if bare.isascii() else idna.encode(bare, uts46=True).decode("ascii")
    except UnicodeError:
        name = ""
    labels = name.removesuffix(".").split(".")
    if not name or len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("must be a host's name or IP address, such as 127.0.0.1, without http:// and without a port")
    return name


def origin_of(text: str) -> str:
    """Return an origin as Bokeh's allow list has it: `host` or `host:port`, IPv6 in brackets, `*` for any part.

    A scheme and one closing slash are taken off, and the port that belongs to http or https, as browsers leave it out.

    Raises
    ------
    ValueError
        When it names no host, or more than an origin has: a path, a user.
    """
    bare = _SCHEME.sub("", text.strip(), count=1).removesuffix("/")
    if bare == "*":
        return bare
    found = re.fullmatch(r"(?P<host>\[[^\[\]]*\]|[^:\[\]/?#@\s]*)(:(?P<port>[0-9]{1,5}|\*))?", bare)
    if found is None or not found["host"] or bare == "null":  # as browsers name pages without an origin
        raise ValueError(f"must be an origin; {_RIGHT}")
    port = found["port"] if found["port"] in (None, "*") else str(int(found["port"]))
    if port not in (None, "*") and not 0 < int(port) < 65_536:
        raise ValueError(f"must have a port from 1 to 65535; {_RIGHT}")
    try:
        labels = _pattern(found["host"])
        if _NUMBER.fullmatch(labels[-1].rpartition(".")[2]) and not _is_address(labels):
            raise ValueError
        host = bracketed(".".join(labels))
    except ValueError:
        raise ValueError(f"must be an origin; {_RIGHT}") from None
    left_out = _LEFT_OUT if not text.strip().lower().startswith("http:") else _LEFT_OUT - {"443"}
    return host if port is None or port in left_out else f"{host}:{port}"


def _pattern(host: str) -> list[str]:
    """Return the labels of a host in which `*` may stand for some."""
    if "*" not in host:
        return [host_of(host)]
    return [part if part == "*" else host_of(part) for part in host.split(".")]


def _is_address(labels: Sequence[str]) -> bool:
    try:
        ipaddress.ip_address(".".join(labels))
    except ValueError:
        return False
    return True


def bracketed(host: str) -> str:
    """Return a host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def allowed_origins(address: str, port: int, more: Sequence[str]) -> list[str]:
    """Return the origins whose pages may connect.

    Parameters
    ----------
    address, port : str, int
        Where the server listens.
    more : sequence of str
        Further origins, as `origin_of` returns them.
    """
    hosts = [*LOCAL] if address in EVERYWHERE else [*dict.fromkeys((*LOCAL, address))]
    return [*(f"{bracketed(host)}:{port}" for host in hosts), *more]


def guard_socket(server: "Server", allowed: Sequence[str]) -> None:
    """Have a server let in pages of these origins alone, and say in the log whom it refused and what to do.

    Bokeh checks too, but its log names a flag of its own command, and it takes no IPv6 address.
    """
    from bokeh.server.util import check_allowlist
    from panel.io.server import WSHandler

    # Bokeh lets a host without a port match any port, and reads an origin without one as of port 80.
    strict = [origin if ":" in origin or origin == "*" else f"{origin}:80" for origin in allowed]

    class Socket(WSHandler):
        def check_origin(self, origin: str) -> bool:
            host = urlsplit(origin).netloc.lower()
            if host and check_allowlist(host, strict):
                return True
            _log.error(
                "The page opened at %s may not connect, so it stays empty: add %r to dashboard.server.origins in "
                "params.yaml and start again (now allowed: %s).",
                *(origin, host or origin, ", ".join(allowed)),
            )
            return False

    application: Any = server._tornado
    for rule in application.wildcard_router.rules:
        if rule.target is WSHandler:
            rule.target = Socket

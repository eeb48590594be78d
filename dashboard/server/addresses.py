"""Addresses: whom a limit by address counts as one, and which pages may open the server's WebSocket."""

import ipaddress
import re
from collections.abc import Sequence

from pipelines.chat.server_address import host_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "unknown"
"""Counts together whoever comes without an address, such as over a Unix socket."""
IPV6_PREFIX = 64
"""Bits of an IPv6 address that a network gives to one customer; the rest she chooses anew whenever she likes."""


def network_of(text: str) -> Network:
    """Return an address or network of addresses (`10.0.0.0/8`). Raises a `ValueError` where it is neither."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError("must be an IP address or network, such as 127.0.0.1 or 10.0.0.0/8") from None


def counted_as(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return under what a limit counts a browser: its IPv4 address, or its IPv6 network of 64 bits.

    Parameters
    ----------
    peer : str
        Who has connected.
    forwarded : sequence of str
        The values of X-Forwarded-For. They are read from the last to the first, for as long as whoever wrote them is
        trusted: everything further to the front, anybody could have written.
    trusted : sequence of Network
        The proxies.
    """
    found = _address(peer)
    hops = [hop for value in forwarded for hop in value.split(",")]
    while found is not None and hops and any(found in network for network in trusted):
        further = _address(hops.pop())
        if further is None:
            break
        found = further
    if found is None:
        return UNKNOWN
    if found.version == 6:
        return str(ipaddress.ip_network((int(found), IPV6_PREFIX), strict=False))
    return str(found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address without port and brackets; an IPv4 address inside an IPv6 one is that IPv4 address."""
    bare = re.sub(r"^\[(.*)\](:\d+)?$|^([\d.]+):\d+$", r"\1\3", text.strip())
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


LOCAL = ("localhost", "127.0.0.1")
EVERYWHERE = {"0.0.0.0", "::"}
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label of this form makes browsers read a name as an IPv4 address."""
_SCHEME = re.compile(r"(https?|wss?)://", re.IGNORECASE)
_LEFT_OUT = {"80", "443"}
"""Ports that browsers leave out, each where it is the scheme's own."""
_RIGHT = "write a host, and a port where the address has one, such as judge.example.org or 192.168.1.5:5006"


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


def reached_from_here_alone(address: str, origins: Sequence[str], proxies: Sequence[str]) -> bool:
    """Tell whether only whoever sits at this machine can open the pages: it listens here, and nothing passes it on."""
    return address in (*LOCAL, "::1") and not origins and not proxies

"""Whom a limit by address counts as one: the browser's address, also behind proxies that are trusted."""

import ipaddress
import re
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "unknown"
"""Counts together whoever comes without an address, such as over a Unix socket."""
IPV6_PREFIX = 64
"""Bits of an IPv6 address that a network gives to one customer; the rest she chooses anew whenever she likes."""


def network_of(text: str) -> Network:
    """Return an address or network of addresses (`10.0.0.0/8`).

    Raises
    ------
    ValueError
        When it is neither.
    """
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

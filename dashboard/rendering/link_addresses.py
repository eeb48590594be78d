"""Where a link leads when its text looks like the address of another place."""

import re
import unicodedata
from collections.abc import Iterator

_HOST = r"[^\s/\\?#:@()\[\]<>\"'|,;!]"
_ADDRESS = re.compile(
    rf"(?<![/\\])[/\\]{{2,}}+(?:[^\s/\\?#@]*+@)?({_HOST}++)"
    rf"|(?<!{_HOST})(?:({_HOST}+\.[^\W\d_][\w-]+)|(\d+(?:\.\d+){{3}}))"
)
"""What stands behind two slashes, a name with a dot, four numbers; nothing is looked at from two beginnings."""
_WEB = re.compile(r"https?:[/\\]*([^/\\?#]*)", re.IGNORECASE)
_DOTS = str.maketrans("\u3002\uff61\u2044\u2215", "..//")


def leads_elsewhere(shown: str, address: str) -> str:
    """Return the host of a link's address where its text looks like an address of another one, "" elsewhere.

    Parameters
    ----------
    shown : str
        The text of the link.
    address : str
        Where it leads, by http, https or mailto.
    """
    seen = {_plain(host) for host in _hosts_in(shown)}
    target = host_of(address)
    return target if seen and seen != {_plain(each.rpartition("@")[2]) for each in target.split(",")} else ""


def host_of(address: str) -> str:
    """Return the host of an address as a browser understands it; of mail the addresses."""
    address = re.sub(r"[\t\r\n]", "", address).strip()
    if (web := _WEB.match(address)) is None:
        return address.partition(":")[2].partition("?")[0]
    return web[1].rpartition("@")[2]


def _hosts_in(shown: str) -> Iterator[str]:
    text = unicodedata.normalize("NFKC", shown).translate(_DOTS).lower()
    for found in _ADDRESS.finditer(text):
        yield found[1] or found[2] or found[3]


def _plain(host: str) -> str:
    """Return a host in small letters, without what makes no difference: a port, "www." and a dot at its end."""
    host = unicodedata.normalize("NFKC", host).translate(_DOTS).lower()
    return re.sub(r":\d*$", "", host).removeprefix("www.").rstrip(".")

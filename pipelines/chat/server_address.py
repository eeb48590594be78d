"""Addresses of servers as settings name them: hosts in their plain form, and base addresses that are safe to ask."""

import ipaddress
import re
from urllib.parse import urlsplit

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def host_of(text: str) -> str:
    """Return a host's name or IP address in its plain form, IPv6 without brackets; a `ValueError` for neither."""
    bare = text.strip()
    bare = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        # As browsers do; Python's own codec follows an older standard, by which straße.de would be strasse.de.
        name = bare.lower() if bare.isascii() else _encoded(bare)
    except UnicodeError:
        name = ""
    labels = name.removesuffix(".").split(".")
    if not name or len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("must be a host's name or IP address, such as 127.0.0.1, without http:// and without a port")
    return name


def _encoded(name: str) -> str:
    import idna  # of the extra dashboard; most names do without

    return idna.encode(name, uts46=True).decode("ascii")


def base_address(value: str) -> str:
    """Return the address of a server without a slash at its end, "" as it is; a `ValueError` where it is none."""
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a server, e.g. http://127.0.0.1:11434/v1")
    if parts.username or parts.password:
        raise ValueError("must not contain a user name or password; put the key into a variable (api_key_env)")
    host_of(parts.hostname)
    if parts.port == 0:
        raise ValueError("must have a port from 1 to 65535, or none")
    return value.rstrip("/")


def is_this_machine(address: str) -> bool:
    """Tell whether the server at a base address is on this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

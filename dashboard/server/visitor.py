"""Who has opened a tab, as far as the server can tell: account or cookie, address, and rights."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import panel as pn

from dashboard.server.addresses import UNKNOWN, counted_as, network_of
from dashboard.server.services import Services
from dashboard.votes.vote_records import new_session, pseudonym

_TOKEN = re.compile("[0-9a-f]{16,64}")


@dataclass(frozen=True)
class Visitor:
    """A person before a tab.

    Attributes
    ----------
    session : str
        Her pseudonym, the same for all her tabs and after a reload.
    user : str
        Her account's name, "" where nobody needs one.
    token : str
        What her browser keeps in a cookie, "" with an account.
    address : str or None
        What limits by address count her under (see `dashboard.server.addresses`); None with an account, which stays.
    admin : bool
        Whether she may switch the judge, start and stop the learning, and export everybody's votes: anybody where
        nobody needs an account, else those that `dashboard.accounts.admins` names.
    """

    session: str
    user: str = ""
    token: str = ""
    address: str | None = None
    admin: bool = True


def visitor(services: Services) -> Visitor:
    """Return who has opened the present tab."""
    params = services.params
    user = pn.state.user or ""
    admin = user in params.accounts.admins
    if user:
        return Visitor(pseudonym(user, services.secret()), user=user, admin=admin)
    token = pn.state.cookies.get("person", "")
    token = token if _TOKEN.fullmatch(token) else new_session()
    open_to_all = not (params.server.accounts or params.server.oauth_provider)
    return Visitor(session_of(token), token=token, address=_address(params.server.trusted_proxies), admin=open_to_all)


def session_of(token: str) -> str:
    """Return the pseudonym for a cookie's token; from the pseudonym, which stands in exports, nobody gets the token."""
    return hashlib.sha256(f"person {token}".encode()).hexdigest()[:16]


def _address(trusted: tuple[str, ...]) -> str:
    document = pn.state.curdoc
    context: Any = None if document is None else document.session_context
    if context is None:
        return UNKNOWN
    # The request itself: the headers that Bokeh gives come from a token, which a browser could have written.
    request: Any = getattr(context.request, "_request", None)
    headers: Mapping[str, str] = getattr(request, "headers", {})
    forwarded = headers.get("X-Forwarded-For", "")
    return counted_as(getattr(request, "remote_ip", None) or "", [forwarded], [network_of(each) for each in trusted])

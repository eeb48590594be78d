"""The dashboard's own server: where it listens, who may come in."""

import ast
import errno
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dashboard.params import DashboardParams, ServerParams
from dashboard.server.account_files import checked_accounts
from dashboard.server.addresses import EVERYWHERE, LOCAL, allowed_origins, bracketed
from dashboard.server.routes import ROUTES
from dashboard.server.services import Services
from pipelines.errors import UserError, shown

if TYPE_CHECKING:
    from panel.io.server import Server

_log = logging.getLogger(__name__)
LOGIN = Path(__file__).parents[1] / "components" / "templates" / "login.html"
NO_REDIRECT = {"password", "auth_code", "pam"}
"""Panel's providers that take no key and secret; `server.accounts` is the way to have passwords."""
GENERIC_URLS = ("PANEL_OAUTH_AUTHORIZE_URL", "PANEL_OAUTH_TOKEN_URL")
EXTRA_PARAMS = "PANEL_OAUTH_EXTRA_PARAMS"
SESSION_NAMES = ("bokeh-session-id", "bokeh-token")
NEEDED_EXTRA = {"auth0": "subdomain", "okta": "url"}
"""What Panel must be told of these providers, in the variable `EXTRA_PARAMS`."""


def serve(services: Services, ready: Callable[[str], None]) -> None:
    """Serve the dashboard until the process is ended.

    Parameters
    ----------
    ready : function
        Called with the address once the server listens.

    Raises
    ------
    UserError
        As `build_server`.
    """
    server = build_server(services)
    address = services.params.server.address
    ready(f"http://{'localhost' if address in {*LOCAL, *EVERYWHERE, '::1'} else bracketed(address)}:{server.port}/")
    server.start()
    server.io_loop.start()


def check_server(params: DashboardParams) -> None:
    """Raise the `UserError` that `build_server` would raise for these parameters, before anything is opened."""
    server_options(params.server, params.accounts.admins)


def build_server(services: Services) -> "Server":
    """Return a server that listens, not started; a `UserError` where port, accounts or provider are wrong."""
    import panel as pn

    from dashboard.server.app import extend, page

    def tab() -> Any:
        extend()
        return page(services)

    params = services.params.server
    options = server_options(params, services.params.accounts.admins)
    if "basic_auth" in options or "oauth_provider" in options:
        options["cookie_secret"] = services.secret().decode()
    patterns = [(address, handler, {"services": services}) for address, handler, _ in ROUTES]
    options["websocket_origin"] = list(LOCAL)  # Bokeh's own list, in whose place `guard_socket` puts ours
    try:
        server = pn.io.server.get_server({"/": tab}, extra_patterns=patterns, index=None, **options)
    except OSError as fault:
        where = f"{bracketed(params.address)}:{params.port}"
        taken = fault.errno in (errno.EADDRINUSE, errno.EACCES)
        what = "choose another port" if taken else "correct dashboard.server.address"
        raise UserError(f"dashboard.server: cannot listen at {where} ({fault.strerror}); {what}.") from fault
    guard_socket(server, allowed_origins(params.address, int(server.port or 0), params.origins))
    guard_sessions(server)
    return server


def guard_sessions(server: "Server") -> None:
    """Have the server alone choose what a page's session is called.

    Bokeh takes the name from the address or a header too, and gives whoever names a session that is there the very
    same: who sends a link with a name could see and do what the person does who opens it.
    """
    from bokeh.server.views.session_handler import SessionHandler

    def guarded(handler: Any) -> Any:
        class Guarded(handler):
            def prepare(self) -> Any:
                for name in SESSION_NAMES:
                    self.request.arguments.pop(name, None)
                    self.request.headers.pop(name, None)
                return super().prepare()

        return Guarded

    application: Any = server._tornado
    for rule in application.wildcard_router.rules:
        if isinstance(rule.target, type) and issubclass(rule.target, SessionHandler):
            rule.target = guarded(rule.target)


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


def server_options(params: ServerParams, admins: Sequence[str] = ()) -> dict[str, Any]:
    """Return Panel's options for where to listen and who may come in.

    Parameters
    ----------
    admins : sequence of str
        The accounts that may do more than others.

    Raises
    ------
    UserError
        When the file of accounts is missing or wrong, an account is not in it, a provider is unknown, or a variable
        that is needed is not set.
    """
    found: dict[str, Any] = {
        "address": params.address,
        "port": params.port,
        "websocket_origin": allowed_origins(params.address, params.port, params.origins),
        "websocket_max_message_size": 20 * 1024 * 1024,
        "show": False,
        "start": False,
        "title": "",
        "session_token_expiration": 24 * 3600,
    }
    if params.accounts:
        known = checked_accounts(Path(params.accounts))
        if missing := [name for name in admins if name not in known]:
            raise UserError(
                f"dashboard.accounts.admins: {missing[0]!r} has no account in {params.accounts}; correct the name."
            )
        found |= {"basic_auth": params.accounts, "basic_login_template": str(LOGIN)}
    elif params.oauth_provider:
        found |= oauth_options(params)
    elif admins:
        raise UserError(
            "dashboard.accounts.admins: names people, but nobody needs an account; set dashboard.server.accounts or "
            "oauth_provider too, or leave it empty."
        )
    return found


def oauth_options(params: ServerParams) -> dict[str, Any]:
    """Return Panel's options for signing in by a provider; see `server_options`."""
    from panel.auth import AUTH_PROVIDERS

    name = params.oauth_provider
    providers = sorted(AUTH_PROVIDERS.keys() - NO_REDIRECT)
    if name not in providers:
        raise UserError(
            f"dashboard.server.oauth_provider is {shown(repr(name), 80)}; it must be one of {', '.join(providers)}."
        )
    found = {"oauth_provider": name}
    for option, key in (("oauth_key", "oauth_key_env"), ("oauth_secret", "oauth_secret_env")):
        variable = getattr(params, key)
        if not os.environ.get(variable):
            raise UserError(
                f"dashboard.server.{key}: the variable {variable} is not set; set it to the client's {option}."
            )
        found[option] = os.environ[variable]
    for variable in GENERIC_URLS if name == "generic" else ():
        if not os.environ.get(variable, "").startswith(("http://", "https://")):
            raise UserError(
                f"dashboard.server.oauth_provider generic needs the variable {variable}; set it to the provider's "
                "address, https://…"
            )
    extra = _extra_params()
    if (needed := NEEDED_EXTRA.get(name)) and not extra.get(needed):
        raise UserError(
            f"dashboard.server.oauth_provider {name} needs {needed}; set the variable {EXTRA_PARAMS} to "
            f'{{"{needed}": "…"}}.'
        )
    return found


def _extra_params() -> dict[Any, Any]:
    """Return what the variable `EXTRA_PARAMS` says, which Panel reads anew at every sign-in."""
    text = os.environ.get(EXTRA_PARAMS, "{}")
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UserError(f'The variable {EXTRA_PARAMS} is no mapping; write it as {{"name": "value"}}.')
    return found

"""The dashboard's own server: where it listens, who may come in."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.health import ROUTES
from dashboard.params import ServerParams
from dashboard.services import Services
from pipelines.errors import UserError

if TYPE_CHECKING:
    from panel.io.server import Server

LOGIN = Path(__file__).parent / "login.html"
LOCAL = {"127.0.0.1", "localhost", "::1"}
EVERYWHERE = {"0.0.0.0", "::"}


def serve(services: Services, ready: Callable[[str], None]) -> None:
    """Serve the dashboard until the process is ended.

    Parameters
    ----------
    services : Services
        Opened, and started or not.
    ready : function
        Called with the address once the server listens.

    Raises
    ------
    UserError
        As `build_server`.
    """
    server = build_server(services)
    shown = services.params.server.address
    ready(f"http://{'localhost' if shown in LOCAL | EVERYWHERE else shown}:{server.port}/")
    server.start()
    server.io_loop.start()


def build_server(services: Services) -> "Server":
    """Return a server that listens and is not started.

    Raises
    ------
    UserError
        When the port is taken, or accounts, variables or a provider are wrong.
    """
    import panel as pn

    from dashboard.app import extend, page

    def tab() -> Any:
        extend()
        return page(services)

    options = server_options(services.params.server)
    if "basic_auth" in options or "oauth_provider" in options:
        options["cookie_secret"] = services.secret().decode()
    patterns = [(address, handler, {"services": services}) for address, handler, _ in ROUTES]
    try:
        return pn.io.server.get_server({"/": tab}, extra_patterns=patterns, index=None, **options)
    except OSError as fault:
        where = f"{services.params.server.address}:{services.params.server.port}"
        raise UserError(
            f"dashboard.server: cannot listen at {where} ({fault.strerror}); choose another port."
        ) from fault


def server_options(params: ServerParams) -> dict[str, Any]:
    """Return Panel's options for where to listen and who may come in.

    Raises
    ------
    UserError
        When the file of accounts is missing or wrong, or a variable is not set.
    """
    port = params.port
    origins = [f"{name}:{port}" for name in ("localhost", "127.0.0.1")] if port else ["localhost", "127.0.0.1"]
    if params.address not in LOCAL | EVERYWHERE:
        origins.append(f"{params.address}:{port}")
    found: dict[str, Any] = {
        "address": params.address,
        "port": port,
        "websocket_origin": origins + list(params.origins),
        "websocket_max_message_size": 20 * 1024 * 1024,
        "show": False,
        "start": False,
        "title": "",
        "session_token_expiration": 24 * 3600,
    }
    if params.accounts:
        found |= {"basic_auth": str(checked_accounts(Path(params.accounts))), "basic_login_template": str(LOGIN)}
    if params.oauth_provider:
        for option, variable in (("oauth_key", params.oauth_key_env), ("oauth_secret", params.oauth_secret_env)):
            if not os.environ.get(variable):
                raise UserError(
                    f"dashboard.server: the variable {variable} is not set; set it to the client's {option}."
                )
            found[option] = os.environ[variable]
        found["oauth_provider"] = params.oauth_provider
    return found


def checked_accounts(path: Path) -> Path:
    """Return the path of a file of accounts when Panel can use it.

    Raises
    ------
    UserError
        When it is missing, is no JSON object of texts, or has an empty or short password.
    """
    import json

    try:
        accounts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UserError(f'{path}: is no readable JSON ({fault}); write {{"user": "password"}}.') from fault
    if not isinstance(accounts, dict) or not accounts:
        raise UserError(f'{path}: holds no accounts; write {{"user": "password"}}.')
    for user, password in accounts.items():
        if not isinstance(password, str) or len(password) < 8:
            raise UserError(f"{path}: the password of {user!r} is no text of at least 8 characters; give a longer one.")
    return path

"""The page of admins is there for those who are named alone: others neither see it nor reach it."""

from http.cookiejar import Cookie
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dashboards import RunningDashboard
from test_login import Visitor

from dashboard.server.addresses import reached_from_here_alone
from dashboard.server.shell import Shell

SECTION = 'data-page="admin"'
PASSWORDS = {"ada": "lovelace-1815", "bob": "bob-is-a-guest", "guest": "welcome-stranger"}


def cookie(name: str, value: str, host: str) -> Cookie:
    """Return a cookie as a browser would keep it."""
    host = host if "." in host else f"{host}.local"
    return Cookie(0, name, value, None, False, host, False, False, "/", True, False, None, False, None, None, {})


def test_with_accounts_it_is_there_for_those_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shells: list[Shell] = []
    made = Shell.__init__
    monkeypatch.setattr(Shell, "__init__", lambda self, services: (made(self, services), shells.append(self))[0])
    (tmp_path / "accounts.json").write_text(str(PASSWORDS).replace("'", '"'), encoding="utf-8")
    server = {"accounts": str(tmp_path / "accounts.json")}
    with RunningDashboard({"server": server, "accounts": {"admins": ["ada", "guest"]}}, tmp_path) as running:
        stranger = Visitor()
        status, location, text = stranger.first(f"{running.url}admin")
        assert status == 302 and urlsplit(location).path == "/" and SECTION not in text
        for user in ("ada", "bob"):
            visitor, password = Visitor(), PASSWORDS[user]
            if user == "bob":  # Panel would take him for the account "guest"
                name = cookie("is_guest", "1", urlsplit(running.url).hostname or "")
                visitor._jar.cookiejar.set_cookie(name)
            page = visitor.get(f"{running.url}login", {"username": user, "password": password})
            status, location, text = visitor.first(f"{running.url}admin")
            if user == "ada":
                assert SECTION in page and status == 302 and urlsplit(location).fragment == "admin"
            else:
                assert SECTION not in page and status == 403 and "accounts.admins" in text
        assert [shell.visitor.user for shell in shells] == ["ada", "bob"]
        names = running.services.names()
        assert set(names.values()) == PASSWORDS.keys() and {shell.visitor.session for shell in shells} < names.keys()
    admin, other = shells
    assert (admin.visitor.upkeep, other.visitor.upkeep) == ("full", "")
    # whatever a browser sends: the page is not made for others
    other.bar.active = "admin"
    assert "admin" not in other._pages and "admin" not in dict(other.bar.pages)
    assert "admin" in dict(admin.bar.pages)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "there"),
    [
        ({}, True),
        ({"address": "0.0.0.0"}, False),
        ({"origins": ["judge.example.org"]}, False),
        ({"trusted_proxies": ["127.0.0.1"]}, False),
    ],
)
def test_without_accounts_it_is_there_for_whoever_sits_at_the_machine(
    tmp_path: Path, server: dict[str, object], there: bool
) -> None:
    with RunningDashboard({"server": server}, tmp_path) as running:
        visitor = Visitor()
        assert (SECTION in visitor.get(running.url)) == there
        status, _, text = visitor.first(f"{running.url}admin")
        assert status == (302 if there else 404) and ("need accounts" in text) == (not there)


def test_a_server_that_others_reach_is_known() -> None:
    assert all(reached_from_here_alone(each, (), ()) for each in ("127.0.0.1", "localhost", "::1"))
    assert not any(reached_from_here_alone(each, (), ()) for each in ("0.0.0.0", "::", "192.168.1.5", "127.0.0.2"))
    assert not reached_from_here_alone("127.0.0.1", ("a.example",), ())
    assert not reached_from_here_alone("127.0.0.1", (), ("127.0.0.1",))

"""Nothing of the page is served before the login: with accounts, and with OAuth by a provider that stands in here."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPErrorProcessor, Request, build_opener

import pytest
from dashboards import RunningDashboard

PAGE = '"token":"'
"""Stands in the page, and opens a session."""


class Visitor:
    """A browser without windows: keeps cookies, and follows redirects unless told not to."""

    def __init__(self) -> None:
        self._jar = HTTPCookieProcessor()
        self._followed = build_opener(self._jar)
        self._first = build_opener(self._jar, _AsItIs())

    def get(self, url: str, data: dict[str, str] | None = None) -> str:
        body = None if data is None else urlencode(data).encode()
        with self._followed.open(Request(url, body), timeout=120) as reply:
            return str(reply.read().decode())

    def first(self, url: str) -> tuple[int, str, str]:
        """Return status, Location and text of the very first reply."""
        with self._first.open(url, timeout=120) as reply:
            return reply.status, urljoin(url, reply.headers.get("Location", "")), reply.read().decode()

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._jar.cookiejar}


class _AsItIs(HTTPErrorProcessor):
    def http_response(self, request: object, response: object) -> object:
        return response


class Provider(BaseHTTPRequestHandler):
    """Grants whoever comes, as ada@example.org, where the client knows its secret."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if self.path.startswith("/authorize"):
            assert asked["client_id"] == ["the key"]
            back = urlencode({"code": "a code", "state": asked["state"][0]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri'][0]}?{back}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            known = self.headers["Authorization"] == "Bearer a token"
            self._json({"email": "ada@example.org"} if known else {})

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = (asked["code"], asked["client_secret"]) == (["a code"], ["the secret"])
        self._json({"access_token": "a token"} if right else {"error": "refused"})

    def _json(self, content: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    for name, path in (("AUTHORIZE", "authorize"), ("TOKEN", "token"), ("USER", "user")):
        monkeypatch.setenv(f"PANEL_OAUTH_{name}_URL", f"{address}/{path}")
    monkeypatch.setenv("KEY_OF_MINE", "the key")
    monkeypatch.setenv("SECRET_OF_MINE", "the secret")
    yield address
    server.shutdown()
    server.server_close()
    thread.join()


def test_accounts_guard_the_page(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text('{"ada": "lovelace-1815"}', encoding="utf-8")
    with RunningDashboard({"server": {"accounts": str(accounts)}}, tmp_path) as running:
        visitor = Visitor()
        status, location, text = visitor.first(running.url)
        assert (status, urlsplit(location).path, PAGE in text) == (302, "/login", False)
        form = visitor.get(running.url)
        assert 'type="password"' in form and PAGE not in form
        for user, password in (("ada", "wrong"), ("ada", ""), ("anybody", "lovelace-1815"), ("", "")):
            refused = visitor.get(f"{running.url}login", {"username": user, "password": password})
            assert PAGE not in refused
            assert "user" not in visitor.cookies
        assert PAGE in visitor.get(f"{running.url}login", {"username": "ada", "password": "lovelace-1815"})
        assert "ada" not in visitor.cookies["user"].split("|")  # signed, and not in the clear
        assert PAGE in visitor.get(running.url)
        assert PAGE not in Visitor().get(running.url)
        visitor.get(f"{running.url}logout")
        assert PAGE not in visitor.get(running.url)


def test_a_forged_cookie_is_none(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text('{"ada": "lovelace-1815"}', encoding="utf-8")
    with RunningDashboard({"server": {"accounts": str(accounts)}}, tmp_path) as running:
        from tornado.web import create_signed_value

        forged = create_signed_value("a secret of another server", "user", "ada").decode()
        opener = build_opener(_AsItIs())
        request = Request(running.url, headers={"Cookie": f'user="{forged}"'})
        with opener.open(request, timeout=120) as reply:
            assert reply.status == 302
            assert urlsplit(urljoin(running.url, reply.headers["Location"])).path == "/login"


def test_oauth_sends_to_the_provider_and_lets_in_who_comes_back(tmp_path: Path, provider: str) -> None:
    keys = {"oauth_key_env": "KEY_OF_MINE", "oauth_secret_env": "SECRET_OF_MINE"}
    with RunningDashboard({"server": {"oauth_provider": "generic", **keys}}, tmp_path) as running:
        visitor = Visitor()
        status, location, text = visitor.first(running.url)
        assert (status, urlsplit(location).path, PAGE in text) == (302, "/login", False)
        status, location, text = visitor.first(f"{running.url}login")
        assert (status, PAGE in text) == (302, False)
        assert location.startswith(f"{provider}/authorize?")
        assert "the+secret" not in location and "the%20secret" not in location
        assert PAGE in Visitor().get(running.url)  # there, back with a code, and in
        status, _, text = Visitor().first(f"{running.url}login?code=guessed&state=guessed")
        assert (status, PAGE in text) == (401, False)

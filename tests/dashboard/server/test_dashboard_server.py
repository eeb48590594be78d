import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from dashboards import Person, RunningDashboard, free_port
from playwright.sync_api import Browser, expect

from dashboard.params import DashboardParams, ServerParams, parse_dashboard, read_dashboard
from dashboard.server.account_files import checked_accounts
from dashboard.server.server import build_server, server_options
from dashboard.server.services import kept_secret
from dashboard.server.shell import session_of
from pipelines.errors import UserError

ROOT = Path(__file__).parents[3]


def test_only_this_computer_is_listened_to_unless_asked() -> None:
    options = server_options(ServerParams())
    assert options["address"] == "127.0.0.1"
    assert options["websocket_origin"] == ["localhost:5006", "127.0.0.1:5006"]
    assert "basic_auth" not in options and "oauth_provider" not in options
    wide = server_options(ServerParams(address="0.0.0.0", port=80, origins=("votes.example.org",)))
    assert (wide["address"], wide["websocket_origin"][-1]) == ("0.0.0.0", "votes.example.org")
    assert server_options(ServerParams(address="192.168.1.5"))["websocket_origin"][-1] == "192.168.1.5:5006"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "no readable JSON"),
        ("[]", "not an object"),
        ('{"ada": "short"}', "at least 8 characters"),
        ('{"ada": ""}', "at least 8 characters"),
    ],
)
def test_accounts_that_let_anybody_in_are_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=sentence):
        checked_accounts(path)


def test_oauth_takes_its_secrets_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    params = ServerParams(oauth_provider="github", oauth_key_env="KEY_OF_MINE", oauth_secret_env="SECRET_OF_MINE")
    with pytest.raises(UserError, match="KEY_OF_MINE is not set"):
        server_options(params)
    monkeypatch.setenv("KEY_OF_MINE", "k")
    monkeypatch.setenv("SECRET_OF_MINE", "s")
    options = server_options(params)
    assert (options["oauth_provider"], options["oauth_key"], options["oauth_secret"]) == ("github", "k", "s")


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"server": {"accounts": "a.json", "oauth_provider": "github"}}, "take one of them"),
        ({"server": {"oauth_provider": "github"}}, "oauth_key_env"),
        ({"serve": {}}, "dashboard.serve is unknown"),
        ({"styles": {"a": {"name": "x", "generator": "openai"}}}, "base_url"),
        ({"styles": {"a": {"name": "x", "api_key_env": "sk-live-123"}}}, "name of an environment variable"),
        ({"limits": {"votes_per_minute": 0}}, "votes_per_minute"),
    ],
)
def test_wrong_keys_get_a_sentence(section: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as fault:
        parse_dashboard(section)
    assert "sk-live-123" not in str(fault.value)


def test_the_secret_is_made_once_and_kept_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ServerParams(secret_file=str(tmp_path / "secret"))
    first = kept_secret(server)
    assert kept_secret(server) == first
    assert len(first) == 64
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secret").write_text("short")
    with pytest.raises(UserError, match="too few for a secret"):
        kept_secret(server)
    with pytest.raises(UserError, match="cannot be read or made"):
        kept_secret(ServerParams(secret_file="/proc/none/secret"))
    named = ServerParams(cookie_secret_env="COOKIE_SECRET_OF_MINE")
    with pytest.raises(UserError, match="has 0 characters"):
        kept_secret(named)
    monkeypatch.setenv("COOKIE_SECRET_OF_MINE", "x" * 40)
    assert kept_secret(named) == b"x" * 40


def test_a_pseudonym_does_not_give_the_cookie_away() -> None:
    assert session_of("a" * 16) != session_of("b" * 16)
    assert session_of("a" * 16) not in ("a" * 16, "")


def test_the_section_is_read_from_params_yaml(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("dashboard: {language: zh-Hant}\n", encoding="utf-8")
    assert read_dashboard(path).language == "zh-Hant"
    assert read_dashboard(path, ["dashboard.server.port=81"]).server.port == 81
    path.write_text("run: {seed: 1}\n", encoding="utf-8")
    assert read_dashboard(path) == DashboardParams()


def test_health_says_what_works_and_nothing_private(tmp_path: Path) -> None:
    with RunningDashboard({}, tmp_path) as running:
        with urlopen(f"{running.url}health", timeout=60) as reply:
            found = json.load(reply)
        assert found["ok"] is True
        assert found["store"] | {"milliseconds": 0} == {
            "ok": True, "backend": "sqlite", "schema": 7, "milliseconds": 0
        }  # fmt: skip
        assert found["judge"] == {"state": "none", "version": ""}
        running.rows("DROP TABLE votes")
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{running.url}health", timeout=60)
        assert refused.value.code == 503
        refused.value.close()


def test_a_page_elsewhere_cannot_open_the_socket(tmp_path: Path) -> None:
    with RunningDashboard({}, tmp_path) as running:
        headers = {
            "Origin": "http://evil.test", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol": "bokeh, token",
        }  # fmt: skip
        connection = HTTPConnection("localhost", running.port, timeout=60)
        connection.request("GET", "/ws", headers=headers)
        assert connection.getresponse().status == 403
        connection.close()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # tornado drops the socket it cannot bind
def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with RunningDashboard({}, tmp_path) as running, pytest.raises(UserError, match="choose another port"):
        build_server(running.services)


@pytest.mark.browser
def test_accounts_are_asked_for_and_become_pseudonyms(browser: Browser, tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text('{"ada": "lovelace-1815"}', encoding="utf-8")
    with RunningDashboard({"server": {"accounts": str(accounts)}}, tmp_path) as running:
        context = browser.new_context(locale="zh-TW")
        page = context.new_page()
        page.goto(running.url)
        expect(page.get_by_text("使用者名稱")).to_be_visible()
        page.fill("#username", "ada")
        page.fill("#password", "wrong-password")
        page.click("button")
        expect(page.get_by_text("使用者名稱或密碼不正確。")).to_be_visible()
        page.fill("#username", "anybody")
        page.fill("#password", "lovelace-1815")
        page.click("button")
        expect(page.get_by_text("使用者名稱或密碼不正確。")).to_be_visible()
        page.fill("#username", "ada")
        page.fill("#password", "lovelace-1815")
        page.click("button")
        page.locator("textarea[name=question]").wait_for(timeout=60_000)
        page.locator("textarea[name=question]").fill("珍珠奶茶到底是誰發明的？")
        page.locator("textarea[name=question]").press("Enter")
        page.locator('section[data-stage="open"]').wait_for(timeout=60_000)
        assert "ada" not in running.last_battle()["session"]
        expect(page.get_by_text("登出")).to_be_visible()
        context.close()


@pytest.mark.browser
def test_a_lost_server_is_said(browser: Browser, tmp_path: Path) -> None:
    with RunningDashboard({}, tmp_path) as running:
        person = Person(browser, running.url)
        expect(person.page.locator(".lost")).to_be_hidden()
    with person:
        expect(person.page.locator(".lost")).to_be_visible(timeout=60_000)
        person.sees("The connection to the server is lost")


@pytest.mark.slow
def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("dashboard: {store: {url: nonsense}}\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "dashboard", str(path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 2
    assert "no database address" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.browser
def test_panel_serve_serves_the_same_page(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    params = tmp_path / "params.yaml"
    section = f"judges: none, find_ollama: false, store: {{url: 'sqlite:///{tmp_path}/votes.sqlite'}}"
    params.write_text(f"dashboard: {{{section}}}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "panel",
        "serve",
        "dashboard",
        "--port",
        str(port),
        "--plugins",
        "dashboard.server.routes",
    ]
    environment = {
        "DASHBOARD_PARAMS": str(params),
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "running at" in line:
                break
        with urlopen(f"http://localhost:{port}/health", timeout=300) as reply:
            assert json.load(reply)["ok"]
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://localhost:{port}/download/nowhere/votes.csv", timeout=300)
        with refused.value:
            assert b"not offered any longer" in refused.value.read()
        with Person(browser, f"http://localhost:{port}/dashboard") as person:
            person.sees("Ask once")
            assert person.elsewhere(f"http://localhost:{port}/") == []
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


ENDED_AT_ONCE = """
import sys, time
from dashboard.generators import recorded
from dashboard.params import parse_dashboard
from dashboard.server.services import Services

def load(question):
    sys.stdout.write("begun ")
    sys.stdout.flush()
    time.sleep(0.3)
    sys.stdout.write("ended ")

recorded.nearest = load
services = Services(parse_dashboard({"judges": "none", "starter": False, "store": {"url": "sqlite:///votes.sqlite"}}))
services.start()
services.close()
"""


def test_what_was_begun_to_load_ends_before_the_process_does(tmp_path: Path) -> None:
    """A thread that the interpreter's end meets inside torch aborts the process (status 134)."""
    ended = subprocess.run(
        [sys.executable, "-c", ENDED_AT_ONCE],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() in (["begun", "ended"], [])

"""Which pages may connect, what the log says of those that may not, and what they say themselves."""

import logging
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import pytest
from dashboards import RunningDashboard
from playwright.sync_api import Browser, Page, expect
from rewriting_proxy import RewritingProxy

from dashboard.server.addresses import allowed_origins, origin_of
from dashboard.texts import Language, Texts

HANDSHAKE = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "bokeh, token",
}  # fmt: skip


def status(running: RunningDashboard, origin: str) -> int:
    """Return how the server answers a page that was opened elsewhere and asks for the WebSocket."""
    connection = HTTPConnection("127.0.0.1", running.port, timeout=60)
    try:
        connection.request("GET", "/ws", headers={**HANDSHAKE, "Origin": origin})
        return connection.getresponse().status
    finally:
        connection.close()


def test_where_the_server_listens_it_may_be_opened() -> None:
    assert allowed_origins("127.0.0.1", 5006, ()) == ["localhost:5006", "127.0.0.1:5006"]
    assert allowed_origins("0.0.0.0", 80, ("votes.example.org",))[-1] == "votes.example.org"
    assert allowed_origins("192.168.1.5", 5006, ())[-1] == "192.168.1.5:5006"
    assert allowed_origins("fd00::5", 5006, ())[-1] == "[fd00::5]:5006"


def test_named_origins_connect_as_browsers_say_them_and_others_are_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    origins = ["https://judge.example.org", "http://10.0.0.5:8080/", "[2001:db8::1]", "*.lab.example.org"]
    with RunningDashboard({"server": {"origins": origins}}, tmp_path) as running:
        for origin in (
            f"http://localhost:{running.port}", "https://judge.example.org", "http://judge.example.org",
            "http://10.0.0.5:8080", "https://[2001:db8::1]", "https://one.lab.example.org",
        ):  # fmt: skip
            assert status(running, origin) == 101, origin
        caplog.clear()
        with caplog.at_level(logging.ERROR, "dashboard.server.server"):
            for origin in (
                "http://evil.test", "https://judge.example.org:8443", "http://10.0.0.5", "null",
                f"http://localhost:{running.port + 1}", "https://a.b.lab.example.org",
            ):  # fmt: skip
                assert status(running, origin) == 403, origin
    refused = [record.getMessage() for record in caplog.records if record.name == "dashboard.server.server"]
    assert len(refused) == 6
    assert "http://evil.test" in refused[0]
    assert "'evil.test' to dashboard.server.origins" in refused[0]
    assert "--allow-websocket-origin" not in caplog.text


def test_the_page_holds_what_it_says_when_it_cannot_connect(tmp_path: Path) -> None:
    """Static text: a page that reaches nothing any more must not have to ask for it."""
    with RunningDashboard({"language": "zh-Hant"}, tmp_path) as running, urlopen(running.url, timeout=60) as reply:
        page = reply.read().decode()
    assert Texts("zh-Hant")("unreachable.title") in page
    assert "dashboard.server.origins" in page


def opened(browser: Browser, url: str, locale: str) -> Page:
    page = browser.new_context(locale=locale).new_page()
    page.goto(url)
    return page


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-TW", "zh-Hant")])
def test_a_page_behind_a_proxy_that_rewrites_the_host_says_what_to_do(
    browser: Browser, tmp_path: Path, locale: str, language: Language
) -> None:
    with RunningDashboard({}, tmp_path) as running, RewritingProxy(running.port) as proxy:
        page = opened(browser, proxy.url, locale)
        alert = page.get_by_role("alert").filter(has_text=Texts(language)("unreachable.title"))
        expect(alert).to_be_visible(timeout=60_000)
        expect(alert.locator("code").first).to_have_text(f"127.0.0.1:{proxy.port}")
        expect(alert).to_contain_text("dashboard.server.origins")
        page.context.close()


@pytest.mark.browser
def test_once_its_origin_is_named_the_page_behind_the_proxy_works(browser: Browser, tmp_path: Path) -> None:
    with RunningDashboard({"server": {"origins": "http://127.0.0.1:*"}}, tmp_path) as running:
        with RewritingProxy(running.port) as proxy:
            page = opened(browser, proxy.url, "en-GB")
            page.locator("textarea[name=question]").wait_for(timeout=60_000)
            expect(page.locator("#unreachable")).to_be_hidden()
            page.context.close()


@pytest.mark.browser
def test_a_connection_that_is_cut_before_the_first_word_is_told_too(browser: Browser, tmp_path: Path) -> None:
    """A proxy may take the WebSocket itself and find only then that the server refuses it."""
    with RunningDashboard({}, tmp_path) as running:
        page = browser.new_context().new_page()
        page.route_web_socket("**/ws", lambda socket: socket.close())
        page.goto(running.url)
        expect(page.locator("#unreachable")).to_be_visible(timeout=60_000)
        page.context.close()


@pytest.mark.parametrize(
    ("written", "meant"),
    [("straße.de", "xn--strae-oqa.de"), ("Bücher.Example", "xn--bcher-kva.example"), ("localhost:00080", "localhost")],
)
def test_an_origin_is_the_one_that_browsers_make_of_it(written: str, meant: str) -> None:
    assert origin_of(written) == meant


@pytest.mark.parametrize("written", ["127.1", "0x7f.1", "null", "judge.7", "1.2.3.4.5"])
def test_what_no_browser_gives_as_an_origin_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must be an origin"):
        origin_of(written)

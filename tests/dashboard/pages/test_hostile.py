import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from dashboards import Person, RunningDashboard
from hostile_texts import HOSTILE
from playwright.sync_api import Browser
from talking_server import TalkingServer

from dashboard.components.drawn_texts import not_shown
from dashboard.rendering.drawings import drawings
from dashboard.rendering.sanitiser import LINK_SCHEMES
from dashboard.texts import Texts
from pipelines.terminal.unseen_signs import plain

KNOWN = set(
    "p br hr h1 h2 h3 h4 h5 h6 strong em s code pre blockquote ul ol li table thead tbody tr th td a span math mrow "
    "mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts mprescripts "
    "mtable mtr mtd mstyle mpadded mphantom menclose wbr".split()
)


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_hostile_text_becomes_harmless_markup(place: int) -> None:
    html = drawings().submit([HOSTILE[place]]).result(60).html
    seen = Seen()
    seen.feed(html)
    for tag, attributes in seen.tags:
        assert tag in KNOWN, tag
        for name, value in attributes.items():
            assert not name.startswith(("on", "style", "src", "xlink", "id", "form", "action")), name
            if name == "href":
                assert tag == "a"
                assert str(value).partition(":")[0].lower() in LINK_SCHEMES
                assert attributes["rel"] == "noopener noreferrer nofollow"
            if name == "class":
                assert (tag, value) == ("pre", "source") or (tag == "span" and re.fullmatch("hl-[kscmfi]", str(value)))
    assert "<" not in plain(HOSTILE[place])


def test_a_text_with_too_many_marks_is_shown_as_it_was_written_and_that_is_said() -> None:
    for text in ("*_" * 10_000, "`a` " * 10_000, "- *a*\n" * 10_000):
        shown = drawings().submit([text]).result(60)
        assert shown.as_written == "all"
        assert shown.html.startswith("<pre")
        assert shown.html.count("<") < 10
        assert "could not be formatted" in not_shown(shown, Texts("en"))
        assert "無法在限制內排版" in not_shown(shown, Texts("zh-Hant"))


def test_long_answers_as_people_get_them_are_drawn() -> None:
    long = "## A heading\n\nSome **bold** text, `code` and a formula $x^2$.\n\n- one\n- two\n\n" * 700
    for text in (long, "", "\n\n", " "):
        shown = drawings().submit([text]).result(60)
        assert shown.as_written == ""
        assert not_shown(shown, Texts("en")) == ""


@pytest.fixture(scope="module")
def hostile(talking_server: TalkingServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    talking_server.texts[:] = HOSTILE
    style = {"generator": "openai", "base_url": talking_server.url, "max_tokens": 100_000}
    section = {
        "styles": {
            "a": style | {"name": "one", "model": "hostile-asked"},
            "b": style | {"name": "two", "model": "echoes"},
        },
        "limits": {"question_characters": 2_000_000, "answer_characters": 2_000_000},
    }
    with RunningDashboard(section, tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(HOSTILE), 10))
def test_in_a_browser_nothing_runs_and_nothing_is_fetched(
    browser: Browser, hostile: RunningDashboard, talking_server: TalkingServer, first: int
) -> None:
    """Each text is asked, echoed by one model and written by the other, voted on, and seen in the comparison."""
    before = hostile.rows("SELECT count(*) FROM battles")[0][0]
    with Person(browser, hostile.url) as person:
        person.page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
        person.page.on("popup", lambda page: pytest.fail(f"a window opened: {page.url}"))
        for place, text in list(enumerate(HOSTILE))[first : first + 10]:
            talking_server.hostile_place = place
            person.page.locator("textarea[name=question]").evaluate(
                "(field, text) => { field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})); }",
                text,
            )
            person.page.get_by_role("button", name="Ask", exact=True).click()
            person.stage("open")
            tags = person.page.evaluate(
                """() => { const found = []; const walk = root => { for (const each of root.querySelectorAll("*")) {
                   found.push(each.localName); if (each.shadowRoot) walk(each.shadowRoot); } };
                   walk(document.querySelector("#page")); return [...new Set(found)]; }"""
            )
            assert not {"script", "iframe", "img", "object", "embed", "video", "audio", "base", "meta"} & set(tags), (
                place
            )
            if place % 10 == 0:
                person.page.keyboard.press("4")
                person.stage("voted")
                person.page.locator('[data-code="next"]').click()
            else:
                person.page.reload()
            person.field.wait_for()
        assert person.page.evaluate("window.owned") is None
        assert person.elsewhere(hostile.url) == []
        assert not [fault for fault in person.faults if "Content Security Policy" in fault]
    assert hostile.rows("SELECT count(*) FROM battles") == [(before + 10,)]

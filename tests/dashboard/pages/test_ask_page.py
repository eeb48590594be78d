import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboards import Person, RunningDashboard
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser
QUESTION = {"en-GB": "Why was 1900 not a leap year when 2000 was?", "zh-TW": "珍珠奶茶到底是誰發明的？"}
AGREES = {"en-GB": "The judge agrees with you", "zh-TW": "模型判斷與使用者一致"}
DIFFERS = {"en-GB": "The judge expected something else", "zh-TW": "模型判斷與使用者選擇不一致"}
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
KEYS = {"a": "1", "tie": "2", "b": "3", "both_bad": "4"}


@pytest.fixture(scope="module")
def dashboard(judges: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    section = {"judges": str(judges), "store": {"undo_seconds": 60}}
    with RunningDashboard(section, tmp_path_factory.mktemp("ask")) as running:
        yield running


def called(battle: dict[str, object]) -> str:
    a, b, tie = (float(battle[name]) for name in ("p_a", "p_b", "p_tie"))  # type: ignore[arg-type]
    return "tie" if tie >= max(a, b) or a == b else "a" if a > b else "b"


@pytest.mark.parametrize(
    ("language", "width"),
    [
        ("en-GB", 1280),
        ("zh-TW", 390),
        pytest.param("en-GB", 390, marks=pytest.mark.slow),
        pytest.param("zh-TW", 1280, marks=pytest.mark.slow),
    ],
)
def test_a_person_asks_votes_reads_undoes_and_goes_on(
    browser: Browser, dashboard: RunningDashboard, language: str, width: int
) -> None:
    with Person(browser, dashboard.url, language, width) as person:
        before = len(dashboard.rows("SELECT id FROM battles"))
        person.ask(QUESTION[language])
        expect(person.page.locator('[data-code="a"]')).to_be_disabled()
        person.stage("open")
        battle = dashboard.last_battle()
        assert len(dashboard.rows("SELECT id FROM battles")) == before + 1
        assert battle["p_a"] + battle["p_b"] + battle["p_tie"] == pytest.approx(1)
        assert battle["judge"].startswith("small@")
        assert (json.loads(battle["prompt"]), battle["asked"]) == ([QUESTION[language]], "")
        assert {battle["style_a"], battle["style_b"]} == {"brief", "thorough"}
        telling = re.compile('class=(&quot;|.{1,2})(comparison|chances)|"who".{0,20}(brief|thorough)')
        assert not [frame for frame in person.frames if telling.search(frame)]
        assert person.page.locator(".comparison").count() == 0
        assert not dashboard.rows(f"SELECT 1 FROM votes WHERE battle_id = '{battle['id']}'")

        agreeing = called(battle)
        person.page.keyboard.press(KEYS[agreeing])
        expect(person.heading).to_contain_text(AGREES[language])
        assert dashboard.rows(f"SELECT choice FROM votes WHERE battle_id = '{battle['id']}'") == [(agreeing,)]
        shares = [int(each.strip(" %")) for each in person.page.locator(".chances em").all_inner_texts()]
        assert shares == [round(100 * battle[name]) for name in ("p_a", "p_b", "p_tie")]
        assert any(telling.search(frame) for frame in person.frames)
        person.page.locator(".why [role=listitem]").first.wait_for()
        assert person.page.locator(".why .track i").count() >= 1
        shown = person.answer("a").inner_text()
        names = {"en-GB": ("brief", "thorough"), "zh-TW": ("簡短", "詳盡")}[language]
        assert names[0 if battle["style_a"] == "brief" else 1] in shown

        person.page.keyboard.press("u")
        person.stage("open")
        expect(person.heading).to_have_count(0)
        person.page.keyboard.press(KEYS["b" if agreeing == "a" else "a"])
        expect(person.heading).to_contain_text(DIFFERS[language])
        votes = dashboard.rows(f"SELECT undone_at IS NULL FROM votes WHERE battle_id = '{battle['id']}' ORDER BY id")
        assert votes == [(0,), (1,)]

        chips = person.page.locator(".decided .chips button")
        names = chips.all_inner_texts()
        chips.nth(0).focus()
        person.page.keyboard.press("Enter")  # by keyboard alone, and words with digits are no votes
        person.page.keyboard.press("Tab")
        person.page.keyboard.press("Space")
        person.page.locator(".decided input").fill("1 = right")
        person.page.keyboard.press("Enter")
        told = f"SELECT reasons, remark FROM votes WHERE battle_id = '{battle['id']}' ORDER BY id"
        for _ in range(500):
            if dashboard.rows(told) == [("", ""), ("correct clear", "1 = right")]:
                break
            person.page.wait_for_timeout(20)
        assert dashboard.rows(told) == [("", ""), ("correct clear", "1 = right")]
        expect(person.page.locator(".decided [role=status]")).not_to_be_empty()
        assert len(names) == 5

        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert person.page.evaluate(overflow) <= 0
        person.page.locator('[data-code="next"]').click()
        expect(person.field).to_be_visible()
        assert person.field.input_value() == ""
        assert person.faults == []
        assert person.elsewhere(dashboard.url) == []


@pytest.mark.parametrize("choice", ["a", *(pytest.param(each, marks=pytest.mark.slow) for each in list(KEYS)[1:])])
def test_each_key_is_a_vote_and_each_button_too(browser: Browser, dashboard: RunningDashboard, choice: str) -> None:
    with Person(browser, dashboard.url) as person:
        for by_key in (True, False):
            person.ask(QUESTION["en-GB"])
            person.stage("open")
            if by_key:
                person.page.keyboard.press(KEYS[choice])
            else:
                person.page.locator(f'[data-code="{choice}"]').click()
            person.stage("voted")
            identity = dashboard.last_battle()["id"]
            assert dashboard.rows(f"SELECT choice FROM votes WHERE battle_id = '{identity}'") == [(choice,)]
            person.page.keyboard.press("n")
            expect(person.field).to_be_visible()
        assert person.faults == []


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_the_words_of_a_button_are_seen_with_the_mouse_on_it(
    browser: Browser, dashboard: RunningDashboard, scheme: str
) -> None:
    """After a vote by mouse the button "next question" lies under the mouse: its words must not vanish there."""

    def seen(person: Person) -> dict[str, float]:
        found = {}
        buttons = person.page.locator("button:visible:not([disabled]):not(.theme)")
        for place in range(buttons.count()):
            buttons.nth(place).hover()
            buttons.nth(place).evaluate("button => button.getAnimations().forEach(each => each.finish())")
            found[buttons.nth(place).inner_text()] = buttons.nth(place).evaluate(CONTRAST)
        return found

    with Person(browser, dashboard.url, color_scheme=scheme) as person:
        contrasts = seen(person)
        person.ask(QUESTION["en-GB"])
        person.stage("open")
        contrasts |= seen(person)
        person.page.locator('[data-code="b"]').click()
        person.stage("voted")
        contrasts |= seen(person)
    assert any(words.startswith("Next question") for words in contrasts) and len(contrasts) > 8
    assert {words: round(value, 1) for words, value in contrasts.items() if value < 4.5} == {}


def test_typing_a_digit_is_no_vote_and_keys_wait_for_both_answers(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with Person(browser, dashboard.url) as person:
        person.field.press_sequentially("1 or 2?")
        assert person.field.input_value() == "1 or 2?"
        votes = len(dashboard.rows("SELECT id FROM votes"))
        person.field.fill(QUESTION["en-GB"])
        person.field.press("Enter")
        person.stage("answering")
        person.page.keyboard.press("1")
        person.stage("open")
        assert len(dashboard.rows("SELECT id FROM votes")) == votes


def test_from_the_press_to_the_shown_comparison_takes_less_than_300_ms(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    """Measured in the page; the best of five, as the machine is shared with other tests."""
    watch = """() => { window.began = 0; window.took = [];
      document.addEventListener("keydown", event => {
          if (event.key === "1") window.began = performance.now(); }, true);
      const find = root => { for (const each of root.querySelectorAll("*")) {
          if (each.matches(".comparison")) return each;
          const inside = each.shadowRoot && find(each.shadowRoot); if (inside) return inside; } };
      const look = () => { if (window.began && find(document)) { window.took.push(performance.now() - window.began);
          window.began = 0; } requestAnimationFrame(look); };
      look(); }"""
    with Person(browser, dashboard.url) as person:
        person.page.evaluate(watch)
        for _ in range(5):
            person.ask(QUESTION["en-GB"])
            person.stage("open")
            person.page.keyboard.press("1")
            person.heading.wait_for()
            person.page.wait_for_function("window.began === 0")
            person.page.locator('[data-code="next"]').click()
        took = person.page.evaluate("window.took")
    assert len(took) == 5
    assert min(took) < 300, took


def test_the_first_page_is_there_within_three_seconds(browser: Browser, dashboard: RunningDashboard) -> None:
    took = []
    for _ in range(5):
        with Person(browser, dashboard.url) as person:
            took.append(person.page.evaluate("performance.now()"))
    assert min(took) < 3_000, took


def test_language_and_theme_change_without_losing_the_answers(browser: Browser, dashboard: RunningDashboard) -> None:
    with Person(browser, dashboard.url) as person:
        expect(person.page.locator("html")).to_have_attribute("lang", "en")
        person.ask(QUESTION["en-GB"])
        person.stage("open")
        battle, text = dashboard.last_battle()["id"], person.answer("a").locator(".text").inner_text()
        person.page.get_by_text("繁體中文").click()
        person.sees("回答 A")
        expect(person.page.locator("html")).to_have_attribute("lang", "zh-Hant")
        expect(person.answer("a").locator(".text")).to_have_text(text, use_inner_text=True)
        person.page.keyboard.press("1")
        expect(person.heading).to_contain_text("模型判斷與使用者")
        assert dashboard.rows(f"SELECT choice FROM votes WHERE battle_id = '{battle}'") == [("a",)]

        colour = "getComputedStyle(document.body).backgroundColor"
        light = person.page.evaluate(colour)
        person.page.locator("button.theme").click()
        assert person.page.evaluate(colour) != light
        dark = person.page.evaluate(colour)
        person.page.reload()
        person.field.wait_for()
        assert person.page.evaluate(colour) == dark
        person.sees("問一個問題")
        assert person.faults == []


@pytest.mark.slow
def test_the_pseudonym_stays_after_a_reload_and_is_not_the_cookie(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    sessions = set()
    with Person(browser, dashboard.url) as person:
        for _ in range(2):
            person.ask(QUESTION["en-GB"])
            person.stage("open")
            sessions.add(dashboard.last_battle()["session"])
            person.page.reload()
            person.field.wait_for()
        cookies = {each["name"]: each["value"] for each in person.context.cookies()}
    assert len(sessions) == 1
    assert re.fullmatch("[0-9a-f]{16}", cookies["person"])
    assert cookies["person"] not in sessions


def test_sides_are_shuffled(browser: Browser, dashboard: RunningDashboard) -> None:
    left = {row[0] for row in dashboard.rows("SELECT style_a FROM battles")}
    assert left == {"brief", "thorough"}


def test_without_a_judge_the_page_says_how_to_make_one_and_takes_votes(browser: Browser, tmp_path: Path) -> None:
    with RunningDashboard({}, tmp_path) as running, Person(browser, running.url) as person:
        person.sees("python -m stacker.run params.yaml")
        person.ask(QUESTION["en-GB"])
        person.stage("open")
        person.sees("Recorded answers take no further question.")
        expect(person.page.locator("textarea[name=further]")).to_be_hidden()
        expect(person.page.get_by_role("button", name="Write both anew")).to_be_hidden()
        person.page.keyboard.press("1")
        expect(person.heading).to_contain_text("No judge was there")
        assert running.rows("SELECT p_a, judge FROM battles") == [(None, "")]
        assert running.rows("SELECT choice FROM votes") == [("a",)]
        assert person.faults == []


def test_the_other_pages_open_from_the_menu(browser: Browser, dashboard: RunningDashboard) -> None:
    with Person(browser, dashboard.url) as person:
        for name in ("file", "history", "model", "ask"):
            person.page.locator(f'nav a[href="#{name}"]').click()
            expect(person.page.locator(f'nav a[href="#{name}"]')).to_have_attribute("aria-current", "page")
        assert person.page.get_by_text("could not be opened").count() == 0
        expect(person.field).to_be_visible()
        assert person.faults == []

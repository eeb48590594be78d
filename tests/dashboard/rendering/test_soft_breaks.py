"""Scripts without spaces get places to end a line, so that no browser stands still; else they stay as they are."""

import random
import re

import pytest
from playwright.sync_api import Browser

from dashboard.rendering.markdown import drawn
from dashboard.rendering.rendered import FURTHEST, source_html, with_soft_breaks

RANGES = {"Thai": (0xE01, 0xE2E), "Lao": (0xE94, 0xEA2), "Burmese": (0x1000, 0x1020), "Khmer": (0x1780, 0x17A2)}


def run(script: str, length: int = 60_000) -> str:
    first, last = RANGES[script]
    return "".join(map(chr, random.Random(0).choices(range(first, last + 1), k=length)))


def longest(html: str) -> int:
    return max(map(len, re.split(r"\s+", re.sub("<[^>]*>", "", re.sub("<wbr>", " ", html)))))


@pytest.mark.parametrize("script", RANGES)
@pytest.mark.parametrize("form", ["{}", "# {}", "- *{}*", "> `{}`", "|{}|b|\n|-|-|", "```\n{}\n```"])
def test_no_run_is_long(script: str, form: str) -> None:
    text = run(script, 9_000)
    html, _ = drawn(form.format(text))
    assert longest(html) <= FURTHEST + 50
    assert text in html.replace("<wbr>", "")


@pytest.mark.parametrize("every", ["*{}*", "{}1", "{}.", "{}a", "{}&amp;", "**{}**", "{}\u200b"])
def test_a_run_goes_on_across_other_signs_and_elements(every: str) -> None:
    text = "".join(every.format(run("Thai", 60)) for _ in range(100))
    for html in (drawn(text)[0], source_html(text)):
        assert longest(html) <= FURTHEST + 130
        assert "&<" not in html and "&a<" not in html


def test_texts_with_spaces_and_other_scripts_stay_as_they_are() -> None:
    for text in ("x" * 5_000, "中" * 5_000, f"{run('Thai', 400)} " * 9, "á " * 900):
        assert with_soft_breaks(text) == text
    assert "<wbr>" not in drawn(f"[a](http://b.test/{run('Thai', 900)})")[0]


def test_a_place_parts_no_letter_from_its_vowel() -> None:
    for syllable in ("เก", "กำ", "ស្ត", "ဗ္ဗ", "กี่"):
        html = with_soft_breaks(syllable * 2_000)
        assert html.count("<wbr>") >= 4
        assert set(re.findall("<wbr>(.)", html)) == {syllable[0]}


@pytest.mark.browser
@pytest.mark.parametrize("script", RANGES)
def test_a_browser_lays_them_out_in_time(browser: Browser, script: str) -> None:
    page = browser.new_page()
    page.set_content('<div id="x" style="width: 420px; overflow-wrap: anywhere"></div>')
    took = page.evaluate(
        """html => { const place = document.getElementById("x"), began = performance.now();
           place.innerHTML = html; place.offsetHeight; return performance.now() - began; }""",
        drawn(run(script))[0],
    )
    page.close()
    assert took < 3_000

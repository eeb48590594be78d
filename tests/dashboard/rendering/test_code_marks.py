import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rendering.markdown import LONGEST_MARKED, drawn, highlighted
from dashboard.rendering.sanitiser import CODE_CLASSES

PYTHON = 'def f(x):\n    """Say <it>."""\n    return x + 1  # & more\n'


def plain(marked: str) -> str:
    return html.unescape(re.sub(r"</?span[^>]*>", "", marked))


def test_keywords_texts_comments_numbers_and_names_are_marked() -> None:
    marked = highlighted(PYTHON, "python")
    assert '<span class="hl-k">def</span>' in marked
    assert '<span class="hl-f">f</span>' in marked
    assert '<span class="hl-m">1</span>' in marked
    assert '<span class="hl-c"># &amp; more</span>' in marked
    assert "Say &lt;it&gt;" in marked
    assert plain(marked) == PYTHON


@pytest.mark.parametrize("language", ["", "no-such-language", "x" * 41, 'python"><img>', "\x00"])
def test_unknown_languages_stay_plain(language: str) -> None:
    assert highlighted(PYTHON, language) == html.escape(PYTHON)


def test_long_code_stays_plain() -> None:
    assert "<" not in highlighted("x = 1\n" * (LONGEST_MARKED // 6 + 1), "python")
    assert "<" in highlighted("x = 1\n" * 10, "python")


@given(
    st.text(st.characters(codec="ascii", exclude_characters="\r"), max_size=200),
    st.sampled_from(["python", "c", "html"]),
)
def test_nothing_of_the_code_is_lost_and_nothing_of_it_becomes_markup(code: str, language: str) -> None:
    marked = highlighted(code, language)
    assert plain(marked) == code
    assert set(re.findall(r"<[^>]*>", marked)) <= {"</span>", *(f'<span class="{name}">' for name in CODE_CLASSES)}


def test_the_page_shows_the_marks_and_only_known_classes() -> None:
    shown, _ = drawn(f"```python\n{PYTHON}```")
    assert '<span class="hl-k">def</span>' in shown
    assert set(re.findall(r'class="([^"]*)"', shown)) <= set(CODE_CLASSES)

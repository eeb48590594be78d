"""Odd texts of every kind are drawn within bounds, and nothing of them is missing.

Always a short version; `python -m pytest -m fuzz tests/fuzz/test_rendering.py` takes some ten minutes.
"""

import itertools
import random
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from latex2mathml import commands
from latex2mathml.symbols_parser import SYMBOLS
from pygments.lexers import get_all_lexers
from visible_text import missing

from dashboard.rendering.drawings import AGAIN_SECONDS, SECONDS, Drawings
from dashboard.rendering.maths import mathml
from dashboard.rendering.rendered import LONGEST_SHOWN
from dashboard.rendering.rendering_worker import PATIENCE

FENCE = "`" * 3
LEXERS = sorted({name for _, names, _, _ in get_all_lexers() for name in names[:1]})
BODIES = ("((", "x", "\n" * 20_000 + "x", "\t" * 4_000 + "x", '"' * 5_000, "/*" * 5_000, "<a " * 5_000, "[{(" * 3_000)
"""What makes the time of some lexers grow with the square of the length, or never end."""
NESTED = {
    "quotes": ("> ", "x", ""),
    "quotes and lists": ("> - ", "x", ""),
    "numbered lists": ("1. ", "x", ""),
    "brackets": ("[", "x", "]"),
    "links": ("[", "x", "](http://a.test)"),
    "pictures": ("![", "x", "](http://a.test)"),
    "emphasis": ("*x ", "y", "*"),
    "strong and slanted": ("**x _y ", "z", "_**"),
    "struck": ("~~x ", "y", "~~"),
    "code": ("`x ", "y", "`"),
    "tags": ("<b>", "x", "</b>"),
    "formulas": ("${", "x", "}$"),
    "fractions": ("$\\frac{", "x", "}{y}$"),
    "braces": ("{", "x", "}"),
}
COMMANDS = sorted(
    {
        name
        for value in vars(commands).values()
        for name in ([value] if isinstance(value, str) else value if isinstance(value, tuple | dict) else ())
        if isinstance(name, str) and name.startswith("\\")
    }
)
FORMS = ("{}", "{}{{a}}", "{}{{a}}{{b}}", "{} x", "a_{}^b", "{}[c]{{d}}", "\\left{} x \\right)", "{}{{", "}}{}", "{}{}")


@pytest.fixture(scope="module")
def shared() -> Iterator[Drawings]:
    drawings = Drawings(2)
    yield drawings
    drawings.close()


def draw_all(drawings: Drawings, texts: Iterable[str], most_at_once: int = 8) -> Counter[str]:
    """Draw texts within the bounds with nothing missing; return how many are shown as written: not, in parts, all."""
    kinds: Counter[str] = Counter()
    waiting = iter(texts)
    while some := list(itertools.islice(waiting, most_at_once)):
        drawing = [drawings.submit([text], f"person {number}") for number, text in enumerate(some)]
        for text, found in zip(some, drawing, strict=True):
            shown = found.result(PATIENCE * (SECONDS + AGAIN_SECONDS) * most_at_once)
            assert missing(text[:LONGEST_SHOWN], shown.html) == [], text[:200]
            kinds[shown.as_written] += 1
    return kinds


def nested(depth: int) -> list[str]:
    whole = [before * depth + inside + behind * depth for before, inside, behind in NESTED.values()]
    return [*whole, "".join(f"{'  ' * level}- x{'y' * level}\n" for level in range(min(depth, 100)))]


def test_code_of_any_language_is_shown(shared: Drawings) -> None:
    names = [*random.Random(0).sample(LEXERS, 40), "c", "java", "systemd"]
    draw_all(shared, [f"{FENCE}{name}\nif (x) {{ return 'y' }} # z\n" for name in names])
    assert draw_all(shared, [f"{FENCE}{name}\n((" for name in ("tnt", *names[:10])])["all"] == 0


def test_nesting_of_any_kind_is_drawn_or_shown_as_it_was_written(shared: Drawings) -> None:
    for depth in (3, 10, 30, 300):
        draw_all(shared, nested(depth))


def test_runs_of_any_sign_are_shown(shared: Drawings) -> None:
    signs = [*string.printable, *"我。“😀\u0301\u200b\u202e\u3000\ufeff\ud800"]
    assert draw_all(shared, [sign * 1_000 for sign in signs])["all"] == 0


@pytest.mark.parametrize("display", [True, False])
def test_any_command_of_a_formula_is_drawn_or_shown(display: bool) -> None:
    for command, form in itertools.product(COMMANDS, FORMS):
        assert mathml(form.format(*[command] * form.count("{}")), display).startswith(("<math ", "<code>"))


FORMULA = st.lists(
    st.sampled_from(
        [*COMMANDS, *"{}[]^_&'|%$#~ \n", "{", "}", "x", "1", "em", "\\\\", "\\\\[2pt]", "matrix", "\\begin{array}"]
    ),
    max_size=12,
).map("".join)


@given(FORMULA, st.booleans())
@settings(max_examples=300, deadline=None)
@example(r"\left", False)
@example(r"\genfrac", True)
@example(r"\skew{1}{\hat", False)
@example("{" * 900, False)
def test_any_mix_of_commands_is_drawn_or_shown(source: str, display: bool) -> None:
    assert mathml(source, display).startswith(("<math ", "<code>"))


MARKDOWN = st.lists(
    st.one_of(
        st.sampled_from([part for parts in NESTED.values() for part in parts if part]),
        st.sampled_from(
            ["\n", "\n\n", "    ", "\t", f"\n{FENCE}", f"\n{FENCE}python\n", "|", "\n|-|-|\n", "# ", "---", "\\"]
        ),
        st.sampled_from(
            ["&amp;", "&#8203;", "<!--", "-->", "$$", "\\(", "\\)", "[x]: ", "http://a.test/b?c=d", "'title'"]
        ),
        st.text(max_size=6),
    ),
    max_size=40,
).map("".join)


@given(text=MARKDOWN)
@settings(max_examples=300, deadline=None)
def test_any_mix_of_marks_is_drawn_or_shown(shared: Drawings, text: str) -> None:
    draw_all(shared, [text])


@pytest.mark.fuzz
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_code_of_every_language_and_of_every_bad_kind_is_shown(shared: Drawings, body: str) -> None:
    kinds = draw_all(shared, [f"*x*\n\n{FENCE}{name}\n{body}" for name in LEXERS])
    assert kinds["all"] == 0  # without colours each of them can be drawn


@pytest.mark.fuzz
def test_long_runs_of_every_sign_and_every_two_signs_are_shown(shared: Drawings) -> None:
    marks = "`*_[](){}<>|#-+.!~$\\&\"':= \n\ta1"
    draw_all(shared, [sign * LONGEST_SHOWN for sign in string.printable])
    draw_all(shared, [(a + b) * 5_000 for a, b in itertools.permutations(marks, 2)])


@pytest.mark.fuzz
def test_deep_nesting_of_every_kind_is_shown(shared: Drawings) -> None:
    for depth in (1_000, 5_000, 20_000):
        draw_all(shared, nested(depth))


@pytest.mark.fuzz
def test_every_command_and_symbol_of_a_formula_in_every_form_is_drawn_or_shown() -> None:
    every = sorted({*COMMANDS, *(name for name in SYMBOLS if name.startswith("\\"))})
    pairs = itertools.chain(itertools.product(every, every[:1]), itertools.product(COMMANDS, COMMANDS))
    for one, other in pairs:
        for source in (f"{one}{other}", f"{one}{{{other}}}", f"x_{one}^{other}"):
            assert mathml(source, False).startswith(("<math ", "<code>"))


@pytest.mark.fuzz
@given(data=st.data())
@settings(max_examples=30_000, deadline=None)
def test_many_mixes_are_drawn_or_shown(shared: Drawings, data: Any) -> None:
    draw_all(shared, [data.draw(MARKDOWN)])
    assert mathml(data.draw(FORMULA), data.draw(st.booleans())).startswith(("<math ", "<code>"))

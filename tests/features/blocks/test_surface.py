import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.blocks.surface import Surface
from features.text import PIECE, SCRIPTS


def of(text: str) -> dict[str, float]:
    block = Surface()
    return dict(zip(block.columns, block.compute([text])[0].tolist(), strict=True))


def test_a_text_counted_by_hand():
    value = of("Hello WORLD, it's 2024!\n\nSee https://a.b (yes)?")
    expected = {
        "characters": 47,
        "words": 9,  # Hello WORLD its 2024 See https a b yes
        "sentences": 2,
        "lines": 3,
        "blank lines": 1,
        "words per sentence": 4.5,
        "words per line": 3,
        "average word length": 30 / 9,
        "unique-word share": 1,
        "all-capitals words": 1,
        "question marks": 1,
        "exclamation marks": 1,
        "full stops": 1,
        "commas": 1,
        "colons": 1,
        "brackets": 1,
        "numbers": 1,
        "URLs": 1,
        "digit share": 4 / 47,
        "white-space share": 7 / 47,
        "non-ASCII share": 0,
        "Latin share": 1,
        "Han share": 0,
    }
    assert {name: value[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert value["log words"] == pytest.approx(math.log(10), abs=1e-6)
    letters = 5 + 5 + 3 + 3 + 5 + 1 + 1 + 3
    assert value["capital share"] == pytest.approx((1 + 5 + 1) / letters, abs=1e-6)


def test_full_width_signs_count_like_their_ascii_ones():
    value = of("你好，世界！真的吗？（是：对；）。")
    assert {
        name: value[name] for name in ("commas", "exclamation marks", "question marks", "full stops", "colons")
    } == {"commas": 1, "exclamation marks": 1, "question marks": 1, "full stops": 1, "colons": 2}
    assert (value["words"], value["sentences"], value["Han share"], value["brackets"]) == (9, 3, 1, 1)


def test_maths():
    value = of(r"\(x = \frac{1}{2}\) and $$y \leq 3$$ and \begin{align}")
    assert (value["maths delimiters"], value["LaTeX commands"], value["maths signs"]) == (4, 3, 1)


def test_an_empty_text_is_all_zero():
    assert not Surface().compute([""]).any()


@given(st.text(st.characters(codec=None), max_size=200))
@settings(max_examples=100)
def test_shares_are_shares_and_counts_agree(text):
    value = of(text)
    for name in Surface.columns:
        if name.endswith("share"):
            assert 0 <= value[name] <= 1
    if any(value[f"{script} share"] for script in SCRIPTS):
        assert sum(value[f"{script} share"] for script in SCRIPTS) == pytest.approx(1, abs=1e-5)
    assert value["characters"] == len(text)
    assert value["lines"] == (text.count("\n") + 1 if text else 0)


@given(st.lists(st.text(st.characters(codec=None), max_size=80), max_size=5))
def test_a_text_twice_over_has_twice_the_counts(texts):
    """Sums over characters do not depend on the order of the texts, and double with the text."""
    block = Surface()
    signs = [place for place, name in enumerate(block.columns) if name in ("question marks", "commas", "brackets")]
    rows = block.compute(texts)[:, signs]
    np.testing.assert_array_equal(block.compute([text + text for text in texts])[:, signs], 2 * rows)


def test_the_distinct_words_of_a_very_long_text_are_counted_over_all_its_pieces():
    text = " ".join(f"word{i % 5000}" for i in range(20_000))
    assert len(text) > 4 * PIECE
    value = of(text)
    assert value["words"] == 20_000
    assert value["unique-word share"] == pytest.approx(5000 / 20_000)

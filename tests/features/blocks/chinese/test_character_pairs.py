"""Chinese characters that stand together as words have them, and those in no order: what tells one from the other."""

from random import Random

import pytest

from features.blocks.chinese.character_pairs import TYPICAL, known_pairs

TEXT = "我們可以利用時間學習新的知識，也可以和朋友一起討論問題。這樣的經驗非常重要，因為它能幫助我們了解社會。"


def test_characters_in_no_order_hardly_stand_as_words_have_them():
    shuffled = list(TEXT)
    Random(1).shuffle(shuffled)
    (share, order), (mixed, disorder) = known_pairs(TEXT), known_pairs("".join(shuffled))
    assert share > 0.3 > 0.15 > mixed
    assert order > -0.5 and disorder < -1.5


def test_traditional_and_simplified_characters_tell_the_same():
    simple = "我们可以利用时间学习新的知识，也可以和朋友一起讨论问题。这样的经验非常重要，因为它能帮助我们了解社会。"
    assert known_pairs(TEXT) == known_pairs(simple)


def test_pairs_are_counted_within_runs_of_characters():
    """By hand: nine neighbours, five of which are a word; what a mark parts is no pair."""
    share, order = known_pairs("可以可以可以可以可以")
    assert share == pytest.approx(5 / 9)
    assert order == pytest.approx(9 * (5 / 9 - TYPICAL) / 21**0.5)
    assert known_pairs("可，以，可，以，可，以，可，以，可，以") == (TYPICAL, 0)


@pytest.mark.parametrize("text", ["", "Plain English.", "可以", "\ud800", "かな" * 20])
def test_texts_with_hardly_any_pair_count_as_any_other(text):
    assert known_pairs(text)[0] == TYPICAL


def test_a_few_characters_in_no_order_tell_less_than_many_and_many_no_less_than_more():
    shuffled = list(TEXT)
    Random(1).shuffle(shuffled)
    text = "".join(sign for sign in shuffled if sign.isalpha())
    few, many, more = (known_pairs(some)[1] for some in (text[:9], text, "。".join([text] * 9)))
    assert many < few < 0 and more > 1.8 * many

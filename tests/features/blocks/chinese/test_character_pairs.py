"""Chinese characters that stand together as words have them, and those in no order: what tells one from the other."""

from random import Random

import pytest

from features.blocks.chinese.character_pairs import TYPICAL, share_of_known_pairs

TEXT = "我們可以利用時間學習新的知識，也可以和朋友一起討論問題。這樣的經驗非常重要，因為它能幫助我們了解社會。"


def test_characters_in_no_order_hardly_stand_as_words_have_them():
    shuffled = list(TEXT)
    Random(1).shuffle(shuffled)
    assert share_of_known_pairs(TEXT) > 0.3 > 0.15 > share_of_known_pairs("".join(shuffled))


def test_traditional_and_simplified_characters_tell_the_same():
    simple = "我们可以利用时间学习新的知识，也可以和朋友一起讨论问题。这样的经验非常重要，因为它能帮助我们了解社会。"
    assert share_of_known_pairs(TEXT) == share_of_known_pairs(simple)


def test_pairs_are_counted_within_runs_of_characters():
    """By hand: nine neighbours, five of which are a word; what a mark parts is no pair."""
    assert share_of_known_pairs("可以可以可以可以可以") == pytest.approx(5 / 9)
    assert share_of_known_pairs("可，以，可，以，可，以，可，以，可，以") == TYPICAL


@pytest.mark.parametrize("text", ["", "Plain English.", "可以", "\ud800", "かな" * 20])
def test_texts_with_hardly_any_pair_count_as_any_other(text):
    assert share_of_known_pairs(text) == TYPICAL

"""Chinese texts: tone and readability by hand, Traditional as Simplified, nothing for other languages, linear time."""

import time

import numpy as np
import pytest

from features.blocks.chinese.chinese import Chinese, is_chinese
from features.blocks.chinese.variants import simplified
from features.blocks.comparison import Agreement, Overlap

BLOCK = Chinese()


def of(text):
    return dict(zip(BLOCK.columns, BLOCK.compute([text])[0].tolist(), strict=True))


def test_characters_are_folded_one_by_one_and_nothing_else_changes():
    assert simplified("請推薦臺灣的電腦軟體") == "请推荐台湾的电脑软体"
    for text in ("Plain words, naïve ones too", "Привет", "请推荐", "\ud800 lone", "カタカナ", ""):
        assert simplified(text) == text


def test_tone_is_the_mean_rating_of_the_words_and_a_negation_turns_it():
    found = of("這家店很有趣。")  # one rated word (2.8) of six characters
    assert found["mean tone"] == pytest.approx(2.8)
    assert found["positive words"] == pytest.approx(1 / 6) and found["negative words"] == 0
    assert of("這家店不有趣。")["mean tone"] == pytest.approx(-2.8)
    assert of("這家店失敗。")["negative words"] == pytest.approx(1 / 5)
    assert np.isnan(of("這是一個。")["mean tone"])


def test_readability_counts_characters_by_clause_and_rare_ones():
    plain, rare = of("我們今天去市場，然後回家。"), of("饕餮魑魅，齟齬齷齪。")
    assert plain["characters per clause"] == 10 / 2 + 1 / 2 and rare["characters per clause"] == 4
    assert plain["characters beyond the commonest"] == 0 and rare["characters beyond the commonest"] == 1
    assert rare["rank of characters"] > plain["rank of characters"]


def test_traditional_and_simplified_have_the_same_numbers():
    traditional = "這個問題很簡單，不過結果讓人遺憾，請仔細檢查電腦。"
    np.testing.assert_array_equal(BLOCK.compute([traditional]), BLOCK.compute([simplified(traditional)]))


def test_other_languages_have_none():
    for text in ("", "Good news.", "これはとても良い店です。", "좋은 가게", "12, 13", "The word 好吃 means tasty."):
        assert not is_chinese(text)
        assert np.isnan(BLOCK.compute([text])).all()


def test_what_texts_share_does_not_depend_on_the_variant_of_their_characters():
    asked, said = "請推薦台灣的電腦軟體", "台灣的電腦軟體有很多種，以下推薦三種。"
    blocks = Overlap(), Agreement()
    for block in blocks:
        expected = block.compute([simplified(asked)], [simplified(said)])
        found = block.compute([asked], [simplified(said)])
        same = [column not in ("common opening", "common ending") for column in block.columns]
        np.testing.assert_array_equal(found[:, same], expected[:, same])
    question = "請推薦台灣的電腦軟體，並且說明每一個的優點和缺點。"
    contains = Overlap.columns.index("contains the prompt")
    assert Overlap().compute([question], [simplified(f"{question}好的。")])[0, contains] == 1


def test_a_long_text_takes_no_longer_than_its_head():
    begun = time.process_time()
    BLOCK.compute(["不" * 300_000, "研究生命起源" * 50_000, "，" * 200_000 + "好", "強姦" * 100_000])
    assert time.process_time() - begun < 4

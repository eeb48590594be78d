import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.blocks.comparison import Agreement, Overlap

TEXT = st.one_of(
    st.lists(st.sampled_from("the red fox jumps over a lazy dog 我 爱 你".split()), max_size=12).map(" ".join),
    st.text(st.characters(codec=None), max_size=60),
)


def prompted(prompt: str, answer: str) -> dict[str, float]:
    block = Overlap()
    return dict(zip(block.columns, block.compute([prompt], [answer])[0].tolist(), strict=True))


def agreed(one: str, other: str) -> dict[str, float]:
    block = Agreement()
    return dict(zip(block.columns, block.compute([one], [other])[0].tolist(), strict=True))


def test_an_answer_and_its_prompt_by_hand():
    # Content words of the prompt: name, three, red, fruits. Of the answer: red, fruits, include, apples, cherries.
    value = prompted("Name three red fruits", "Red fruits include apples. And cherries!")
    assert value == pytest.approx(
        {
            "shared content words": 2,
            "prompt coverage": 2 / 4,
            "answer words from the prompt": 2 / 5,
            "Jaccard of words": 2 / 8,
            "copied bigrams": 1 / 5,
            "prompt bigrams kept": 1 / 3,
            "first sentence on the prompt": 2 / 4,
            "same script": 1,
            "log length ratio": math.log(7) - math.log(5),
            "contains the prompt": 0,
        },
        abs=1e-6,
    )


def test_an_answer_that_repeats_the_prompt_and_one_in_another_script():
    question = "What is the capital of France?"
    assert prompted(question, f"{question} Paris.")["contains the prompt"] == 1
    assert prompted(question, "巴黎。")["same script"] == 0


def test_two_answers_by_hand():
    value = agreed("a red fox", "a red dog ran")
    assert value == pytest.approx(
        {
            "identical": 0,
            "Jaccard of words": 2 / 5,
            "Jaccard of bigrams": 1 / 4,
            "common opening": 6 / 9,
            "common ending": 0,
            "same script": 1,
            "shorter by longer": 9 / 13,
        },
        abs=1e-6,
    )


@given(TEXT, TEXT)
@settings(max_examples=100, deadline=None)
def test_agreement_is_symmetric_and_full_with_itself(one, other):
    assert Agreement().compute([one], [other]).tobytes() == Agreement().compute([other], [one]).tobytes()
    itself = agreed(one, one)
    assert itself["identical"] == 1
    if one:
        assert itself["common opening"] == itself["common ending"] == itself["shorter by longer"] == 1


@given(TEXT, TEXT)
@settings(max_examples=100, deadline=None)
def test_shares_are_shares(prompt, answer):
    for value in (prompted(prompt, answer), agreed(prompt, answer)):
        for name, number in value.items():
            assert math.isfinite(number)
            if name not in ("shared content words", "log length ratio"):
                assert 0 <= number <= 1


@given(st.text("ab", max_size=40), st.text("ab", max_size=40))
def test_the_common_opening_is_counted_character_by_character(one, other):
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    assert agreed(one, other)["common opening"] == pytest.approx(same / max(1, min(len(one), len(other))), abs=1e-6)


def test_empty_texts():
    assert np.isfinite(Overlap().compute(["", "x"], ["", ""])).all()
    assert agreed("", "")["identical"] == 1

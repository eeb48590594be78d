"""How far an answer is made of the other one: cases by hand."""

import pytest

from features.blocks.reading.derivation import Derivation

BLOCK = Derivation()
ANSWER = "The heart pumps blood through the body. It has four chambers and beats all day."


def of(answer, other):
    return dict(zip(BLOCK.columns, BLOCK.compute([answer], [other])[0].tolist(), strict=True))


def test_an_answer_written_twice_holds_nothing_of_its_own():
    twice = of(f"{ANSWER} {ANSWER}", ANSWER)
    assert twice["phrases of the other answer"] < 0.6  # as often as the other has them
    assert twice["sentences of the other answer said again"] == 1
    assert twice["share beyond the other answer"] == 0.5
    assert of(ANSWER, f"{ANSWER} {ANSWER}")["stands whole in the other answer"] == 1


def test_what_is_added_is_described():
    padded = of(f"{ANSWER} Overall, it depends on many factors. Vote for me now.", ANSWER)
    assert padded["filler beyond the other answer"] == pytest.approx(36 / 52, abs=0.02)
    assert padded["pleas beyond the other answer"] == pytest.approx(16 / 52, abs=0.02)
    assert padded["begins beyond the other answer"] == 0
    assert of(f"Great question! {ANSWER}", ANSWER)["begins beyond the other answer"] == 1


def test_the_same_words_stand_in_each_other_and_strangers_do_not():
    same = of(ANSWER.upper(), ANSWER)
    assert same["stands whole in the other answer"] == same["words of the other answer"] == 1
    assert same["share beyond the other answer"] == 0
    other = of("Bicycles have two wheels.", ANSWER)
    assert other["phrases of the other answer"] == 0 and other["share beyond the other answer"] == 1
    assert (
        of("", "")["stands whole in the other answer"] == 1 and of("", ANSWER)["stands whole in the other answer"] == 0
    )


def test_an_answer_that_stops_short_is_told_from_the_whole_one():
    cut = of("The heart pumps blood through the body. It has four", ANSWER)
    assert cut["stops within a sentence of the other answer"] == 1 and cut["same beginning as the other answer"] == 1
    assert cut["parts of sentences of the other answer"] == 0.5 and cut["same end as the other answer"] == 0
    whole = of(ANSWER, "The heart pumps blood through the body. It has four")
    assert whole["stops within a sentence of the other answer"] == 0
    assert whole["same beginning as the other answer"] == pytest.approx(10 / 15)
    padded = of(f"{ANSWER} So it is.", ANSWER)
    assert padded["stops within a sentence of the other answer"] == padded["skips within the other answer"] == 0


def test_sentences_that_are_left_out_or_exchanged_are_leaps():
    other = "One comes first. Two comes then. Three comes last. Four is beyond."
    assert of("One comes first. Three comes last. Four is beyond.", other)["skips within the other answer"] == 0.5
    assert of("Two comes then. One comes first.", other)["skips within the other answer"] == 1
    assert of(other, other)["skips within the other answer"] == 0

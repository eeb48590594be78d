"""Nearness in meaning: what answers a question is nearer to it than what answers another, in English and Chinese."""

import numpy as np
import pytest

from features.blocks.reading.relevance import Relevance
from features.blocks.reading.sentence_vectors import CHARACTERS, MOST, sentence_vectors

BLOCK = Relevance()
PAIRS = [
    ("How do I boil an egg?", "Put it into boiling water for eight minutes.", "Paris is the capital of France."),
    ("請推薦三個台南的早餐", "台南早餐可以吃牛肉湯、碗粿和虱目魚粥。", "捷安特和美利達是有名的自行車品牌。"),
]


def of(prompt, answer, other):
    return dict(zip(BLOCK.columns, BLOCK.compute([prompt], [answer], [other])[0].tolist(), strict=True))


@pytest.mark.parametrize(("prompt", "right", "wrong"), PAIRS)
def test_an_answer_is_nearer_to_its_own_prompt(prompt, right, wrong):
    own, other = of(prompt, right, wrong), of(prompt, wrong, right)
    for column in BLOCK.columns[:8]:
        assert own[column] > other[column], column
    assert own["other questions that it is nearer to"] < other["other questions that it is nearer to"]
    assert own["nearness to the other answer"] == other["nearness to the other answer"]


def test_vectors_are_of_unit_length_bounded_in_number_and_of_the_text_alone():
    long = "One sentence is here. " * 5_000
    found = sentence_vectors(long)
    assert len(found.rows) <= MOST and found.weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.linalg.norm(found.rows, axis=1), 1, atol=1e-5)
    assert len(long) > CHARACTERS
    alone = sentence_vectors(PAIRS[0][1]).rows.tobytes()
    sentence_vectors.cache_clear()
    sentence_vectors(long)
    assert sentence_vectors(PAIRS[0][1]).rows.tobytes() == alone


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00" * 50, "?" * 5_000, "a" * 100_000])
def test_odd_texts_have_numbers_too(text):
    assert np.isfinite(BLOCK.compute([text], [text], [text])).all()

"""Whether sentences belong together: glued answers, padding and other orders are seen, row by row."""

import numpy as np
import pytest

from features.blocks.reading.coherence import Coherence

BLOCK = Coherence()
ASKED = "How does the human heart work, and why does it beat faster when we run?"
HEART = (
    "The heart is a muscle that pumps blood through the body. It has four chambers and four valves. "
    "When we run, muscles need more oxygen, so the heart beats faster. Its rhythm comes from the sinus node."
)
BREAD = (
    "Mix flour with water, salt and yeast. Knead the dough for ten minutes. Let it rise in a warm place for an hour. "
    "Bake the loaf until the crust is brown."
)
FILLER = "There are many aspects to consider. Everything depends on the circumstances."


def columns(answer, other=HEART, prompt=ASKED):
    return dict(zip(BLOCK.columns, BLOCK.compute([prompt], [answer], [other])[0].tolist(), strict=True))


def test_an_answer_to_another_prompt_is_off_the_topic():
    assert columns(BREAD)["sentences off the topic"] > columns(HEART)["sentences off the topic"]
    assert columns(BREAD)["later sentences and the prompt"] < columns(HEART)["later sentences and the prompt"]


def test_two_answers_glued_together_have_parts_that_are_not_alike():
    glued = f"{HEART} {BREAD}"
    assert columns(glued)["least alike parts"] < columns(HEART)["least alike parts"]
    first = HEART.partition(". ")[0] + ". " + BREAD
    assert columns(first)["later sentences below the first"] > columns(HEART)["later sentences below the first"]


def test_what_is_added_is_seen_by_itself():
    padded = columns(f"{HEART} {FILLER}")
    more = columns(f"{HEART} The heart of an adult beats about 100,000 times a day.")
    assert 0 < padded["added sentences"] < 1
    assert padded["added sentences and the prompt"] < more["added sentences and the prompt"]
    assert padded["added sentences and the other answer"] < more["added sentences and the other answer"]
    assert columns(HEART)["added sentences"] == 0 and np.isnan(columns(HEART)["added sentences and the prompt"])


@pytest.mark.parametrize("text", ["", "...", "One sentence.", "One. Two.", "\ud800"])
def test_short_and_odd_texts_have_no_infinite_numbers(text):
    found = BLOCK.compute([ASKED, text], [text, HEART], [HEART, text])
    assert not np.isinf(found).any()


def test_rows_do_not_depend_on_each_other():
    alone = BLOCK.compute([ASKED], [HEART], [BREAD])
    together = BLOCK.compute([ASKED, HEART], [HEART, BREAD], [BREAD, ""])
    np.testing.assert_array_equal(alone[0], together[0])

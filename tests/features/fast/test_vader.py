import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

from features.fast.vader import Vader, _rounded, vader

LIBRARY = SentimentIntensityAnalyzer()
# What the rules ask about: every booster, negation and idiom, and lexicon words of many kinds.
LEXICON = sorted(LIBRARY.lexicon)[::60]
SPECIAL = [*BOOSTER_DICT, *NEGATE, *SPECIAL_CASES, "but", "BUT", "least", "at least", "very least", "no", "NO", "nor"]
COMMON = "good bad GREAT terrible love hate kind of so this never without doubt or the is not isn't a it".split()
EMOJI = ["😀", "💔", "👍🏽", "❤️", "👩‍👩‍👧", "a😀b", "😀😀", ":)", ":-(", "<3", "x", "¯\\_(ツ)_/¯"]
SIGNS = ["!", "!!", "!!!!!", "?", "??", "????", ",", ".", "...", "(good)", '"bad"', "good!", "Good,", "-", "'", "_ok_"]
TOKEN = st.one_of(
    st.sampled_from(LEXICON),
    st.sampled_from(SPECIAL),
    st.sampled_from(COMMON),
    st.sampled_from(COMMON).map(str.upper),
    st.sampled_from(COMMON).map(str.title),
    st.sampled_from(EMOJI),
    st.sampled_from(SIGNS),
    st.text(st.characters(codec=None), min_size=1, max_size=5),
)
SENTENCE = st.builds(lambda tokens, space: space.join(tokens), st.lists(TOKEN, max_size=12), st.sampled_from(" \n\t"))


def score(scorer: Vader, sentence: str, remember: bool = True) -> tuple[float, ...]:
    return tuple(scorer.score_all([sentence], remember)[0].tolist())


def the_library(text: str) -> tuple[float, ...]:
    found = LIBRARY.polarity_scores(text)
    return found["neg"], found["neu"], found["pos"], found["compound"]


@given(SENTENCE)
@settings(max_examples=1500, deadline=None)
@example("")
@example("   ")
@example("The food is NOT very good, but the service was GREAT!!!")
@example("At least it isn't a horrible book.")
@example("without a doubt the best; never so this good")
@example("It was the bomb, the cut the mustard kind of day, bad ass!")
@example("no good or bad nor nice")
@example("the plot was good, but the characters are uncompelling and the dialog is not great.")
@example("I kind of like it, kind of.")
def test_scores_are_the_library_s_own(sentence: str):
    assert score(vader(), sentence) == the_library(sentence)


@pytest.mark.parametrize("remember", [True, False])
def test_what_is_remembered_changes_nothing(remember: bool):
    fresh = Vader()
    sentences = ["A GOOD day!", "a good day", f"a {'g' * 50} good day", "A GOOD day!"]
    for sentence in sentences:
        assert score(fresh, sentence, remember) == the_library(sentence)
    assert bool(fresh._known) == remember
    assert "g" * 50 not in fresh._known


def test_memory_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.fast.vader._KNOWN_WORDS", 10)
    fresh = Vader()
    for i in range(40):
        assert score(fresh, f"word{i} GOOD bad{i} not bad") == the_library(f"word{i} GOOD bad{i} not bad")
        assert len(fresh._known) <= 10


@given(st.lists(SENTENCE, min_size=1, max_size=12))
@settings(max_examples=150, deadline=None)
def test_many_sentences_at_once_have_the_scores_of_each(sentences: list[str]):
    assert [tuple(scores) for scores in vader().score_all(sentences).tolist()] == list(map(the_library, sentences))


def test_no_sentence_has_no_scores():
    assert vader().score_all([]).shape == (0, 4)


@given(st.lists(st.floats(-1, 1) | st.integers(-20_000, 20_000).map(lambda half: half / 20_000), max_size=30))
def test_rounding_is_that_of_python(values: list[float]):
    for digits in (3, 4):
        assert _rounded(np.array(values), digits).tolist() == [round(value, digits) for value in values]


def test_a_long_text_takes_time_in_proportion():
    """Whatever its length, a text is gone through once: no cost that grows with its square."""
    fresh = Vader()
    short, long = "good bad " * 2000, "good bad " * 64_000
    score(fresh, short)
    begun = time.process_time()
    score(fresh, long)
    assert time.process_time() - begun < 1.0

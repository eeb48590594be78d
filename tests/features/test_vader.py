from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

from features.vader import Vader, vader

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
    assert tuple(vader().score(sentence)) == the_library(sentence)


@pytest.mark.parametrize("remember", [True, False])
def test_what_is_remembered_changes_nothing(remember: bool):
    fresh = Vader()
    sentences = ["A GOOD day!", "a good day", f"a {'g' * 50} good day", "A GOOD day!"]
    for sentence in sentences:
        assert tuple(fresh.score(sentence, remember=remember)) == the_library(sentence)
    assert bool(fresh._words) == remember
    assert "g" * 50 not in fresh._words


def test_memory_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.vader._KNOWN_WORDS", 10)
    fresh = Vader()
    for i in range(40):
        assert tuple(fresh.score(f"word{i} GOOD bad{i} not bad")) == the_library(f"word{i} GOOD bad{i} not bad")
        assert len(fresh._words) <= 10


def test_a_long_text_takes_time_in_proportion(counted_calls: Callable[[object, str], list[int]]):
    """The valence of a word is worked out once a word, whatever the length: no cost that grows with its square."""
    fresh = Vader()
    calls = counted_calls(fresh, "_valence")
    fresh.score("good bad " * 2000)
    assert len(calls) == 4000

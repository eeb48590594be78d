import string

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pyphen import LANGUAGES, Pyphen

from features.fast.textstat_counts import easy_words
from features.fast.word_numbers import Syllables, patterns_of

SYLLABLES = Syllables()
PYPHEN = Pyphen(lang="en_US")
WORD = st.one_of(
    st.sampled_from(sorted(easy_words())),
    st.text(string.ascii_lowercase + "'éﬁñß_1", max_size=20),
    st.text(st.characters(codec=None, exclude_characters="."), max_size=8)
    .map(str.lower)
    .filter(lambda w: "." not in w),
)


def by_pyphen(word: str) -> int:
    return len(PYPHEN.positions(word)) + 1


@given(st.lists(WORD, max_size=12))
@settings(max_examples=300, deadline=None)
def test_words_have_as_many_syllables_as_pyphen_says(words):
    np.testing.assert_array_equal(SYLLABLES.of(words), [by_pyphen(word) for word in words])


def test_patterns_are_those_that_pyphen_reads():
    found = {}
    for letters, values in zip(*patterns_of(LANGUAGES["en_US"].read_text("utf-8")), strict=True):
        start = int(np.flatnonzero(values)[0])
        found["".join(map(chr, letters[letters > 0]))] = start, tuple(np.trim_zeros(values).tolist())
    assert found == PYPHEN.hd.patterns


def test_words_by_hand():
    words = ["hyphenation", "extraordinary", "cat", "", "a"]
    assert SYLLABLES.of(words).tolist() == [by_pyphen(word) for word in words] == [3, 5, 1, 1, 1]


def test_one_endless_word():
    word = "hyphenation" * 5000
    assert SYLLABLES.of(["cat", word, "table"]).tolist() == [1, by_pyphen(word), 2]


def test_no_words():
    assert len(SYLLABLES.of([])) == 0

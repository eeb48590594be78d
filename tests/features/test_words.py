import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text import (
    LONGEST_SENTENCE,
    SCRIPTS,
    blocks_of,
    dominant_script,
    pieces,
    script_counts,
    sentences,
    words,
)

ANY = st.text(st.characters(codec=None), max_size=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop, it's 3pm!", ["Dont", "stop", "its", "3pm"]),
        ("snake_case-and/or", ["snake", "case", "and", "or"]),
        ("我爱Python3。", ["我", "爱", "Python3"]),
        ("カタカナ語", ["カ", "タ", "カ", "ナ", "語"]),
        ("naïve façade", ["naïve", "façade"]),
        ("it’s", ["its"]),
        ("할 수 없습니다", ["할", "수", "없습니다"]),
        ("", []),
        (" ... ", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met Mrs. Jones, e.g. at Pi 3.14 st.", ["Dr. Smith met Mrs. Jones, e.g. at Pi 3.14 st."]),
        ("Really?! Yes...", ["Really?!", "Yes..."]),
        ("你好。再见！好吗？", ["你好。", "再见！", "好吗？"]),
        ("- first\n- second\n", ["- first", "- second"]),
        ('He said "go." Then left.', ['He said "go."', "Then left."]),
        ("1. Buy milk.", ["1. Buy milk."]),  # the number has no letter, so it belongs to what follows
        ("12. 34!", []),
        ("", []),
    ],
)
def test_sentences(text, expected):
    assert list(sentences(text)) == expected


@given(ANY)
def test_sentences_lose_only_white_space_and_what_has_no_letter_at_the_end(text):
    found = list(sentences(text))
    assert all(sentence == sentence.strip() and 0 < len(sentence) <= LONGEST_SENTENCE for sentence in found)
    joined = "".join("".join(found).split())
    assert "".join(text.split()).startswith(joined)


def test_a_text_without_a_stop_is_cut_into_bounded_sentences():
    found = list(sentences("word " * 1000))
    assert max(map(len, found)) <= LONGEST_SENTENCE
    assert sum(sentence.count("word") for sentence in found) == 1000


@given(ANY, st.integers(1, 40), st.sampled_from([None, "\n", " "]))
def test_pieces_and_blocks_are_the_text_again(text, size, at):
    assert "".join(pieces(text, at=at, size=size)) == text
    cut = list(blocks_of(text, size))
    assert "".join(cut) == text
    assert all(0 < len(block) <= size for block in cut)


@given(st.text(string.ascii_letters + string.digits + " '_-.\n", max_size=200))
def test_the_fast_way_for_ascii_finds_the_same_words(text):
    # One accented word more takes the general way.
    assert words(text) == words(f"{text} é")[:-1]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Hello there", "Latin"),
        ("你好，世界 ok", "Han"),
        ("ひらがなとカタカナ", "Kana"),
        ("안녕하세요", "Hangul"),
        ("Привет", "Cyrillic"),
        ("שלום", "other"),
        ("ﬀ １２", "other"),
    ],
)
def test_dominant_script(text, script):
    assert SCRIPTS[dominant_script(text)] == script


def test_a_text_without_letters_has_no_script():
    assert dominant_script("123 !? \u3002") == -1
    assert script_counts("123") == [0] * len(SCRIPTS)


def test_letters_are_counted_by_script():
    counts = dict(zip(SCRIPTS, script_counts("ab 漢字かなカナ한 ж א é 12_"), strict=True))
    assert counts == {"Latin": 3, "Han": 2, "Kana": 4, "Hangul": 1, "Cyrillic": 1, "other": 1}


@given(ANY)
@settings(max_examples=50)
def test_the_dominant_script_has_the_most_letters(text):
    counts = script_counts(text)
    found = dominant_script(text)
    assert found == (counts.index(max(counts)) if max(counts) else -1)

"""What an answer holds: each column sees what it is named after, and sees nothing of it in an ordinary answer."""

import re
import time
import zlib

import numpy as np
import pytest
import yaml

from features.blocks.reading.parts import sentence_kinds, word_pairs
from features.blocks.reading.substance import Substance
from stacker.training.made.answer_source import TEXTS

BLOCK = Substance()
PROMPT = "How does the human heart pump blood through the body when somebody runs?"
ANSWER = (
    "Each chamber contracts in turn. First, oxygen-poor blood flows into the right atrium, and a valve keeps it from "
    "going back. Then the right ventricle sends it to the lungs. Finally, the left ventricle pushes it into the aorta. "
    "During exercise the sinus node fires faster, because muscles need more oxygen. I hope this helps!"
)
CHINESE_PROMPT = "人跑步的時候，心臟如何把血液送到全身？"
CHINESE = (
    "首先，血液流入右心房。接著，右心室把它送往肺部。最後，左心室將它推入主動脈。運動時肌肉需要更多氧氣，因此跳得更快。"
)


def column(name, answer, prompt=PROMPT):
    return float(BLOCK.compute([prompt], [answer])[0, BLOCK.columns.index(name)])


@pytest.mark.parametrize(
    ("name", "high", "low"),
    [
        ("phrases of the prompt", PROMPT, ANSWER),
        ("sentences of the prompt's words", f"The human heart pumps blood. {PROMPT}", ANSWER),
        ("content words that the prompt has not", ANSWER, PROMPT),
        ("log content words that the prompt has not", ANSWER, f"{PROMPT} That is a great question."),
        ("order of common words", ANSWER, " ".join(sorted(ANSWER.split()))),
        ("order of all common words", ANSWER, " ".join(sorted(ANSWER.split()))),
        ("words twice in a row", "The the blood blood flows flows.", ANSWER),
        ("words twice in a row", "血血液液流入右心房房", CHINESE),
        ("words twice in a row", "血液血液流入流入右心房", CHINESE),
        ("letters that no word holds", " ".join(word[::-1] for word in ANSWER.split()), ANSWER),
        ("most frequent word", "heart heart heart heart", ANSWER),
        ("markup", "| a | b |\n|---|---|\n|  |  |", ANSWER),
        ("pictures and signs", "🎉🚀🔥" * 10, ANSWER),
        ("longest run of one sign", "=" * 50, ANSWER),
        ("empty cells and values", "| a | b |\n|---|---|\n|  | - |\n| N/A |  |", "| a | b |\n| one | two |"),
        ("empty cells and values", '{"answer": "", "notes": null}', '{"answer": "blood", "notes": "flows"}'),
        ("references", "[1] Doe, J. (2019). On things. Press.\n[2] https://example.org", ANSWER),
        ("praise and claims", "What a brilliant question! You are truly a genius.", ANSWER),
        ("praise and claims", "This is the most complete answer, verified by experts.", ANSWER),
        ("praise and claims", "您的問題真是非常好的問題！以下是最完整的回答。", CHINESE),
        ("begins with praise or a claim", f"Great question! {ANSWER}", ANSWER),
        ("announces what does not follow", "Sure, here is the answer:", ANSWER),
        ("words nobody can speak", "xkcdqrz bcdfgh qwrtpsd zzxxcv", ANSWER),
        ("letters of another script", CHINESE, ANSWER),
        ("begins as texts do", f"Sure! {ANSWER}", ANSWER),
        ("ends as texts do", ANSWER, "It pumps. It rests."),
        ("begins in the middle", f"However, it beats. {ANSWER}", ANSWER),
        ("lead-ins followed", "It has two parts:\n- one\n- two", "- one\n- two\nIt has two parts:"),
        ("items within lines", "It beats. - one part. - another part.", "It beats.\n- one part.\n- another part."),
        ("ordinals out of order", "Third, rest. Second, beat. First, fill.", ANSWER),
    ],
)
def test_a_column_is_high_where_its_name_says(name, high, low):
    assert column(name, high) > column(name, low)


def test_sentences_that_share_words_with_their_neighbours_are_in_order():
    parts = ["The atrium fills with blood. Blood leaves the atrium.", "Running needs oxygen. Oxygen feeds muscles."]
    in_order = " ".join(parts)
    mixed = "The atrium fills with blood. Running needs oxygen. Blood leaves the atrium. Oxygen feeds muscles."
    name = "words shared by neighbouring sentences"
    assert column(name, in_order) > column(name, mixed)


@pytest.mark.parametrize("text", ["", " ", "...", "!!!", "\ud800", "|||", "```", ":", "。", "1. 2. 3."])
def test_odd_texts_give_numbers(text):
    assert np.isfinite(BLOCK.compute([PROMPT, text], [text, ANSWER])).all()


@pytest.mark.parametrize("answer", [ANSWER, CHINESE])
def test_an_ordinary_answer_shows_nothing_of_what_is_no_content(answer):
    prompt = PROMPT if answer is ANSWER else CHINESE_PROMPT
    for name in ("empty cells and values", "references", "praise and claims", "pictures and signs"):
        assert column(name, answer, prompt) == 0, name


def test_no_phrase_is_missed_because_none_of_its_triggers_is_known():
    """A trigger that is missing from its list would switch a pattern off without a word."""
    sentences = [text.lower() for kind in TEXTS.values() for texts in kind.values() for text in texts]
    for kind in ("filler", "judge", "claims"):
        triggers = sentence_kinds._patterns()[f"{kind} triggers"]
        for sentence in sentences:
            for match in sentence_kinds.pattern(kind).finditer(sentence):
                assert any(trigger in match[0] or trigger in sentence for trigger in triggers), match[0]


def test_the_data_repeat_no_part_that_can_itself_repeat():
    """Such a pattern takes time that grows faster than the text."""
    patterns = yaml.safe_load(sentence_kinds.FILES[1].read_text(encoding="utf-8"))
    for value in patterns.values():
        for each in value if isinstance(value, list) else [value]:
            assert not re.search(r"[*+]\)[*+]", each)


@pytest.mark.parametrize(
    "line",
    [
        "1. Doe J, Roe R. On the matter. Int J Res. 2019;12(3):44-51.",
        "[2] J. Roe, Collected essays, Cambridge, 2011.",
        "Miller K. Essays: a reader, pp. 12-14",
        "- https://www.example.org/article/123",
    ],
)
def test_lines_that_cite_are_references_in_any_style(line):
    column = BLOCK.columns.index("references")
    assert BLOCK.compute([PROMPT], [line])[0, column] == 1
    assert BLOCK.compute([PROMPT], ["It was founded in 1998 and has had 10-12 members since."])[0, column] == 0


def test_what_follows_what_is_counted_by_hand(tmp_path, monkeypatch):
    """Of `the cat`, 4 of 6 pairs: 2 are due to chance, so log((4 + 1) / (8/3 + 1)) with one added to both."""
    table = word_pairs.count_pairs(["the cat"] * 4 + ["the dog", "a cat"], word=1, pair=2, letters=1, smoothing=1.0)
    number = {name: table.words[zlib.crc32(name.encode())] for name in ("the", "cat", "dog", "a")}
    k = len(number)
    found = table.of(np.array([number["the"] * k + number["cat"], number["a"] * k + number["dog"]]))
    expected = [np.log(5 / (5 * 5 / 6 + 1)), np.log(1 / (1 * 1 / 6 + 1))]
    np.testing.assert_allclose(found, expected)
    word_pairs.save_pairs(table, tmp_path / "word_pairs.npz")
    monkeypatch.setattr(word_pairs, "__file__", str(tmp_path / "word_pairs.py"))
    word_pairs._table.cache_clear()
    stored = word_pairs._table()
    np.testing.assert_allclose(stored.of(np.array([number["the"] * k + number["cat"]])), expected[:1], atol=1 / 62)
    np.testing.assert_array_equal(stored.triples, table.triples)
    word_pairs._table.cache_clear()


def test_a_text_of_few_common_words_has_them_in_the_usual_order():
    """Else every short answer, and every one in another language, would be in no order."""
    for text in ("", "Yes.", "Der Himmel ist blau.", CHINESE, "🎉"):
        assert word_pairs.word_pairs(text)[0] == word_pairs.TYPICAL


def test_a_long_text_of_one_sign_or_one_letter_takes_no_longer(benchmark_seconds=1.0):
    started = time.perf_counter()
    for text in ("a" * 200_000, "a " * 100_000, "'" * 200_000, "血" * 200_000):
        word_pairs.word_pairs(text)
    assert time.perf_counter() - started < benchmark_seconds


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("我最喜歡的小說是《紅樓夢》，裡面的人物寫得很生動。", 0.0),
        ("[2] 陳志明。《夜市研究》。學術期刊，2010 年，第 34 頁。", 1.0),
        ("3. 王大文：《城市的形成》，某某出版社。", 1.0),
    ],
)
def test_a_title_alone_is_no_reference_but_one_with_its_year_or_page_is(line, share):
    column = BLOCK.columns.index("references")
    assert BLOCK.compute(["夜市是如何形成的？"], [line])[0, column] == pytest.approx(share)

"""What a prompt asks for in form, and whether an answer does it: cases by hand."""

import math

import numpy as np
import pytest

from features.blocks.reading.instructions import Instructions
from features.blocks.reading.prompt_requests import Count, language_of, requests_of

BLOCK = Instructions()


def of(prompt, answer):
    return dict(zip(BLOCK.columns, BLOCK.compute([prompt], [answer])[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("Give me three reasons to learn Rust.", Count("items", 3, "")),
        ("Write at most 50 words about rain.", Count("words", 50, "at most")),
        ("Explain it in at least two paragraphs.", Count("paragraphs", 2, "at least")),
        ("請推薦三個台南的早餐", Count("items", 3, "")),
        ("請用100字以內介紹台北", Count("characters", 100, "at most")),
        ("至少寫五句", Count("sentences", 5, "at least")),
    ],
)
def test_counts_are_read_in_english_and_chinese(prompt, count):
    assert requests_of(prompt).counts == (count,)


def test_a_count_is_missed_by_its_log_ratio():
    three = "1. a\n2. b\n3. c"
    assert of("Give me three ideas.", three)["count missed"] == 0
    assert of("Give me three ideas.", three)["counts kept"] == 1
    missed = of("Give me six ideas.", three)
    assert missed["count missed"] == pytest.approx(math.log(6.5 / 3.5), abs=1e-6) and missed["counts kept"] == 0
    assert of("Write at most 50 words.", "Only these words.")["limits kept"] == 1


def test_formats_are_told_by_their_marks():
    assert of("Write a function in Python.", "```python\ndef f(): ...\n```")["code as asked"] == 1
    assert of("Write a function in Python.", "It is easy.")["code as asked"] == 0
    assert of("Answer with JSON.", '{"a": 1}')["format kept"] == 1
    assert np.isnan(of("How are you?", "Fine.")["code as asked"])


def test_languages_are_told_by_script_and_little_words():
    assert [
        language_of(text) for text in ("Das ist nicht der Weg und auch kein Ziel", "這是什麼", "これは何ですか", "12")
    ] == [
        "de",
        "zh",
        "ja",
        "",
    ]
    assert of("Say it in Chinese.", "這是一隻貓。")["language as asked"] == 1
    assert of("Say it in Chinese.", "This is a cat and it is not a dog.")["language as asked"] == 0
    assert of("What is the way to the sea?", "這是一隻貓。")["language of the question"] == 0


def test_words_to_leave_out_and_to_take_up_are_looked_for():
    assert of("Describe snow without using cold.", "White and soft.")["words left out as asked"] == 1
    assert of("Describe snow without using cold.", "Cold and white.")["words left out as asked"] == 0
    assert of("Who met Anna Berg in 1987?", "In 1987 it was Anna Berg.")["numbers taken up"] == 1
    assert of("Use the word “lantern”.", "A lamp.")["quotations taken up"] == 0


def test_only_the_answer_means_no_preamble():
    asked = "Only output the number."
    assert of(asked, "Sure! The number is 5.")["preamble though only the answer was asked for"] == 1
    assert of(asked, "5")["preamble though only the answer was asked for"] == 0


def test_a_hostile_prompt_takes_time_in_proportion():
    for text in ("write " * 20_000, "1 " * 50_000, "don't use " * 9_000, "請" * 60_000):
        assert len(BLOCK.compute([text], [text])) == 1

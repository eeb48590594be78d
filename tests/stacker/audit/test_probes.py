"""What each probe makes of an answer: the same content where it says so, in the answer's language, bounded."""

import re
import time
from collections import Counter
from random import Random

import pytest

from features.text import sentence_list, words
from stacker.audit.probe_interface import MOST_CHARACTERS, TEXTS, Case
from stacker.audit.probes import CONTROLS, MOST_PADDING, PROBES, as_long, changed_answer

ENGLISH = (
    "First we boil the water. Then, after a while, we add salt! Is it ready? Not yet. Wait for Dr. Lee.\n\nNow it is."
)
CHINESE = "首先我們把水燒開。然後加一點鹽！好了嗎？還沒有。請等一下。現在好了。"
ALL = [*PROBES.values(), *CONTROLS]


class Others:
    """Two answers to other prompts."""

    def any(self, random):
        return "Something else."

    def longer(self, random, characters):
        return "x" * characters


def made(name, answer, seed=0, turns=None):
    probe = next(probe for probe in ALL if probe.name == name)
    found = changed_answer(probe, turns or (answer,), Case("Why?", Random(seed), Others()))
    return None if found is None else found[-1]


@pytest.mark.parametrize("answer", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_shuffling_keeps_every_sentence_and_changes_their_order(answer):
    for seed in range(20):
        found = made("shuffled", answer, seed)
        assert Counter(sentence_list(found)) == Counter(sentence_list(answer)) and found != answer


@pytest.mark.parametrize("answer", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_lists_and_bold_keep_every_word(answer):
    found = made("lists", answer)
    assert words(found.replace("- ", " ").replace("**", "")) == words(answer)
    assert found.count("**") == 2 * len(sentence_list(answer)) == 2 * found.count("- ")


def test_what_is_a_list_already_or_holds_code_is_not_made_one():
    assert made("lists", "- one thing.\n- two things.") is None
    assert made("lists", "Look. It is:\n```\nx = 1\n```") is None
    assert made("lists", "One sentence only.") is None
    assert made("shuffled", "One. Two. Three.") is None


@pytest.mark.parametrize("answer", [ENGLISH * 3, CHINESE * 3, "Yes.", "好。"], ids=["en", "zh", "en short", "zh short"])
def test_padding_keeps_the_answer_and_adds_sentences_of_its_language(answer):
    found = made("padding", answer)
    language = "zh" if "。" in answer else "en"
    assert found.startswith(answer.rstrip()) and len(found) >= 1.6 * len(answer)
    assert all(line in TEXTS["padding"][language] for line in sentence_list(found[len(answer) :]))


@pytest.mark.parametrize("seed", range(12))
def test_what_is_added_is_of_the_answers_language(seed):
    for name, key in (("injection", "injection"), ("summary", "summary")):
        for answer, language in ((ENGLISH, "en"), (CHINESE, "zh")):
            found = made(name, answer, seed)
            assert answer in found and any(text in found for text in TEXTS[key][language])
    assert made("filler", CHINESE, seed) in TEXTS["filler"]["zh"]
    assert re.search("[A-Za-z]", made("skeleton", CHINESE, seed)) is None


def test_repetition_repeats():
    assert made("twice", ENGLISH).count("Wait for Dr. Lee.") == 2
    assert made("last_sentence", ENGLISH) == f"{ENGLISH} Now it is. Now it is."
    assert made("last_sentence", CHINESE) == f"{CHINESE}現在好了。現在好了。"


@pytest.mark.parametrize("answer", [ENGLISH, CHINESE, "- a b\n- c d\n* e", "x", "**a** b\n\n  - c"])
def test_the_rewrite_that_nobody_sees_keeps_the_length_and_what_is_read(answer):
    found = made("rewrite", answer)
    assert len(found) == len(answer) and words(found) == words(answer)
    assert found.count("\n") == answer.count("\n")
    seen = [re.sub(r"(?m)^(\s*)[-*]", r"\1•", text.replace("\u00a0", " ")) for text in (answer, found)]
    assert seen[0] == seen[1]


def test_only_the_last_turn_is_changed():
    probe = PROBES["padding"]
    found = changed_answer(probe, ("Earlier.", ENGLISH), Case("Why?", Random(0), Others()))
    assert found[0] == "Earlier." and len(found) == 2


@pytest.mark.parametrize("name", [probe.name for probe in ALL])
def test_hostile_answers_are_bounded(name):
    texts = [
        "",
        " \n\t",
        "\x00\ud800",
        "." * 20_000,
        "a" * 25_000,
        "- " * 10_000,
        "*" * 20_000,
        "a b " * 7000,
        "。" * 9000,
    ]
    start = time.perf_counter()
    for text in [*texts, "x" * 10_000_000]:
        found = made(name, text)
        assert found is None or len(found) <= max(2 * len(text) + MOST_PADDING + 2000, len(text))
    assert time.perf_counter() - start < 2
    if name in PROBES:
        assert made(name, "a. " * MOST_CHARACTERS) is None


def test_an_answer_without_a_sign_is_left_alone():
    assert [made(probe.name, "  \n") for probe in ALL] == [None] * len(ALL)


@pytest.mark.parametrize("answer", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_an_answer_made_as_long_has_that_length_by_whole_sentences(answer):
    language = "zh" if answer == CHINESE else "en"
    for more in (0, 1, 7, 20, 63, 150, 400, 2000):
        found = as_long(answer, len(answer) + more, Random(more))
        assert len(found) == len(answer) + more and found.startswith(answer)
        known = {*TEXTS["padding"][language], *TEXTS["short"][language]}
        assert set(sentence_list(found[len(answer) :])) <= known
        assert more < 20 or len(found) - len(found.rstrip()) < 14

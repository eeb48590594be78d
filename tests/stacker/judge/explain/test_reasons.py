import re

import pytest

from stacker.judge.explain.explanation import Explanation
from stacker.judge.explain.explanation_parts import FeaturePart, GroupPart, TermPart
from stacker.judge.explain.group_effects import LENGTH, PROMPT, TRANSFORMER, WORDS
from stacker.judge.explain.wording import LANGUAGES
from stacker.judge.verdict import Verdict


def part(feature, a, b, margin=0.1, **more):
    difference = None if a is None or b is None else a - b
    values = {"of": "answers", "group": "style", "kind": "count", "value": None, "tie": 0.0, "text": ""} | more
    return FeaturePart(feature=feature, a=a, b=b, difference=difference, margin=margin, **values)


def found(group, margin, *features, terms=(), tie=0.0):
    groups = (GroupPart(group, margin, tie, ""),)
    return Explanation(Verdict(0.5, 0.3, 0.2), 0.0, groups, features, terms, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (400.0, 80.0, "answer A is 320 words longer"),
        (80.0, 81.0, "answer B is 1 word longer"),
        (80.0, 1_280.0, "answer B is 1,200 words longer"),
    ],
)
def test_length_is_told_in_words_whatever_feature_is_strongest(a, b, sentence):
    strongest = part("surface: characters", 1.0, 2.0, 0.9, group=LENGTH)
    words = part("surface: words", a, b, 0.01, group=LENGTH)
    assert found(LENGTH, 0.5, strongest, words).reason(LENGTH).startswith(sentence)


def test_without_words_the_strongest_length_is_told():
    lines = part("surface: lines", 3.0, 1.0, group=LENGTH)
    assert found(LENGTH, 0.5, lines).reason(LENGTH) == "answer A is 2 lines longer (A 3, B 1)"


def test_the_words_that_speak_for_the_side_are_named():
    terms = (TermPart("sorry", 0.4), TermPart(" because", -0.3), TermPart("x" * 999, 0.2), TermPart("  ", 0.1))
    told = found(WORDS, 0.5, terms=terms).reason(WORDS)
    assert told.startswith("the words and phrases of the answers, above all “sorry”, “xxx")
    assert "because" not in told and len(told) < 200
    assert found(WORDS, -0.5, terms=terms).reason(WORDS, "zh-Hant") == "回答裡的字詞，尤其是「because」"
    assert found(WORDS, 0.5).reason(WORDS) == "the words and phrases of the answers"


@pytest.mark.parametrize("language", LANGUAGES)
def test_readers_of_whole_texts_name_no_feature_and_an_empty_group_nothing(language):
    assert found(TRANSFORMER, 0.5).reason(TRANSFORMER, language)
    assert found("style", 0.5).reason("style", language) == ""


def test_of_the_question_what_moves_the_tie_is_told():
    words = part("surface: words", None, None, of="prompt", group=PROMPT, value=12.0, tie=0.2)
    lines = part("surface: lines", None, None, of="prompt", group=PROMPT, value=1.0, tie=-0.3)
    score = part("readability: LIX", None, None, of="prompt", group=PROMPT, value=9.0, tie=0.9, kind="score")
    assert found(PROMPT, 0.0, score, tie=0.1).reason(PROMPT) == "what the question alone tells"
    assert found(PROMPT, 0.0, words, lines, score, tie=0.1).reason(PROMPT) == (
        "what the question alone tells (words in the question: 12)"
    )
    assert found(PROMPT, 0.0, words, lines, tie=-0.1).reason(PROMPT, "zh-Hant") == (
        "單從問題就能知道的（問題的行數：1）"
    )


def test_the_feature_that_speaks_the_same_way_as_its_group_is_told():
    with_it = part("style: bold spans", 5.0, 1.0, margin=-0.2)
    against = part("style: headers", 1.0, 4.0, margin=0.3)
    assert found("style", -0.1, against, with_it).reason("style") == "answer A has more bold passages (A 5, B 1)"
    assert found("style", 0.1, against, with_it).reason("style") == "answer B has more headings (A 1, B 4)"


def test_features_that_do_not_differ_stand_back():
    same = part("style: headers", 2.0, 2.0, margin=0.9)
    other = part("style: bold spans", 3.0, 2.0, margin=0.1)
    assert "(A 3, B 2)" in found("style", 1.0, same, other).reason("style")
    assert "(2 each)" in found("style", 1.0, same).reason("style")


def test_what_is_unknown_or_shared_by_both_is_said():
    unknown = part("readability: Flesch reading ease", None, 50.0, group="readability")
    assert (
        found("readability", 0.1, unknown)
        .reason("readability")
        .startswith("reading difficulty cannot be measured in answer A")
    )
    shared = part("agreement: Jaccard of words", None, None, of="both", group="overlap", value=0.25)
    assert found("overlap", 0.1, shared).reason("overlap") == "the answers share 25 % of their words"


def test_embeddings_are_named_as_meaning():
    meaning = part("embedding: meaning", None, None, group="embedding")
    assert found("embedding", 0.1, meaning).reason("embedding").startswith("what the answers say")
    assert found("embedding", 0.1, meaning).reason("embedding", "zh-Hant").startswith("回答的內容")


@pytest.mark.parametrize("language", LANGUAGES)
def test_sides_mirror(language):
    one = found(LENGTH, 0.5, part("surface: words", 9.0, 4.0, group=LENGTH)).reason(LENGTH, language)
    two = found(LENGTH, -0.5, part("surface: words", 4.0, 9.0, group=LENGTH)).reason(LENGTH, language)
    mirrored = re.sub("A(?![a-z])|B(?![a-z])", lambda met: "B" if met[0] == "A" else "A", one)
    values = re.compile(r"[(（].*")
    assert values.sub("", mirrored) == values.sub("", two) != values.sub("", one)

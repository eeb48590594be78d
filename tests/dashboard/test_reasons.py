import re
from typing import Any

import pytest

from dashboard.reasons import reason
from dashboard.texts import Texts
from stacker.explanation import Explanation, FeaturePart, GroupPart
from stacker.groups import LENGTH, PROMPT, TRANSFORMER, WORDS
from stacker.verdict import Verdict

EN, ZH = Texts("en"), Texts("zh-Hant")


def part(feature: str, a: float | None, b: float | None, margin: float = 0.1, **more: Any) -> FeaturePart:
    difference = None if a is None or b is None else a - b
    values = {"of": "answers", "group": "style", "kind": "count", "value": None, "tie": 0.0, "text": ""} | more
    return FeaturePart(feature=feature, a=a, b=b, difference=difference, margin=margin, **values)


def found(group: str, margin: float, *features: FeaturePart) -> Explanation:
    groups = (GroupPart(group, margin, 0.0, ""),)
    return Explanation(Verdict(0.5, 0.3, 0.2), 0.0, groups, features, (), 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (400.0, 80.0, "Answer A is 320 words longer"),
        (80.0, 81.0, "Answer B is 1 word longer"),
        (80.0, 1_280.0, "Answer B is 1,200 words longer"),
    ],
)
def test_length_is_told_in_words_whatever_feature_is_strongest(a: float, b: float, sentence: str) -> None:
    strongest = part("surface: characters", 1.0, 2.0, 0.9, group=LENGTH)
    words = part("surface: words", a, b, 0.01, group=LENGTH)
    assert reason(LENGTH, found(LENGTH, 0.5, strongest, words), EN) == sentence


def test_without_words_the_strongest_length_is_told() -> None:
    lines = part("surface: lines", 3.0, 1.0, group=LENGTH)
    assert reason(LENGTH, found(LENGTH, 0.5, lines), EN) == "Answer A is 2 lines longer"


@pytest.mark.parametrize(("group", "key"), [(WORDS, "reason.words"), (TRANSFORMER, "reason.transformer")])
def test_readers_of_whole_texts_name_no_feature(group: str, key: str) -> None:
    for say in (EN, ZH):
        assert reason(group, found(group, 0.5), say) == say(key)


def test_the_question_is_told_as_such_and_an_empty_group_not_at_all() -> None:
    assert reason(PROMPT, found(PROMPT, 0.5, part("surface: words", None, None, of="prompt", group=PROMPT)), EN) == EN(
        "reason.prompt"
    )
    assert reason("style", found("style", 0.5), EN) == ""


def test_the_feature_that_speaks_the_same_way_as_its_group_is_told() -> None:
    with_it = part("style: bold spans", 5.0, 1.0, margin=-0.2)
    against = part("style: headers", 1.0, 4.0, margin=0.3)
    told = reason("style", found("style", -0.1, against, with_it), EN)
    assert told.startswith("Answer A has more") and told.endswith("(A 5, B 1)")
    told = reason("style", found("style", 0.1, against, with_it), EN)
    assert told.startswith("Answer B has more") and told.endswith("(A 1, B 4)")


def test_features_that_do_not_differ_stand_back() -> None:
    same = part("style: headers", 2.0, 2.0, margin=0.9)
    other = part("style: bold spans", 3.0, 2.0, margin=0.1)
    assert "(A 3, B 2)" in reason("style", found("style", 1.0, same, other), EN)
    assert "(2)" in reason("style", found("style", 1.0, same), EN)


def test_what_is_unknown_or_shared_by_both_is_said() -> None:
    unknown = part("readability: Flesch reading ease", None, 50.0, group="readability")
    assert reason("readability", found("readability", 0.1, unknown), EN).endswith("unknown for one of the answers")
    shared = part("overlap: shared words", None, None, of="both", group="overlap", value=0.25)
    assert reason("overlap", found("overlap", 0.1, shared), EN).endswith("25 %")


def test_embeddings_are_named_as_meaning() -> None:
    assert reason(
        "embedding", found("embedding", 0.1, part("embedding: meaning", 1.0, 0.0, group="embedding")), EN
    ) == EN("reason.meaning")


def test_sides_and_languages_mirror() -> None:
    for say in (EN, ZH):
        one = reason(LENGTH, found(LENGTH, 0.5, part("surface: words", 9.0, 4.0, group=LENGTH)), say)
        two = reason(LENGTH, found(LENGTH, -0.5, part("surface: words", 4.0, 9.0, group=LENGTH)), say)
        assert one != two
        assert re.sub("A(?![a-z])", "B", one) == two

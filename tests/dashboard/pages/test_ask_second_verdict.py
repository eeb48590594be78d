"""The ask page shows the second verdict next to the first one, after the vote alone, where the judge has one."""

from types import SimpleNamespace

import pytest

from dashboard.pages.ask import answer_columns
from dashboard.texts import Texts
from stacker.judge.explain.observations import observations
from stacker.judge.verdict import Verdict

SAID = {"en": "With style held equal", "zh-Hant": "長度與格式相同時"}


def round_of(even, vote="a"):
    answers = [SimpleNamespace(side=side) for side in "ab"]
    return SimpleNamespace(
        vote=None if vote is None else SimpleNamespace(choice=vote),
        verdict=Verdict(0.6, 0.3, 0.1),
        judge_fault="",
        answers=answers,
        even_style=even,
        explanation=None,
        explained=False,
        observed=(),
    )


@pytest.mark.parametrize("language", SAID)
def test_both_verdicts_are_shown(monkeypatch, language):
    monkeypatch.setattr(answer_columns, "written_by", lambda answer, say: ("style", "model"))
    say = Texts(language)
    shown = answer_columns.comparison(round_of(Verdict(0.25, 0.4, 0.35)), say)
    assert SAID[language] in shown and say("choice.b") in shown
    assert "A 25" in shown and "B 40" in shown and "35" in shown
    assert SAID[language] not in answer_columns.comparison(round_of(None), say)
    assert not answer_columns.comparison(round_of(Verdict(0.25, 0.4, 0.35), vote=None), say)


@pytest.mark.parametrize("language", SAID)
@pytest.mark.parametrize(("share", "level"), [(0.4, 1), (0.45, 2), (0.6, 3), (0.8, 4)])
def test_how_sure_the_judge_was_stands_in_words(language, share, level):
    say = Texts(language)
    found, told = answer_columns.how_sure(Verdict(share, (1 - share) / 2, (1 - share) / 2), say)
    assert found == level
    assert say("choice.a") in told and f"{100 * share:.0f} %" in told
    swapped = answer_columns.how_sure(Verdict((1 - share) / 2, share, (1 - share) / 2), say)
    assert swapped == (level, told.replace(say("choice.a"), say("choice.b")))


@pytest.mark.parametrize("language", SAID)
def test_what_is_seen_in_the_answers_comes_before_the_bars(monkeypatch, language):
    monkeypatch.setattr(answer_columns, "written_by", lambda answer, say: ("style", "model"))
    say, one = Texts(language), round_of(None)
    one.observed = observations("Give me three reasons to rest.", "", "1. a\n2. b\n3. c\n4. d\n5. e")
    found = SimpleNamespace(findings=(("off topic", "B"), ("caution Han", "A")), groups=(), verdict=one.verdict)
    one.explanation = found
    told = answer_columns.seen(one, say)
    expected = {
        "en": [
            "Answer A is empty",
            "Answer B: asked for 3 items, got 5",
            "Answer B does not seem to answer this question",
        ],
        "zh-Hant": ["回答 A 是空的", "回答 B：要求 3 項，實際 5"],
    }[language]
    assert told[: len(expected)] == expected
    assert len(told) == 3  # that little is known of a script is no fault of an answer
    shown = str(answer_columns.comparison(one, say))
    assert shown.index(told[0]) < shown.index("chances")

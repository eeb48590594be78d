"""The ask page shows the second verdict next to the first one, after the vote alone, where the judge has one."""

from types import SimpleNamespace

import pytest

from dashboard.pages.ask import answer_columns
from dashboard.texts import Texts
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

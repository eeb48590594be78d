"""The words and numbers of the card "learn from my votes", in both languages."""

import re
from typing import Any

import pandas as pd
import pytest

from dashboard.judges.learning_service import Overview, Status
from dashboard.judges.votes_to_learn import LEAST, Usable
from dashboard.pages.model import model_cards as results
from dashboard.texts import LANGUAGES, Texts


def against(word: str, votes: int = 120) -> dict[str, Any]:
    if word == "untold":
        return {"votes": votes, "new": None, "old": None, "log_loss": None, "accuracy": None, "word": word}
    return {
        "votes": votes,
        "new": {"log_loss": 1.01234, "accuracy": 0.5},
        "old": {"log_loss": 1.0, "accuracy": 0.45},
        "log_loss": {"difference": 0.01234, "low": -0.01, "high": 0.03},
        "accuracy": {"difference": -0.0001, "low": -0.1, "high": 0.05},
        "word": word,
    }


def about(starter: bool, word: str, why: str = "ids", seen: int = 0) -> dict[str, Any]:
    old = {"name": "<b>mine</b>", "judge": "x", "starter": starter, "why": why, "seen": seen}
    return {
        "votes": 120,
        "old": old,
        "against_old": against(word),
        "against_starter": against(word if starter else "alike"),
    }


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("word", ["better", "alike", "worse", "untold"])
def test_against_the_starter_one_sentence_and_one_table(code: str, word: str) -> None:
    say = Texts(code)
    html = results.outcome(about(True, word), say)
    assert re.findall('data-word="(.*?)"', html) == [word]
    assert say(f"model.learn.word.{word}", count=120, old=say("model.learn.starter")) in html
    assert html.count("<table") == (word != "untold")


@pytest.mark.parametrize("code", LANGUAGES)
def test_against_a_judge_of_ones_own_both_comparisons_and_what_is_left_out(code: str) -> None:
    say = Texts(code)
    html = results.outcome(about(False, "worse", seen=30), say)
    assert re.findall('data-word="(.*?)"', html) == ["worse", "alike"] and html.count("<table") == 2
    assert "30" in html and "<b>mine</b>" not in html and "&lt;b&gt;mine" in html
    by_time = results.outcome(about(False, "untold", why="time", seen=120), say)
    assert re.findall('data-word="(.*?)"', by_time) == ["untold", "alike"] and by_time.count("<table") == 1
    assert by_time != results.outcome(about(False, "untold", why="ids", seen=120), say)


def test_numbers_have_true_signs_and_zero_has_none() -> None:
    html = results.outcome(about(True, "alike"), Texts("en"))
    assert "+0.0123<br><small>\u22120.0100 – +0.0300" in html
    assert ">0.0<br><small>\u221210.0 – +5.0" in html
    assert "1.0123" in html and "45 %" in html


@pytest.mark.parametrize("code", LANGUAGES)
def test_how_many_votes_there_are(code: str) -> None:
    say = Texts(code)
    few = results.votes_line(Overview(Usable(frame(LEAST - 1), 2, 1), None, LEAST - 1), say)
    assert say("model.learn.too_few", count=LEAST - 1, least=LEAST, missing=1) in few and 'aria-valuenow="99"' in few
    assert say("model.learn.left_out", count=2) in few and say("model.learn.expect") not in few
    enough = Overview(Usable(frame(LEAST), 0, 3), None, LEAST)
    assert enough.offered
    html = results.votes_line(enough, say)
    assert say("model.learn.ready", count=LEAST) in html and "progressbar" not in html
    assert say("model.learn.people", people=3) in html and say("model.learn.expect") in html
    many = results.votes_line(Overview(Usable(frame(results.MANY), 0, 1), None, 1), say)
    assert "1,000" in many and say("model.learn.expect") not in many


@pytest.mark.parametrize("step", ["reading", "learning", "comparing"])
def test_how_far_it_has_come(step: str) -> None:
    html = results.progress_bar(Status("running", step, 0.417), Texts("zh-Hant"))
    assert 'aria-valuenow="42"' in html and "42 %" in html and Texts("zh-Hant")(f"model.learn.step.{step}") in html


def frame(votes: int) -> pd.DataFrame:
    return pd.DataFrame({"battle_id": [f"b{number}" for number in range(votes)]})

"""Which questions an audit asks: the same whatever the order of the rows and the sides, with ids that say nothing."""

import re

import numpy as np
import pandas as pd
import pytest
from graded_battles import graded_battles

from pipelines.battles.folds import normalised
from stacker.audit.audit import chosen_probes
from stacker.audit.questions import (
    DUEL,
    IN_PLACE,
    MATCHED,
    ORIGINAL,
    AnswerPool,
    Chosen,
    frame_of,
    kinds_of,
    questions_of,
)


def swapped(battles):
    """Return the battles with the sides, and the votes, the other way round."""
    names = {"response_a": "response_b", "model_a": "model_b"}
    turned = battles.rename(columns=names | {new: old for old, new in names.items()})[list(battles.columns)]
    return turned.assign(outcome=battles["outcome"].map({0: 1, 1: 0, 2: 2, -1: -1}))


def asked(battles, rows=None, seed=0):
    chosen = Chosen.of(battles, rows, seed)
    pool = AnswerPool(chosen)
    return [each for row in chosen.rows for each in questions_of(chosen, pool, int(row), chosen_probes(None))]


def ids(questions):
    return sorted(frame_of(questions, [False] * len(questions))["id"])


@pytest.mark.parametrize("rows", [None, 12])
def test_order_of_rows_and_sides_change_no_question(rows):
    battles = graded_battles(40, prompts=25)
    expected = ids(asked(battles, rows))
    assert ids(asked(swapped(battles), rows)) == expected
    assert ids(asked(battles.sample(frac=1, random_state=3), rows)) == expected
    assert ids(asked(battles, rows, seed=1)) != expected


def test_fewer_rows_are_some_of_more():
    battles = graded_battles(40)
    few, more = (set(ids(asked(battles, rows))) for rows in (10, 20))
    assert few < more


def test_about_half_of_the_changed_answers_stand_as_b():
    chosen = Chosen.of(graded_battles(400), None, 0)
    assert 0.4 < chosen.focus_is_b.mean() < 0.6


def test_every_kind_is_asked_at_most_once_a_battle():
    questions = asked(graded_battles(30))
    kinds = kinds_of(chosen_probes(None))
    counted = pd.Series([(each.battle, each.kind) for each in questions]).value_counts()
    assert counted.max() == 1 and {each.kind for each in questions} <= set(kinds)
    assert {kind for kind in kinds if kind[0] == "other_answer"} == {("other_answer", DUEL)}
    assert (ORIGINAL, "") in kinds and ("padding", IN_PLACE) in kinds


def test_an_answer_to_another_prompt_is_of_another_prompt_and_longer_where_it_says_so():
    battles = graded_battles(60, prompts=20)
    of = {}
    for row in battles.itertuples():
        for turns in (row.response_a, row.response_b):
            of.setdefault(turns[-1], set()).add(normalised(row.prompt))
    longer = 0
    for each in asked(battles):
        if each.kind[0] in ("other_answer", "longer_other"):
            assert normalised(each.prompt) not in of[each.focus[-1]]
        if each.kind[0] == "longer_other":
            longer += 1
            assert len(each.focus[-1]) > 1.2 * len(each.other[-1])
    assert longer > 20


def test_what_a_longer_answer_is_matched_with_is_as_long():
    matched = [each for each in asked(graded_battles(30)) if each.kind[1] == MATCHED]
    assert {each.kind[0] for each in matched} == {"lists", "twice", "last_sentence", "summary", "injection", "praise"}
    assert all(len(each.focus[-1]) == len(each.other[-1]) for each in matched)


def test_one_prompt_alone_has_no_other_answers():
    kinds = {each.kind[0] for each in asked(graded_battles(5, prompts=1))}
    assert not kinds & {"other_answer", "longer_other"} and "padding" in kinds


def test_ids_are_of_the_content_alone_and_say_nothing():
    battles = graded_battles(10)
    questions = asked(battles)
    frame = frame_of(questions, [False] * len(questions))
    assert all(re.fullmatch("[0-9a-f]{24}", name) for name in frame["id"])
    by_id = frame.assign(again=[each.again for each in questions]).groupby("id")
    texts = by_id[["prompt", "response_a", "response_b", "again"]].agg(lambda cells: len(set(cells)))
    assert (texts == 1).all().all()
    turned = frame_of(questions, [True] * len(questions))
    same = np.array([each.focus == each.other for each in questions])
    assert ((frame["id"] == turned["id"]) == same).all()


def test_the_same_battle_asked_again_has_an_id_of_its_own():
    questions = [each for each in asked(graded_battles(1)) if each.kind in ((ORIGINAL, ""), ("same_text", IN_PLACE))]
    assert len(set(ids(questions))) == 2 and questions[0].focus == questions[1].focus

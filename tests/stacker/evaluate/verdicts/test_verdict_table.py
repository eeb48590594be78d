"""Files of another judge's verdicts: every shape is read with its sides right, and what is unclear is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import UserError
from stacker.evaluate.verdicts.verdict_columns import winner_of
from stacker.evaluate.verdicts.verdict_table import read_verdicts, verdicts_called

A, B, TIE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def written(tmp_path, rows, suffix=".jsonl"):
    path = tmp_path / f"verdicts{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif suffix == ".csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        pd.DataFrame(rows).to_parquet(path, index=False)
    return path


def said(tmp_path, rows, suffix=".jsonl"):
    found = read_verdicts(written(tmp_path, rows, suffix))
    return found, [tuple(np.round(found.probabilities[found.place[name]], 12)) for name in found.place]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
@pytest.mark.parametrize(
    "names",
    [
        ("id", "winner_model_a", "winner_model_b", "winner_tie"),
        ("question_id", "p_a", "p_b", "p_tie"),
        ("battle_id", "prob_model_a", "prob_model_b", "prob_tie"),
        ("id", "Probability_A", "Probability_B", "Probability_Tie"),
        ("id", "a", "b", "tie"),
    ],
)
def test_probabilities_by_any_of_their_names_in_any_container(tmp_path, names, suffix):
    rows = [dict(zip(names, ("x", 0.5, 0.3, 0.2), strict=True)), dict(zip(names, ("y", 0.1, 0.2, 0.7), strict=True))]
    found, verdicts = said(tmp_path, rows, suffix)
    assert (found.kind, found.ties) == ("probabilities", True)
    assert verdicts == [(0.5, 0.3, 0.2), (0.1, 0.2, 0.7)]
    assert np.allclose(found.margin, [0.2, -0.1])


def test_lists_objects_per_cent_and_two_probabilities(tmp_path):
    assert said(tmp_path, [{"id": 1, "probabilities": [0.5, 0.3, 0.2]}])[1] == [(0.5, 0.3, 0.2)]
    assert said(tmp_path, [{"id": 1, "probs": {"tie": 0.2, "A": 0.5, "B": 0.3}}])[1] == [(0.5, 0.3, 0.2)]
    assert said(tmp_path, [{"id": 1, "p_a": 50, "p_b": 30, "p_tie": 20}])[1] == [(0.5, 0.3, 0.2)]
    found, verdicts = said(tmp_path, [{"id": 1, "p_a": 0.6, "p_b": 0.4}])
    assert verdicts == [(0.6, 0.4, 0.0)] and not found.ties


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("A", 0), ("b", 1), (" Tie ", 2), ("model_a", 0), ("model_b", 1), ("tie (bothbad)", 2), ("both_bad", 2),
        ("[[A]]", 0), ("[[B]]", 1), ("[[C]]", 2), ("A>>B", 0), ("A > B", 0), ("A=B", 2), ("B>A", 1), ("[[B>>A]]", 1),
        ("**Response A**", 0), ("assistant_b", 1), ("gpt-x", 0), ("llama-y", 1), ("winner_tie", 2), ("draw", 2),
        ("A is brief, B is long.\n" * 99 + "My verdict: [[B]]", 1), ("So [[A>>B]], yes [[A>>B]]", 0), ("[[C]].", 2),
        ("[[A]] or [[B]]", None), ("Of [[5]]", None), ("A is better" * 99, None),
        ("", None), ("error", None), ("I cannot tell", None), (None, None), (float("nan"), None), ("-1", None),
    ],
)  # fmt: skip
def test_winners_by_their_spellings(spelled, meant):
    assert winner_of(spelled, {"model_a": "gpt-x", "model_b": "llama-y"}) == meant


@pytest.mark.parametrize("number", [0, 1, 2, 1.5, "1", "2"])
def test_a_number_as_winner_is_refused_for_it_may_count_from_0_or_1(tmp_path, number):
    with pytest.raises(UserError, match=r"line 1: the winner is .*count from 0 or from 1; write A, B or tie"):
        read_verdicts(written(tmp_path, [{"id": "x", "winner": number}]))


def test_probabilities_that_are_ones_and_zeros_name_winners(tmp_path):
    rows = [
        {"id": name, "winner_model_a": a, "winner_model_b": 1 - a, "winner_tie": 0} for name, a in (("x", 1), ("y", 0))
    ]
    assert said(tmp_path, rows, ".csv")[0].kind == "winners"


def test_probabilities_go_before_the_winner_of_the_same_row(tmp_path):
    row = {"question_id": "x", "winner": "model_b", "winner_model_a": 0.2, "winner_model_b": 0.5, "winner_tie": 0.3}
    assert said(tmp_path, [row])[1] == [(0.2, 0.5, 0.3)]


def test_scores_give_a_winner_and_by_how_much(tmp_path):
    rows = [{"id": n, "score_a": a, "score_b": b} for n, a, b in (("x", 7, 5), ("y", 1.5, 4), ("z", 3, 3))]
    found, verdicts = said(tmp_path, rows)
    assert found.kind == "scores" and verdicts == [A, B, TIE] and found.margin.tolist() == [2, -2.5, 0]
    assert said(tmp_path, [{"id": 1, "scores": [1, 9]}])[1] == [B]


@pytest.mark.parametrize(
    "mark", [{"swapped": True}, {"swapped": "yes"}, {"order": "BA"}, {"order": ["b", "a"]}, {"order": "swapped"}]
)
def test_what_a_swapped_asking_calls_a_is_b(tmp_path, mark):
    assert said(tmp_path, [{"id": "x", "winner": "A", **mark}])[1] == [B]
    assert said(tmp_path, [{"id": "x", "p_a": 0.7, "p_b": 0.2, "p_tie": 0.1, **mark}])[1] == [(0.2, 0.7, 0.1)]
    assert said(tmp_path, [{"id": "x", "score_a": 7, "score_b": 5, **mark}])[0].margin.tolist() == [-2]


def test_repeated_and_swapped_asking_is_averaged_and_flips_are_counted(tmp_path):
    rows = [
        {"id": "steady", "winner": "A", "swapped": False},
        {"id": "steady", "winner": "B", "swapped": True},
        {"id": "first", "winner": "A", "swapped": False},
        {"id": "first", "winner": "A", "swapped": True},
        {"id": "wavers", "winner": "A", "swapped": False},
        {"id": "wavers", "winner": "B", "swapped": False},
        {"id": "wavers", "winner": "A", "swapped": False},
        {"id": "broken", "winner": "", "swapped": False},
        {"id": "broken", "winner": "no idea", "swapped": True},
        {"id": "half", "winner": "oops", "swapped": False},
        {"id": "half", "winner": "A", "swapped": True},
    ]
    found, _ = said(tmp_path, rows)
    place = found.place
    assert found.probabilities[place["steady"]].tolist() == list(A)
    assert found.probabilities[place["first"]].tolist() == [0.5, 0.5, 0.0]
    assert np.allclose(found.probabilities[place["wavers"]], [2 / 3, 1 / 3, 0])
    assert np.isnan(found.probabilities[place["broken"]]).all()
    assert found.probabilities[place["half"]].tolist() == list(B)
    assert found.asked.tolist() == [2, 2, 3, 2, 2] and found.failed.tolist() == [0, 0, 0, 2, 1]
    assert found.both.tolist() == [True, True, False, False, False]
    assert found.flipped.tolist() == [False, True, False, False, False]
    assert found.unsteady.tolist() == [False, False, True, False, False]
    assert found.repeated.tolist() == [False, False, True, False, False]
    assert "line 8: winner is empty" in found.first_failure
    called = verdicts_called(found.probabilities[:3], found.margin[:3], found.kind)
    assert called.tolist() == [list(A), list(TIE), list(A)]


def test_orders_weigh_alike_however_often_each_was_asked(tmp_path):
    rows = [{"id": "x", "p_a": 0.9, "p_b": 0.1, "p_tie": 0.0, "order": "AB"}] * 3
    rows += [{"id": "x", "p_a": 0.7, "p_b": 0.3, "p_tie": 0.0, "order": "BA"}]
    assert said(tmp_path, rows)[1] == [(0.6, 0.4, 0.0)]


def test_swapping_all_verdicts_swaps_what_is_read(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"id": str(k), "p_a": a, "p_b": b, "p_tie": t} for k, (a, b, t) in enumerate(rng.dirichlet([1, 1, 1], 50))]
    turned = [{"id": row["id"], "p_a": row["p_b"], "p_b": row["p_a"], "p_tie": row["p_tie"]} for row in rows]
    first, second = said(tmp_path, rows)[0], said(tmp_path, turned)[0]
    assert np.array_equal(first.probabilities, second.probabilities[:, [1, 0, 2]])
    assert np.array_equal(first.margin, -second.margin)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"id": "x", "text": "y"}], r"has no verdicts that can be read; its columns are id, text; give it an id"),
        ([{"name": "x", "winner": "A"}], r"has no verdicts that can be read; its columns are name, winner"),
        ([{"id": "x", "winner": "mu"}], r"holds no verdict that can be read; .*line 1: winner is mu"),
        ([{"id": "x", "p_a": 3, "p_b": 4, "p_tie": 5}], r"holds no verdict that can be read; .*p_a is 3"),
        ([{"id": "x", "winner": "A", "order": 1}], r"line 1: order is 1; write AB, or BA"),
        ([{"id": "x", "winner": "A", "swapped": "left"}], r"line 1: swapped is left; write true or false"),
    ],
)
def test_what_holds_no_verdict_is_one_sentence(tmp_path, rows, sentence):
    with pytest.raises(UserError, match=sentence) as told:
        read_verdicts(written(tmp_path, rows))
    assert str(told.value).endswith(".") and "\n" not in str(told.value)


def test_a_file_without_rows_and_one_whose_first_row_is_broken_say_so(tmp_path):
    (tmp_path / "v.csv").write_text("id,p_a,p_b,p_tie\n")
    with pytest.raises(UserError, match=r"v\.csv: holds no rows; give it an id"):
        read_verdicts(tmp_path / "v.csv")
    (tmp_path / "v.jsonl").write_text('{"id": "x", "winner": \n')
    with pytest.raises(UserError, match=r"v\.jsonl, line 1: cannot be read \(.*\); correct it\."):
        read_verdicts(tmp_path / "v.jsonl")


def test_a_text_of_a_million_spaces_costs_no_time(tmp_path):
    rows = [
        {"id": "x", "winner": " " * 10**6 + "B"},
        {"id": "y", "winner": "x" + " " * 10**6},
        {"id": "z", "winner": "A"},
    ]
    assert said(tmp_path, rows)[0].failed.tolist() == [0, 1, 0]


def test_another_vote_under_the_same_id_has_the_verdict_of_that_id(tmp_path):
    found = said(tmp_path, [{"id": "x", "winner": "A"}, {"id": "y#2", "winner": "B"}])[0]
    assert found.rows_of(pd.Series(["x", "x#2", "x#13", "y#2", "y", "x#", "z#2"])).tolist() == [0, 0, 0, 1, -1, -1, -1]


def test_numbers_as_ids_are_found_with_and_without_a_point(tmp_path):
    found = said(tmp_path, [{"id": "7.0", "winner": "A"}, {"id": "8", "winner": "B"}], ".csv")[0]
    assert found.rows_of(pd.Series(["7", "7.0", "8", "8.0", "7#2", "70"])).tolist() == [0, 0, 1, 1, 0, -1]


def test_an_asking_that_failed_before_the_first_verdict_is_counted(tmp_path):
    rows = [{"id": "x", "error": "no answer"}, {"id": "y", "winner": "B"}, {"id": "z", "error": "no answer"}]
    found = said(tmp_path, rows)[0]
    assert found.failed.tolist() == [1, 0, 1] and "line 1: winner is" in found.first_failure


def test_a_packed_file_is_read(tmp_path):
    path = tmp_path / "verdicts.csv.gz"
    pd.DataFrame([{"id": "x", "winner": "A"}]).to_csv(path, index=False)
    assert read_verdicts(path).probabilities.tolist() == [list(A)]

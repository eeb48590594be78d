"""The whole evaluation: swapping the sides changes no number, what cannot be measured is said, and it is quick."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from support.votes_drawn import drawn_votes, swapped, vote_arrays

from stacker.evaluate.votes.evaluation import calibration, evaluate
from stacker.evaluate.votes.evaluation_page import page
from stacker.evaluate.votes.evaluation_tables import notes, tables
from stacker.evaluate.votes.vote_arrays import VoteArrays


def leaves(value, keys=()):
    """Yield every number of nested values by its keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*keys, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*keys, place))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield keys, value


def many(seed=0, prompts=60):
    """Return votes with several people on a pair, both-bad votes, sources and parts."""
    rng = np.random.default_rng(seed)
    votes = drawn_votes(rng, prompts)
    n = len(votes.outcome)
    values = dict(vars(votes))
    values["pair"] = votes.group
    values["annotator"] = rng.choice(["ann", "bob", "eve"], n).astype(object)
    values["source"] = rng.choice(["x", "y"], n).astype(object)
    values["both_bad"] = (votes.outcome == 2) & (rng.random(n) < 0.5)
    values["traits"] = votes.traits.assign(turns=rng.integers(1, 4, n), characters=rng.integers(1, 999, n))
    return VoteArrays(**values)


@pytest.mark.parametrize("kind", ["probabilities", "winners", "scores"])
def test_swapping_the_sides_changes_no_number(kind):
    votes = many()
    first, second = evaluate(votes, kind), evaluate(swapped(votes), kind)
    sides = {"A preferred": "B preferred", "B preferred": "A preferred", "tie": "tie"}
    for found in (first, second):
        found.pop("confusion")
    second["slices"]["vote"] = [
        {**part, "label": sides[part["label"]]} for part in (second["slices"]["vote"][k] for k in (1, 0, 2))
    ]
    for name in ("voted", "called"):
        second["shares"][name] = [second["shares"][name][k] for k in (1, 0, 2)]
    one, other = dict(leaves(first)), dict(leaves(second))
    assert one.keys() == other.keys()
    assert {keys: (one[keys], other[keys]) for keys in one if abs(one[keys] - other[keys]) > 1e-9} == {}


def test_votes_without_a_verdict_are_counted_and_left_out():
    said = np.array([[0.6, 0.3, 0.1], [np.nan] * 3, [0.2, 0.2, 0.6]])
    found = evaluate(vote_arrays([0, 1, 2], said))
    assert (found["votes"], found["missing"]) == (2, 1) and found["scores"]["judge"]["accuracy"]["value"] == 1
    assert "1 of 3 votes have no verdict and are left out." in list(notes(found))


@pytest.mark.parametrize("kind", ["winners", "scores"])
def test_what_is_no_probability_has_no_log_loss_and_says_so(kind):
    votes = many()
    found = evaluate(votes, kind)
    assert found["scores"]["judge"]["log_loss"] is None and found["calibration"] is None
    assert f"verdicts given as {kind} say no probability" in found["no_log_loss"]
    assert (found["decided_by"] is None) == (kind == "winners")
    assert any(sentence.startswith("No log loss: ") for sentence in notes(found))
    assert all("log loss" not in rows[0] for _, rows in tables(found, "other"))


def test_two_probabilities_have_a_log_loss_only_where_nobody_voted_a_tie():
    said = [[0.6, 0.4, 0.0]] * 3
    assert evaluate(vote_arrays([0, 1, 1], said), ties=False)["no_log_loss"] == ""
    assert (
        "people voted 1, so there is no log loss" in evaluate(vote_arrays([0, 1, 2], said), ties=False)["no_log_loss"]
    )


def test_winners_that_flip_with_the_order_are_ties():
    found = evaluate(vote_arrays([2, 0], [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]), "winners")
    assert found["scores"]["judge"]["accuracy"]["value"] == 1 and found["confusion"] == [
        [1, 0, 0],
        [0, 0, 0],
        [0, 0, 1],
    ]


def test_both_bad_is_reported_on_its_own():
    votes = vote_arrays(
        [2, 2, 2, 0], [[0.1, 0.1, 0.8], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1]], both_bad=[1, 1, 0, 0]
    )
    found = evaluate(VoteArrays(**{**vars(votes), "both_bad": votes.both_bad.astype(bool)}))["both_bad"]
    assert (found["votes"], found["other_ties"], found["share"]["value"]) == (2, 1, 0.5)
    assert (found["called_tie"]["value"], found["other_ties_called_tie"]["value"]) == (0.5, 1.0)
    assert found["p_tie"]["value"] == pytest.approx(0.55) and found["other_ties_p_tie"]["value"] == 0.4
    assert evaluate(many(1).of_rows(np.arange(20)))["both_bad"] is not None


def test_confidence_less_accuracy_by_hand():
    found = calibration(np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2]]), np.array([0, 2]), np.arange(2))
    assert found["overconfidence"]["value"] == pytest.approx(0.65 - 0.5)


def test_chance_alone_makes_the_calibration_error_that_is_told():
    rng = np.random.default_rng(0)
    above, means = 0, []
    for _ in range(60):
        said = rng.dirichlet([3, 2, 1], 300)
        voted = (rng.random((300, 1)) > said.cumsum(axis=1)[:, :2]).sum(axis=1)
        by = calibration(said, voted, np.arange(300))
        above += by["ece"] > by["by_chance"]["high"]
        means.append(by["ece"] - by["by_chance"]["mean"])
    assert above <= 8 and abs(np.mean(means)) < 0.005


def test_everything_is_json_and_a_page_and_tables_that_escape_names():
    hostile = "<script>alert(1)</script>\u202e"
    votes = many()
    votes = VoteArrays(**{**vars(votes), "source": np.where(votes.source == "x", hostile, "y").astype(object)})
    found = {
        "judge": {"name": hostile, "about": hostile, "kind": "probabilities", "ties": True},
        "files": [{"name": hostile, "votes": 3, "unread": 2}],
        **evaluate(votes),
    }
    json.dumps(found, allow_nan=False)
    html = page(found)
    assert "<script" not in html and "\u202e" not in html and "http" not in html.replace("http-equiv", "")
    cells = [cell for _, rows in tables(found, hostile) for row in rows for cell in row]
    assert not any("\u202e" in cell for cell in cells)
    for shown in ("Human ceiling", "Votes that call both answers bad", "By source"):
        assert any(title.startswith(shown) for title, _ in tables(found, "other"))


def test_the_page_of_scores_and_of_few_votes():
    for kind, count in (("scores", 90), ("winners", 1), ("probabilities", 1)):
        found = {
            "judge": {"name": "other", "about": "a file", "kind": kind, "ties": True},
            "files": [],
            **evaluate(many().of_rows(np.arange(count)), kind),
        }
        assert "against people" in page(found)


def test_five_thousand_votes_take_no_time():
    votes = many(prompts=2000)
    begun = time.process_time()
    evaluate(votes)
    assert time.process_time() - begun < 5


def test_arrays_of_parts_are_those_of_the_whole_and_hold_no_text():
    from pipelines.battles.built_in import sample_battles

    battles = sample_battles(30).battles
    said = np.full((30, 3), 1 / 3)
    whole = VoteArrays.of(battles, said, np.zeros(30))
    parts = VoteArrays.joined(
        [
            VoteArrays.of(battles[rows].reset_index(drop=True), said[rows], np.zeros(30)[rows])
            for rows in (slice(0, 9), slice(9, 30))
        ]
    )
    for name, value in vars(whole).items():
        if name == "traits":
            pd.testing.assert_frame_equal(value, parts.traits)
        else:
            assert np.array_equal(value, getattr(parts, name), equal_nan=value.dtype.kind == "f"), name
    turned = battles.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    other = VoteArrays.of(turned, said, np.zeros(30))
    assert np.array_equal(other.pair, whole.pair) and np.array_equal(other.turned, ~whole.turned & ~whole.alike)
    assert np.array_equal(other.longer, -whole.longer)

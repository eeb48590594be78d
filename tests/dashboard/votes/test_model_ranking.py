import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.votes.model_ranking import rank, style_differences
from features.style_control import CONTROLS
from stacker.evaluate.strengths import fit_strengths, strengths


def frame(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "style_a": [r[0] for r in rows],
            "style_b": [r[1] for r in rows],
            "outcome": [r[2] for r in rows],
            "question": np.arange(len(rows)),
        }
    )


def test_two_styles_by_hand() -> None:
    # 30 wins to 10: but for a ridge of .1, the strengths are half of log 3 apart from 0, its variance 1/30 + 1/10
    rows = [("x", "y", 0)] * 20 + [("y", "x", 1)] * 10 + [("x", "y", 1)] * 10
    found = rank(frame(rows), "style").rows
    assert found["name"].tolist() == ["x", "y"]
    assert found["strength"].tolist() == pytest.approx([np.log(3) / 2, -np.log(3) / 2], abs=5e-3)
    half = 1.959964 * np.sqrt(1 / 30 + 1 / 10) / 2  # by the spread of forty questions it is a little more
    assert (found["high"] - found["strength"]).tolist() == pytest.approx([half, half], rel=0.06)
    assert found[["votes", "wins", "ties", "losses"]].to_numpy().tolist() == [[40, 30, 0, 10], [40, 10, 0, 30]]
    assert found[["rank_low", "rank_high"]].to_numpy().tolist() == [[1, 1], [2, 2]]


def test_a_name_that_always_won_is_finite_and_uncertain() -> None:
    found = rank(frame([("x", "y", 0)] * 3), "style").rows
    assert np.isfinite(found[["strength", "low", "high"]].to_numpy()).all()
    assert found["low"].iloc[0] < 0 < found["high"].iloc[0]
    assert found[["rank_low", "rank_high"]].to_numpy().tolist() == [[1, 2], [1, 2]]


def test_names_that_never_met_are_told_apart() -> None:
    found = rank(frame([("x", "y", 0), ("y", "z", 2), ("p", "q", 1)]), "style").rows.set_index("name")
    assert len({found.loc[name, "group"] for name in "xyz"}) == 1
    assert found.loc["p", "group"] == found.loc["q", "group"] != found.loc["x", "group"]


def test_battles_without_names_or_of_one_name_are_left_out() -> None:
    found = rank(frame([("", "y", 0), ("x", "x", 0)]), "style")
    assert (found.rows.empty, found.votes) == (True, 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("wxyz"), st.sampled_from("wxyz"), st.integers(0, 2)), max_size=40))
def test_swapping_the_sides_changes_nothing(rows: list[tuple[str, str, int]]) -> None:
    controls = np.array([[(ord(a) * 7 + ord(b) * 3 + i) % 5 - 2.0] * 5 for i, (a, b, _) in enumerate(rows)])
    controls = controls.reshape(-1, 5)
    swapped = [(b, a, (1, 0, 2)[outcome]) for a, b, outcome in rows]
    one, other = rank(frame(rows), "style", controls), rank(frame(swapped), "style", -controls)
    columns = ["strength", "low", "high"]
    by_name = [found.rows.set_index("name").sort_index()[columns] for found in (one, other)]
    np.testing.assert_allclose(by_name[0], by_name[1], atol=1e-4)
    np.testing.assert_allclose(one.effects["effect"], other.effects["effect"], atol=1e-4)


def simulated(rng: np.random.Generator, n: int, length_effect: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Style x is 80 % of the time the longer one, and better only because voters like length."""
    longer = np.where(rng.random(n) < 0.8, 1.0, -1.0) * rng.random(n)
    wins = rng.random(n) < 1 / (1 + np.exp(-length_effect * longer))
    flip = rng.random(n) < 0.5
    rows = [("y", "x", int(win)) if side else ("x", "y", int(not win)) for win, side in zip(wins, flip, strict=True)]
    controls = np.zeros((n, len(CONTROLS)))
    controls[:, 0] = np.where(flip, -longer, longer)
    return frame(rows), controls


def test_control_takes_the_effect_of_length_away() -> None:
    votes, controls = simulated(np.random.default_rng(3), 1_500, 3.0)
    plain, held = rank(votes, "style"), rank(votes, "style", controls)
    assert plain.rows["name"].iloc[0] == "x"
    assert plain.rows["low"].iloc[0] > 0.2
    strength = held.rows.set_index("name").loc["x"]
    assert strength["low"] < 0 < strength["high"]
    effect = held.effects.set_index("control").loc["length"]
    assert effect["low"] < 3.0 * np.sqrt(np.mean(controls[:, 0] ** 2)) < effect["high"]
    assert held.effects.set_index("control").loc["bold", "effect"] == pytest.approx(0, abs=1e-6)


def test_votes_on_one_question_are_less_than_votes_on_many() -> None:
    rows = [("x", "y", 0)] * 30 + [("y", "x", 0)] * 15
    apart = frame(rows)
    few = apart.assign(question=np.r_[np.arange(30) // 10, np.arange(15) // 5 + 3])
    wide, narrow = (rank(votes, "style").rows for votes in (few, apart))
    assert wide["strength"].tolist() == narrow["strength"].tolist()
    assert (wide["high"] - wide["low"]).iloc[0] > 1.5 * (narrow["high"] - narrow["low"]).iloc[0]
    one = rank(apart.assign(question=0), "style").rows
    assert one["low"].iloc[0] < -5 and one["high"].iloc[0] > 5


def test_the_slope_of_the_penalised_likelihood_vanishes_at_the_strengths() -> None:
    first, second = np.array([0, 0, 1, 2, 2]), np.array([1, 2, 2, 0, 1])
    score = np.array([1.0, 0.5, 0.0, 1.0, 0.2])
    fitted = fit_strengths(first, second, score, 3)
    np.testing.assert_allclose(strengths(first, second, score, 3), fitted.values)
    assert abs(fitted.values.sum()) < 1e-12
    gap = fitted.values[first] - fitted.values[second]
    pull = 1 / (1 + np.exp(-gap)) - score
    slope = np.bincount(first, pull, 3) - np.bincount(second, pull, 3) + 0.1 * fitted.values
    np.testing.assert_allclose(slope, 0, atol=1e-4)


def test_differences_are_shares_of_both() -> None:
    a, b = ("# Head\n\n- one\n- two **bold**",), ("one two three",)
    found = style_differences([a, b, ("",)], [b, a, ("",)])
    assert found[0, 1:].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert found[0, 0] == pytest.approx((4 - 3) / (4 + 3))
    np.testing.assert_array_equal(found[0], -found[1])
    assert found[2].tolist() == [0.0] * 5
    assert style_differences([], []).shape == (0, 5)

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from dashboard.votes.agreement import (
    agreement,
    agreement_by,
    agreement_by_style,
    agreement_over_time,
    confusion,
    judged_only,
    kappa,
    outcomes,
    period_of,
    with_outcomes,
)
from stacker.judge.verdict import Verdict

NAN = float("nan")


def votes(*rows: tuple[str, tuple[float, float, float], str, str, str]) -> pd.DataFrame:
    """Choice, verdict, style A, style B, time."""
    return with_outcomes(
        pd.DataFrame(
            {
                "choice": [row[0] for row in rows],
                "p_a": [row[1][0] for row in rows],
                "p_b": [row[1][1] for row in rows],
                "p_tie": [row[1][2] for row in rows],
                "style_a": [row[2] for row in rows],
                "style_b": [row[3] for row in rows],
                "voted_at": pd.to_datetime([row[4] for row in rows], utc=True),
                "prompt": [(f"question {number}",) for number in range(len(rows))],
            }
        )
    )


SIX = votes(
    ("a", (0.7, 0.2, 0.1), "brief", "thorough", "2026-03-01 10:00"),
    ("b", (0.7, 0.2, 0.1), "brief", "thorough", "2026-03-01 11:00"),
    ("tie", (0.2, 0.2, 0.6), "thorough", "brief", "2026-03-02 10:00"),
    ("both_bad", (0.1, 0.2, 0.7), "thorough", "brief", "2026-03-02 11:00"),
    ("b", (0.1, 0.8, 0.1), "thorough", "brief", "2026-03-04 09:00"),
    ("a", (NAN, NAN, NAN), "", "", "2026-03-04 10:00"),
)


def test_a_vote_agrees_where_the_call_is_its_outcome() -> None:
    assert SIX["outcome"].tolist() == [0, 1, 2, 2, 1, 0]
    assert SIX["called"].tolist() == [0, 0, 2, 2, 1, -1]
    assert SIX["agrees"].tolist()[:5] == [True, False, True, True, True]
    assert SIX["agrees"].isna().tolist() == [False] * 5 + [True]
    assert len(judged_only(SIX)) == 5


def test_no_votes_are_no_fault() -> None:
    none = judged_only(SIX)[:0]
    assert agreement(none) == {"votes": 0, "agreed": 0, "rate": None, "low": 0.0, "high": 1.0}
    assert agreement_over_time(none).empty
    assert agreement_by(none, "style_a").empty
    assert kappa(none).value is None
    assert with_outcomes(SIX[:0]).empty


SWAPPED = {"a": "b", "b": "a"}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "tie"]), *[st.integers(1, 5)] * 3), min_size=1, max_size=20))
def test_the_call_swaps_with_the_sides_and_agreement_stays(raw: list[tuple[str, int, int, int]]) -> None:
    rows = [(choice, np.array(counts) / sum(counts)) for choice, *counts in raw]
    straight = votes(*((choice, tuple(p), "", "", "2026-03-01") for choice, p in rows))
    turned = votes(*((SWAPPED.get(choice, choice), (p[1], p[0], p[2]), "", "", "2026-03-01") for choice, p in rows))
    assert np.array_equal(np.array([1, 0, 2])[turned["called"]], straight["called"])
    assert ["ABt"[call] for call in straight["called"]] == [Verdict.of(p).preferred[0] for _, p in rows]
    assert agreement(straight) == agreement(turned)
    assert np.array_equal(confusion(turned)[[1, 0, 2]][:, [1, 0, 2]], confusion(straight))


def test_rates_by_day_and_up_to_it() -> None:
    found = agreement_over_time(judged_only(SIX), "1D")
    assert found["votes"].tolist() == [2, 2, 1]
    assert found["rate"].tolist() == [0.5, 1.0, 1.0]
    assert found["rate_so_far"].tolist() == [0.5, 0.75, 0.8]
    expected = binomtest(4, 5).proportion_ci(0.95, method="exact")
    assert found["low_so_far"].iloc[-1] == pytest.approx(expected.low)
    assert found["high_so_far"].iloc[-1] == pytest.approx(expected.high)


@pytest.mark.parametrize(
    ("hours", "period"), [(0, "1min"), (0.3, "1min"), (15, "1h"), (24 * 15, "1D"), (24 * 100, "7D"), (24 * 900, "28D")]
)
def test_long_times_have_long_periods(hours: float, period: str) -> None:
    start = pd.Timestamp("2026-01-01", tz="UTC")
    assert period_of([start, start + pd.Timedelta(hours=hours)]) == period


def test_agreement_by_the_style_that_won() -> None:
    found = agreement_by_style(judged_only(SIX)).set_index("value")
    assert found.loc["brief", ["votes", "agreed"]].tolist() == [2, 2]  # rows 1 and 5
    assert found.loc["thorough", ["votes", "agreed"]].tolist() == [1, 0]  # row 2
    assert len(found) == 2


def test_confusion_has_votes_in_rows() -> None:
    assert confusion(judged_only(SIX)).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 2]]


def test_votes_on_one_question_move_together() -> None:
    rows = [("a", (0.7, 0.2, 0.1), "", "", "2026-03-01")] * 15 + [("b", (0.7, 0.2, 0.1), "", "", "2026-03-01")] * 15
    apart = votes(*rows)
    few = apart.assign(question=np.arange(30) // 10)
    wide, narrow = agreement(few), agreement(apart)
    assert (wide["rate"], wide["votes"]) == (narrow["rate"], narrow["votes"]) == (0.5, 30)
    assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])
    assert kappa(few).low is None


def counted(voted: np.ndarray, call: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"outcome": voted, "called": call, "question": np.arange(len(voted))})


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40))
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    voted, call = np.array(pairs).T
    found = kappa(counted(voted, call), draws=50)
    if len(set(voted)) == 1 and set(voted) == set(call):
        assert found.value is None  # nothing varies: agreement by chance alone is certain
        return
    assert found.value == pytest.approx(cohen_kappa_score(voted, call), abs=1e-12)
    if len(voted) < 10:
        assert found.low is None and found.high is None
    else:
        assert found.low is not None and found.high is not None and found.low < found.high


def test_a_kappa_of_1_may_be_chance() -> None:
    voted = np.arange(12) % 3
    found = kappa(counted(voted, voted))
    assert found.value == 1.0 and found.low is not None and 0.4 < found.low < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("votes_each", [1, 4])
@pytest.mark.parametrize(("questions", "agreeing"), [(12, 0.5), (12, 0.9), (40, 0.2), (40, 0.7), (40, 0.95)])
def test_kappas_interval_covers_the_truth(questions: int, agreeing: float, votes_each: int) -> None:
    prior = np.array([0.42, 0.38, 0.2])
    shares = agreeing * np.diag(prior) + (1 - agreeing) * np.outer(prior, prior)
    chance = prior @ prior
    truth = (np.trace(shares) - chance) / (1 - chance)
    rng, inside = np.random.default_rng(7), []
    for draw in range(300):
        # Three votes in four say the same as another on their question.
        first = rng.choice(9, p=shares.ravel(), size=(questions, 1))
        free = rng.choice(9, p=shares.ravel(), size=(questions, votes_each))
        cells = np.where(rng.random(free.shape) < 0.75, first, free).ravel()
        frame = counted(cells // 3, cells % 3).assign(question=np.repeat(np.arange(questions), votes_each))
        found = kappa(frame, draws=400, seed=draw)
        if found.low is not None and found.high is not None:
            inside.append(found.low <= truth <= found.high)
    assert np.mean(inside) > 0.87


def test_every_choice_has_an_outcome() -> None:
    assert outcomes(pd.Series(["a", "b", "tie", "both_bad"])).tolist() == [0, 1, 2, 2]

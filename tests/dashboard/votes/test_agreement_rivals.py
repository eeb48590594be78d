"""What chance and the longer answer would agree with: by hand, swapped, and with intervals that cover."""

import numpy as np
import pandas as pd
import pytest

from dashboard.votes.agreement import agreement_over_time
from dashboard.votes.agreement_rivals import Rate, chance_agreement, longer_agreement


def votes(outcome: list[int], called: list[int], lengths: list[tuple[int, int]] | None = None) -> pd.DataFrame:
    n = len(outcome)
    found = pd.DataFrame({"outcome": outcome, "called": called, "question": np.arange(n)})
    if lengths is not None:
        found["response_a"] = pd.Series([("x" * a,) for a, _ in lengths], dtype=object)
        found["response_b"] = pd.Series([("y" * b,) for _, b in lengths], dtype=object)
    return found


def test_by_hand() -> None:
    # votes 1/2, 1/4, 1/4; calls 3/4, 0, 1/4: by chance 3/8 + 0 + 1/16
    found = votes([0, 0, 1, 2], [0, 0, 0, 2], [(9, 2), (2, 9), (2, 9), (4, 4)])
    assert chance_agreement(found).value == pytest.approx(7 / 16)
    # the longer answers: A, B, B and neither; all but the second are right
    assert longer_agreement(found).value == pytest.approx(3 / 4)
    weighed = found.assign(weight=[1.0, 1.0, 1.0, 5.0])
    assert longer_agreement(weighed).value == pytest.approx(7 / 8)
    assert chance_agreement(found[:0]) == longer_agreement(found[:0]) == Rate(None, None, None)
    assert longer_agreement(votes([0], [0])).value is None


def test_swapped_sides_change_nothing() -> None:
    rng = np.random.default_rng(0)
    outcome, called, lengths = rng.integers(0, 3, 60), rng.integers(0, 3, 60), rng.integers(1, 9, (60, 2))
    flip = np.array([1, 0, 2])
    one = votes(outcome.tolist(), called.tolist(), [(int(a), int(b) - 1) for a, b in lengths])
    other = one.assign(
        outcome=flip[outcome], called=flip[called], response_a=one["response_b"], response_b=one["response_a"]
    )
    assert chance_agreement(one).value == chance_agreement(other).value
    assert longer_agreement(one) == longer_agreement(other)


def test_over_time_both_are_so_far() -> None:
    found = votes([0, 1, 1, 0], [0, 0, 1, 0], [(9, 2), (9, 2), (2, 9), (9, 2)])
    found["voted_at"] = pd.to_datetime([f"2026-03-0{day}" for day in (1, 2, 3, 4)], utc=True)
    found["agrees"] = found["outcome"] == found["called"]
    table = agreement_over_time(found, "1D")
    assert table["longer_so_far"].tolist() == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])
    assert table["chance_so_far"].tolist() == pytest.approx([1, 1 / 2, 1 / 3 * 2 / 3 + 2 / 3 * 1 / 3, 1 / 2])
    assert agreement_over_time(found.drop(columns="response_a"), "1D")["longer_so_far"].isna().all()


@pytest.mark.slow
def test_the_intervals_cover() -> None:
    rng, inside = np.random.default_rng(1), {"chance": 0, "longer": 0}
    p, q = np.array([0.4, 0.35, 0.25]), np.array([0.5, 0.4, 0.1])
    trials = 300
    for _ in range(trials):
        outcome, called = rng.choice(3, 120, p=p), rng.choice(3, 120, p=q)
        longer = rng.random(120) < 0.55
        lengths = [(9, 1) if (o == 0) == bool(right) else (1, 8) for o, right in zip(outcome, longer, strict=True)]
        found = votes(outcome.tolist(), called.tolist(), lengths)
        found["question"] = np.arange(120) // 2
        chance = chance_agreement(found, draws=400)
        inside["chance"] += chance.low <= p @ q <= chance.high
        truth = p[0] * 0.55 + p[1] * 0.55  # nobody's longer answer is a tie; of B the longer one is B's with .55
        rate = longer_agreement(found)
        inside["longer"] += rate.low <= truth <= rate.high
    assert min(inside.values()) / trials >= 0.92, inside

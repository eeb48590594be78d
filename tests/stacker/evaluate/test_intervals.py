import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stacker.evaluate.intervals import (
    LEAST_GROUPS,
    Groups,
    difference_interval,
    draws_interval,
    in_words,
    mean_interval,
    ratio_interval,
    resampled_interval,
    share_interval,
)

LOSSES = -np.log([0.45, 0.3, 0.25])
"""What a judge pays that gives three outcomes these probabilities and is right to."""


def test_groups_of_one_size_have_the_interval_of_their_means():
    values = np.random.default_rng(0).normal(size=(12, 3))
    found = mean_interval(values.ravel(), np.repeat(np.arange(12), 3))
    expected = stats.ttest_1samp(values.mean(axis=1), 0).confidence_interval(0.95)
    assert (found["low"], found["high"]) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert found["mean"] == pytest.approx(values.mean())


def test_a_prompt_that_holds_most_battles_does_not_look_certain():
    values = np.random.default_rng(1).normal(size=40)
    group = np.minimum(np.arange(40), 11)  # eleven prompts of one battle, and one of 29
    giant, apart = mean_interval(values, group), mean_interval(values, np.arange(40))
    assert giant["high"] - giant["low"] > 1.3 * (apart["high"] - apart["low"])
    assert Groups.of(group).reach() > 3


@pytest.mark.parametrize("groups", [1, 2, LEAST_GROUPS - 1])
def test_few_prompts_have_no_interval_instead_of_one_of_no_width(groups):
    values, group = np.random.default_rng(2).normal(size=60), np.arange(60) % groups
    assert mean_interval(values, group) == {"mean": pytest.approx(values.mean()), "low": None, "high": None}
    gap = difference_interval(values, np.zeros(60), group)
    assert (gap["low"], gap["high"]) == (None, None) and "fewer than 10 prompts" in in_words(gap)
    ratio = ratio_interval(values + 2, np.full(60, 2.0), group)
    assert ratio["ratio"] is not None and ratio["low"] is None
    assert resampled_interval(lambda counts: counts[:, 0], np.ones((groups, 2)), np.ones(2)) == (None, None)


def test_a_difference_is_paired():
    rng = np.random.default_rng(3)
    losses, gain = rng.normal(5, 3, size=50), rng.normal(0.1, 0.05, size=50)
    found = difference_interval(losses, losses + gain, np.arange(50))
    assert found["difference"] == pytest.approx(-gain.mean())
    assert -0.13 < found["low"] < found["high"] < -0.07
    assert in_words(found).endswith("(paired, by prompt)")
    assert difference_interval(losses, losses, np.arange(50)) == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_a_ratio_lies_between_the_values_whose_difference_may_be_0():
    rng = np.random.default_rng(4)
    bottom = rng.normal(1, 1, size=60)
    top, group = 0.4 * bottom + rng.normal(0, 0.5, size=60), np.arange(60) // 2
    found = ratio_interval(top, bottom, group)
    for end in (found["low"], found["high"]):
        at = mean_interval(top - end * bottom, group)
        assert min(abs(at["low"]), abs(at["high"])) == pytest.approx(0, abs=1e-9)
    assert found["low"] < found["ratio"] < found["high"]
    may_be_0 = ratio_interval(top, rng.normal(0.05, 1, size=60), group)
    assert may_be_0["low"] is None
    assert ratio_interval(top, -np.abs(bottom), group) == {"ratio": None, "low": None, "high": None}


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_share_of_rows_apart_is_exact(hits, misses, level):
    values = np.repeat([1.0, 0.0], [hits, misses])
    low, high = share_interval(values, np.arange(len(values)), level)
    if not len(values):
        assert (low, high) == (0.0, 1.0)
        return
    expected = stats.binomtest(hits, hits + misses).proportion_ci(level, method="exact")
    assert (low, high) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))


def test_rows_of_one_group_are_worth_one_row():
    alone = share_interval(np.ones(1), np.zeros(1))
    assert share_interval(np.ones(500), np.zeros(500)) == pytest.approx(alone)
    low, high = share_interval(np.repeat([1.0, 0.0, 1.0, 1.0], 50), np.repeat(np.arange(4), 50))
    assert low < 0.25 and high > 0.98


def test_what_was_not_seen_yet_is_not_impossible():
    all_agree = np.eye(3)[np.arange(30) % 3]
    low, high = resampled_interval(lambda counts: counts[:, 0] / counts.sum(axis=1), all_agree, np.full(3, 1 / 3))
    assert 0.1 < low < 1 / 3 < high < 0.6
    never = np.tile([1.0, 0.0], (30, 1))
    low, high = resampled_interval(lambda counts: counts[:, 1] / counts.sum(axis=1), never, np.full(2, 1 / 2))
    assert 0 <= low < 0.01 < high < 0.2


def test_draws_that_share_their_battles_are_not_taken_for_others():
    """Two draws of 20 of 40: what differs between battles and what differs between draws add up."""
    of_battle, of_draw = np.arange(40) / 10, np.array([0.0, 0.6])
    values = of_battle + of_draw[:, None]
    values[0, :20], values[1, 20:] = np.nan, np.nan
    found = draws_interval(values, 20, np.arange(40))
    assert found["mean"] == pytest.approx((np.arange(20, 40).mean() / 10 + np.arange(20).mean() / 10 + 0.6) / 2)
    alike = draws_interval(np.where(np.isnan(values), np.nan, of_battle), 20, np.arange(40))
    assert alike["high"] - alike["mean"] == pytest.approx(
        stats.t.ppf(0.975, 39) * of_battle.std(ddof=1) / np.sqrt(40), rel=1e-6
    )
    few, most = (draws_interval(np.random.default_rng(0).normal(size=(5, 40)), size, np.arange(40)) for size in (4, 36))
    assert most["high"] - most["low"] > 2 * (few["high"] - few["low"])
    assert draws_interval(values[:1], 20, np.arange(40))["low"] is None


def sizes_of(kind, groups):
    return {
        "single": np.ones(groups, dtype=int),
        "unequal": 1 + np.arange(groups) % 4 * 3,
        "one giant": np.r_[np.ones(groups - 1, dtype=int), 3 * groups],
    }[kind]


def alike(rng, sizes, share):
    """Uniform numbers, those of a group the more alike the larger the share."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    mixed = np.sqrt(share) * rng.normal(size=len(sizes))[group] + np.sqrt(1 - share) * rng.normal(size=len(group))
    return stats.norm.cdf(mixed), group


DRAWN = {
    "normal": (stats.norm.ppf, 0.0),
    "log loss": (lambda u: LOSSES[np.searchsorted([0.45, 0.75], u)], float(LOSSES @ np.exp(-LOSSES))),
    "exponential": (stats.expon.ppf, 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["single", "unequal", "one giant"])
@pytest.mark.parametrize("groups", [10, 30, 100])
@pytest.mark.parametrize("values", DRAWN)
def test_intervals_of_means_cover(values, groups, kind):
    rng, (drawn, truth) = np.random.default_rng(groups), DRAWN[values]
    inside = []
    for _ in range(2000):
        uniform, group = alike(rng, sizes_of(kind, groups), 0.3)
        found = mean_interval(drawn(uniform), group)
        inside.append(found["low"] <= truth <= found["high"])
    # An exponential distribution has the skew of a judge that is very sure; of ten of it little can be known: 0.89.
    assert np.mean(inside) > (0.87 if values == "exponential" else 0.92)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["single", "unequal", "one giant"])
@pytest.mark.parametrize("groups", [10, 30, 100])
def test_intervals_of_ratios_cover(groups, kind):
    rng, inside = np.random.default_rng(groups), []
    for _ in range(600):
        first, group = alike(rng, sizes_of(kind, groups), 0.3)
        second, _ = alike(rng, sizes_of(kind, groups), 0.3)
        bottom = 0.5 + stats.norm.ppf(first)
        found = ratio_interval(0.4 * bottom + 0.6 * stats.norm.ppf(second), bottom, group)
        # No bounds is the right answer where the bottom may be 0; it is no failure to cover.
        inside.append(found["low"] is None or found["low"] <= 0.4 <= found["high"])
    assert np.mean(inside) > 0.92


@pytest.mark.slow
@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("kind", ["single", "unequal", "one giant"])
@pytest.mark.parametrize(
    ("groups", "truth"), [(1, 0.6), (2, 0.8), (3, 0.5), (10, 0.5), (10, 0.8), (50, 0.8), (50, 0.95)]
)
def test_intervals_of_shares_cover_from_one_vote_on(groups, truth, kind, likeness):
    if kind == "single" and likeness:
        pytest.skip("single rows are alike to nothing")
    rng, inside = np.random.default_rng(groups), []
    for _ in range(400):
        uniform, group = alike(rng, sizes_of(kind, groups), likeness)
        low, high = share_interval((uniform < truth).astype(float), group)
        inside.append(low <= truth <= high)
    assert np.mean(inside) > 0.88


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, 60, 200])
def test_intervals_over_draws_cover_what_other_battles_would_give(size):
    """Logistic regressions on draws from 300 battles: how good is one that trained on so many, on average?"""
    rng = np.random.default_rng(size)
    truth, start = rng.normal(size=(2, 6)) * 0.4

    def battles(count):
        x = rng.normal(size=(count, 6))
        return x, (rng.random(count) < 1 / (1 + np.exp(-x @ truth))).astype(float)

    def fitted(x, y, towards, pull):
        theta = towards
        for _ in range(6):
            p = 1 / (1 + np.exp(-x @ theta))
            curvature = (x.T * (p * (1 - p))) @ x + pull * np.eye(6)
            theta = theta - np.linalg.solve(curvature, x.T @ (p - y) + pull * (theta - towards))
        return theta

    def losses(x, y, rows):
        own = fitted(x[rows], y[rows], np.zeros(6), 1.0), fitted(x[rows], y[rows], start, 20.0)
        return [np.logaddexp(0, x @ theta) - y * (x @ theta) for theta in own]

    held, learn = battles(4000), [battles(size) for _ in range(800)]
    rows = np.arange(size)
    both = [tuple(map(np.concatenate, zip(part, held, strict=True))) for part in learn]
    wanted = np.mean([[each[size:].mean() for each in losses(*part, rows)] for part in both], axis=0)
    inside = []
    for _ in range(150):
        x, y = battles(300)
        found = np.full((2, 6, 300), np.nan)
        for draw in range(6):
            rows = rng.permutation(300)[:size]
            rest = np.setdiff1d(np.arange(300), rows)
            for kind, each in enumerate(losses(x, y, rows)):
                found[kind, draw, rest] = each[rest]
        for values, true in ((found[0], wanted[0]), (found[1] - found[0], wanted[1] - wanted[0])):
            interval = draws_interval(values, size, np.arange(300))
            inside.append(interval["low"] <= true <= interval["high"])
    assert np.mean(inside) > 0.93

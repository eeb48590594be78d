"""Means, tests and false alarms of an audit: by hand, and by simulation where prompts come several at a time."""

import numpy as np
import pytest

from stacker.audit.effects import Sample, false_alarms, holm, p_value, sample_mean, share


def clustered(random, prompts, each, mean, spread, hard, most=0.5):
    """Return values of prompts with something in common, and their groups."""
    group = np.repeat(np.arange(prompts), each)
    values = mean + spread * (0.6 * random.standard_normal(prompts)[group] + 0.8 * random.standard_normal(len(group)))
    if hard:
        values = np.where(random.random(len(group)) < 0.5 + np.clip(values, -0.5, 0.5), most, -most)
    return values, group


def test_holm_by_hand():
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


def test_a_mean_by_hand():
    values = np.array([0.1, 0.2, 0.3, 0.4] * 5) / 2
    found = sample_mean(Sample(values, np.arange(20), 0.5))
    error = values.std(ddof=1) / np.sqrt(20)
    assert found["mean"] == pytest.approx(0.125) and found["high"] == pytest.approx(0.125 + 2.093 * error, abs=1e-4)


def test_nine_prompts_have_no_interval_and_no_test():
    few = Sample(np.full(90, 0.5), np.repeat(np.arange(9), 10), 0.5)
    assert sample_mean(few) == {"mean": 0.5, "low": None, "high": None} and p_value(few) is None
    assert sample_mean(Sample(np.array([]), np.array([], dtype=int), 0.5))["mean"] is None
    assert share(np.array([]), np.array([]))["share"] is None
    assert false_alarms([few], 0) == {"draws": 1000, "one": None, "any": None}


def test_verdicts_that_are_all_alike_leave_some_doubt():
    found = sample_mean(Sample(np.full(50, 0.5), np.arange(50), 0.5))
    assert found["mean"] == found["high"] == 0.5 and 0.3 < found["low"] < 0.5


def test_one_sided_tests_find_one_side():
    values, group = clustered(np.random.default_rng(0), 60, 2, 0.1, 0.1, hard=False)
    assert p_value(Sample(values, group, 0.5)) < 1e-6 and p_value(Sample(-values, group, 0.5)) > 0.999
    assert p_value(Sample(-values, group, 0.5, two_sided=True)) == pytest.approx(
        2 * p_value(Sample(values, group, 0.5))
    )
    assert p_value(Sample(values, group, 0.5, null=0.1)) > 0.01


@pytest.mark.parametrize("hard", [False, True])
def test_false_alarms_are_at_their_level_whatever_the_judge_does(hard):
    random = np.random.default_rng(1)
    samples = []
    for place in range(8):
        values, group = clustered(random, 120, 2, 0.2 * (place % 2), 0.3, hard)
        samples.append(Sample(values, group, 0.5 if hard else 5.0, two_sided=place % 3 == 0))
    found = false_alarms(samples, 0, draws=2000)
    assert 0.03 < found["one"] < 0.065 and 0.02 < found["any"] < 0.07


def test_one_draw_of_false_alarms_is_the_test_itself():
    values, group = clustered(np.random.default_rng(2), 30, 3, 0.0, 0.3, hard=False)
    signs = np.random.default_rng([7, 5]).integers(0, 2, (400, 30)) * 2.0 - 1
    p = np.array([p_value(Sample(values * flips[group], group, 9.0)) for flips in signs])
    assert false_alarms([Sample(values, group, 9.0)], 7, draws=400)["one"] == pytest.approx(np.mean(p < 0.05))


@pytest.mark.slow
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("mean", [0.0, 0.2, 0.47])
@pytest.mark.parametrize("prompts", [15, 60])
def test_intervals_cover_and_tests_hold_their_level(hard, mean, prompts):
    random = np.random.default_rng(3)
    covered = flagged = 0
    truth = mean if not hard else np.mean(clustered(np.random.default_rng(9), 200_000, 2, mean, 0.1, True)[0])
    for _ in range(1500):
        values, group = clustered(random, prompts, 2, mean, 0.1, hard)
        sample = Sample(values, group, 0.5 if hard else 5.0)
        found = sample_mean(sample)
        covered += found["low"] <= truth <= found["high"]
        flagged += p_value(Sample(values, group, sample.bound, null=float(truth))) < 0.05
    assert covered >= 0.93 * 1500 and flagged <= 0.075 * 1500

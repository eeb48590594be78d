"""When a judge abstains: the guarantee holds in simulation and on real votes, and is saved with the judge."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small_judges import battles, small_judge

from pipelines.battles.arrays import FLIP
from pipelines.battles.folds import prompt_groups
from pipelines.errors import UserError
from pipelines.formats.reading import read_battles
from stacker.evaluate.metrics import most_probable
from stacker.judge.abstention import (
    OVER_TIE,
    THRESHOLDS,
    Abstention,
    ThresholdResult,
    certainty,
    chosen_abstention,
    one_of_each,
    threshold_results,
)
from stacker.judge.judge import Judge
from stacker.judge.verdict import Verdict
from stacker.learners.stacking.pool import probabilities_of
from stacker.learners.stacking.recalibration import Recalibration, fit_recalibration
from stacker.recalibrate import judge_of, recalibrated

REAL = Path(__file__).parents[4] / "shared" / "data" / "battles"
SETS = ("arena33k_samples", "autoj_test", "cohere_hf_paper", "llmeval2_zh_derived")


def verdicts(n, seed=0):
    rng = np.random.default_rng(seed)
    return probabilities_of(rng.normal(0, 1.2, n), rng.normal(-0.4, 0.4, n))


def drawn(probabilities, rng):
    return np.minimum((rng.random(len(probabilities))[:, None] > probabilities.cumsum(axis=1)).sum(axis=1), 2)


def split_once(said, outcome, group, votes, agreement, level, seed):
    """Return whether a threshold was found, and whether what is guaranteed fails on the rest."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(said))
    few, rest = rows[:votes], rows[votes:]
    fitted = fit_recalibration(said[few], outcome[few])
    one = few[one_of_each(group[few], rng.random(votes))]
    tested = threshold_results(said[one], outcome[one], agreement, level)
    found = chosen_abstention(tested, fitted, len(one), agreement, level)
    if found is None:
        return False, False
    after = fitted.apply(said[rest])
    decided = found.decides(after)
    called = most_probable(after)[decided]
    assert (called != 2).all()  # what is decided is a side, whatever the recalibration did to ties
    np.testing.assert_array_equal(decided, certainty(said[rest]) >= found.threshold)
    return True, bool(decided.any() and (called == outcome[rest][decided]).mean() < agreement)


def test_the_thresholds_by_hand():
    said = np.array([[0.85, 0.05, 0.1]] * 20 + [[0.1, 0.65, 0.25]] * 20 + [[0.45, 0.15, 0.4]] * 20 + [[0.3, 0.3, 0.4]])
    outcome = np.array([0] * 20 + [1] * 10 + [0] * 10 + [2] * 20 + [2])
    found = threshold_results(said, outcome, 0.6, 0.9)
    assert [each.decided for each in found] == [20, 20, 40, 40, 40, 40]  # the third kind is hardly likelier than a tie
    assert [each.agreed for each in found] == [20, 20, 30, 30, 30, 30]
    assert all(
        each.passed for each in found
    )  # binom.sf(29, 40, .6) = .035 is above .1 / 6, but not with what is handed
    assert not any(each.passed for each in threshold_results(said, outcome, 0.9, 0.9)[2:])
    alone = threshold_results(said[20:], outcome[20:], 0.4, 0.9)
    assert not any(each.passed for each in alone)


def test_a_threshold_is_raised_until_no_tie_is_decided():
    tested = [ThresholdResult(each, 50, 45, 0.8, 1.0, True) for each in THRESHOLDS]
    chosen = [chosen_abstention(tested, Recalibration(1.0, away), 60, 0.6, 0.9) for away in (-1.0, 0.2, 0.5, 1.0, 5.0)]
    assert [None if each is None else each.threshold for each in chosen] == [0.0, 0.0, 0.7, 0.8, None]
    assert np.log(OVER_TIE) > 0.2
    failed = [ThresholdResult(each, 50, 20, 0.2, 0.5, False) for each in THRESHOLDS]
    assert chosen_abstention(failed, Recalibration(), 60, 0.6, 0.9) is None


def test_one_vote_of_each_prompt_whatever_the_order():
    group, key = np.array([3, 1, 3, 1, 2]), np.array(["b", "z", "a", "y", "q"])
    assert one_of_each(group, key).tolist() == [2, 3, 4]
    order = np.array([4, 2, 0, 3, 1])
    assert sorted(order[one_of_each(group[order], key[order])].tolist()) == [2, 3, 4]


def test_swapped_sides_are_decided_alike():
    said = verdicts(400)
    outcome = drawn(said, np.random.default_rng(1))
    here = threshold_results(said, outcome, 0.5, 0.8)
    assert threshold_results(said[:, FLIP], np.array(FLIP)[outcome], 0.5, 0.8) == here
    found = chosen_abstention(here, Recalibration(1.3, 0.1), 400, 0.5, 0.8)
    np.testing.assert_array_equal(found.decides(said[:, FLIP]), found.decides(said))
    even = np.array([[0.49, 0.49, 0.02]])
    assert not found.decides(even)[0]


def test_the_guarantee_fails_in_at_most_alpha_of_the_times_where_the_judge_is_as_bad_as_can_be_borne():
    said = verdicts(60_000)
    sure = certainty(said)
    rng = np.random.default_rng(0)
    for agreement, level in ((0.6, 0.9), (0.6, 0.8)):
        # Every decided battle agrees a little less often than is asked for: any threshold that passes is wrong.
        agrees = rng.random(len(said)) < agreement - 0.005
        side = np.where(said[:, 0] > said[:, 1], 0, 1)
        outcome = np.where(agrees & (sure >= 0), side, np.where(rng.random(len(said)) < 0.5, 1 - side, 2))
        wrong = 0
        for seed in range(300):
            rows = np.random.default_rng(seed).choice(len(said), 100, replace=False)
            wrong += any(each.passed for each in threshold_results(said[rows], outcome[rows], agreement, level))
        assert wrong / 300 < 1 - level + 0.03


@cache
def real(name):
    path = REAL / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name}: real battles are not next to this checkout")
    votes, _ = read_battles(path, labelled=True)
    votes = votes.iloc[np.random.default_rng(0).permutation(len(votes))[:1500]]
    return Judge.load().predict_proba(votes), votes["outcome"].to_numpy(), prompt_groups(votes["prompt"])


@pytest.mark.slow
@pytest.mark.parametrize("agreement", [0.4, 0.5, 0.6, 0.7])
@pytest.mark.parametrize("name", SETS)
def test_the_guarantee_fails_in_at_most_alpha_of_200_splits_of_real_votes(name, agreement):
    said, outcome, group = real(name)
    found = [split_once(said, outcome, group, 100, agreement, 0.9, seed) for seed in range(200)]
    assert sum(wrong for _, wrong in found) <= 20, f"{sum(some for some, _ in found)} thresholds"


@pytest.fixture(scope="module")
def judge():
    """Return a small judge with a threshold."""
    small = small_judge(embedding=False)
    frame, outcome = battles(300, seed=5)
    said = small.predict_proba(frame)
    found = recalibrated(said, outcome, np.arange(300), np.arange(300).astype(str), agreement=0.4, level=0.8)
    assert found.abstention is not None
    return judge_of(small, found, 300)


def test_the_threshold_is_saved_with_the_judge_and_shown_everywhere(judge, tmp_path):
    judge.save(tmp_path / "judge")
    loaded = Judge.load(tmp_path / "judge")
    assert loaded.abstention == judge.abstention
    frame, _ = battles(60, seed=9)
    many = loaded.compare_many(frame)
    assert many["decided"].dtype == bool and 0 < many["decided"].mean() < 1
    for row in range(4):
        verdict = loaded.compare(*frame.iloc[row])
        assert verdict.decided is bool(many["decided"].iloc[row]) and verdict.swapped().decided is verdict.decided
        assert verdict.to_dict()["decided"] is verdict.decided
        assert loaded.explain(*frame.iloc[row]).verdict == verdict
        assert ("abstains" in str(loaded.explain(*frame.iloc[row]))) is not verdict.decided
    ranked = loaded.rank(frame["prompt"][0], [turns for turns in frame["response_a"][:4]])
    assert all(0 <= each.decided <= 1 for each in ranked)


def test_a_judge_without_a_threshold_is_as_it_was(tmp_path):
    small = small_judge(embedding=False)
    small.save(tmp_path / "judge")
    assert "abstention" not in json.loads((tmp_path / "judge" / "judge.json").read_text())
    frame, _ = battles(5)
    assert list(small.compare_many(frame).columns) == ["winner_model_a", "winner_model_b", "winner_tie"]
    assert small.compare(*frame.iloc[0]).decided is None and "decided" not in Verdict(0.5, 0.3, 0.2).to_dict()
    assert small.rank("Why?", ["so", "no"])[0].decided is None


@pytest.mark.parametrize(
    "change", [{"threshold": 2.0}, {"level": "high"}, {"votes": 0}, {"more": 1}, {"temperature": 0}]
)
def test_a_threshold_that_is_none_is_refused(judge, tmp_path, change):
    judge.save(tmp_path / "judge")
    path = tmp_path / "judge" / "judge.json"
    found = json.loads(path.read_text())
    found["abstention"] |= change
    path.write_text(json.dumps(found))
    with pytest.raises(UserError, match="judge.json"):
        Judge.load(tmp_path / "judge")


def test_what_is_saved_comes_back():
    made = Abstention(0.5, Recalibration(1.25, -0.5), 0.6, 0.9, 80, 31)
    assert Abstention.from_dict(json.loads(json.dumps(made.to_dict()))) == made

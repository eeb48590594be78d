import numpy as np
import pytest
from outside_files import oracle

from pipelines.errors import UserError
from stacker.judge.members import Member, cascaded
from stacker.learners.judges.judge_record import PoolRecord
from stacker.learners.learner_interface import LearnerData
from stacker.learners.stacking.cascade import ALWAYS, Cascade, cascade_curve, chosen_cascade, told_cascade
from stacker.learners.stacking.pool import Pool

N = 3000


def drawn(seed=0, sharpness=0.8):
    random = np.random.default_rng(seed)
    outcome = random.choice(3, N, p=[0.35, 0.35, 0.3])
    free = oracle(random, outcome, 0.5)
    odds = free * oracle(random, outcome, sharpness) / [0.35, 0.35, 0.3]
    return outcome, np.arange(N), free, odds / odds.sum(axis=1, keepdims=True)


def test_the_curve_goes_from_never_to_always_asking():
    outcome, group, free, full = drawn()
    curve = cascade_curve(free, full, outcome, group)
    rows = np.arange(N)
    assert [curve[0]["asked"], curve[-1]["asked"]] == [0.0, 1.0] and curve[-1]["threshold"] == ALWAYS
    assert curve[0]["log_loss"] == pytest.approx(-np.log(free[rows, outcome]).mean())
    assert curve[-1]["log_loss"] == pytest.approx(-np.log(full[rows, outcome]).mean())
    assert curve[0]["gain"]["difference"] == 0 and curve[-1]["agreement"] > curve[0]["agreement"] + 0.05
    assert all(abs(point["asked"] - place / 20) < 0.01 for place, point in enumerate(curve))


def test_it_asks_as_little_as_keeps_what_is_wanted_and_nothing_where_nothing_is_shown():
    outcome, group, free, full = drawn()
    curve = cascade_curve(free, full, outcome, group)
    half, most = chosen_cascade(curve, 0.5), chosen_cascade(curve, 0.95)
    assert 0 < half.share < most.share < 1
    held = np.where(most.asks(free)[:, None], full, free)
    kept = np.log(held[np.arange(N), outcome] / free[np.arange(N), outcome]).mean()
    whole = np.log(full[np.arange(N), outcome] / free[np.arange(N), outcome]).mean()
    assert kept >= 0.95 * whole
    useless = chosen_cascade(cascade_curve(free, free[:, [1, 0, 2]], outcome, group), 0.9)
    assert useless == Cascade(0.0, 0.0, 0.9) and "asks nothing" in told_cascade(0.0, 0.9)


def test_a_threshold_holds_for_battles_that_it_was_not_chosen_on():
    outcome, group, free, full = drawn(1)
    chosen = chosen_cascade(cascade_curve(free, full, outcome, group), 0.9)
    outcome, group, free, full = drawn(2)
    asked = chosen.asks(free)
    assert abs(asked.mean() - chosen.share) < 0.04
    rows = np.arange(N)
    gain = np.log(full[rows, outcome] / free[rows, outcome])
    assert gain[asked].sum() > 0.8 * gain.sum()


class Fixed:
    """A learner that says what it is told to, and counts what it is asked."""

    def __init__(self, probabilities):
        self.probabilities, self.asked = probabilities, []

    def predict_proba(self, data):
        self.asked += data.texts["row"].tolist()
        return self.probabilities[data.texts["row"].to_numpy()]


class Asked(Fixed):
    def judged_effects(self, data, scale):
        return []


class Rows:
    """Pair features of a number of battles."""

    def take(self, rows):
        return self


def test_only_battles_below_the_threshold_are_asked_about_and_the_pool_is_read_back():
    import pandas as pd

    free = np.array([[0.8, 0.1, 0.1], [0.4, 0.3, 0.3], [0.1, 0.85, 0.05]])
    first, second = Fixed(free), Asked(free[:, [1, 0, 2]])
    pool = Pool.even(2)
    pool.fallbacks_ = {(1,): Pool.even(1)}
    data = LearnerData(pd.DataFrame({"row": [0, 1, 2]}), Rows(), None)
    members = [Member("first", "linear", first), Member("second", "language_judge", second)]
    with pytest.raises(UserError, match="leave out --cascade"):
        cascaded(members, pool, data)
    pool.cascade_ = Cascade(0.5, 0.3, 0.9)
    said = cascaded(members, pool, data)
    assert second.asked == [1] and np.isnan(said[[0, 2], 1]).all() and np.isfinite(said[1]).all()
    again = Pool.from_dict(PoolRecord.model_validate(pool.to_dict()).model_dump())
    assert again.cascade_ == pool.cascade_ and list(again.fallbacks_) == [(1,)]
    assert np.allclose(again.predict_proba(said)[0], free[0])

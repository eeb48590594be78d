"""The table of what few votes bring."""

import numpy as np

from stacker.bench.few_votes import gain
from stacker.learners.stacking.pool import probabilities_of
from stacker.learners.stacking.recalibration import Recalibration


def test_what_is_won_on_the_rest_is_seen_and_nothing_where_the_judge_is_right():
    rng = np.random.default_rng(0)
    said = probabilities_of(rng.normal(0, 0.8, 1500), rng.normal(-0.2, 0.3, 1500))
    for truth, helps in ((Recalibration(1.0, -1.2), True), (Recalibration(), False)):
        drawn = rng.random(1500)[:, None] > truth.apply(said).cumsum(axis=1)
        found = gain(said, np.minimum(drawn.sum(axis=1), 2), np.arange(1500), 100, 10)
        assert (found["high"] < 0) is helps and found["low"] < found["mean"] < found["high"]

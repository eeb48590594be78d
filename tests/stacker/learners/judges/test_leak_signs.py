import numpy as np
import pytest
from outside_files import oracle

from stacker.evaluate.metrics import log_loss
from stacker.learners.judges.leak_signs import leak_signs
from stacker.learners.learner_interface import Fit
from stacker.learners.stacking.stack import StackParams, cross_fitted, fit_stack

N = 1500


def drawn(seed):
    random = np.random.default_rng(seed)
    outcome = random.choice(3, N, p=[0.35, 0.35, 0.3])
    return random, outcome, np.arange(N) // 2, np.arange(N) // 2 % 5


def made_sharper(said, temperature):
    odds = said ** (1 / temperature)
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("temperature", [0.8, 1.0, 1.2])
def test_honest_predictions_are_not_suspected(seed, temperature):
    random, outcome, group, folds = drawn(seed)
    said = made_sharper(oracle(random, outcome), temperature)
    test = made_sharper(oracle(random, outcome), temperature)
    assert leak_signs(said, outcome, group, folds, test) == []


def test_each_kind_of_leak_is_noticed():
    random, outcome, group, folds = drawn(0)
    honest, truth = oracle(random, outcome), np.eye(3)[outcome]
    told = {
        "near zero": leak_signs(0.1 * honest + 0.9 * truth, outcome, group, folds),
        "memorised": leak_signs(
            np.where((np.arange(N) % 10 == 0)[:, None], 0.99 * truth + 0.01 / 3, honest), outcome, group, folds
        ),
        # Trained on them, but with so much restraint that it does not look sure.
        "modest": leak_signs(0.75 * honest + 0.25 * truth, outcome, group, folds),
        "one fold": leak_signs(
            np.where((folds == 2)[:, None], 0.6 * honest + 0.4 * truth, honest), outcome, group, folds
        ),
        "sharper": leak_signs(made_sharper(honest, 0.5), outcome, group, folds, honest),
    }
    assert "its log loss is 0." in told["near zero"][0]
    assert any("surer than 97%" in each for each in told["memorised"])
    assert any("oftener right" in each for each in told["modest"])
    assert any("one fold has a log loss" in each for each in told["one fold"])
    assert any("those to predict (entropy" in each for each in told["sharper"])
    assert leak_signs(honest[:40], outcome[:40], group[:40], folds[:40]) == []


def test_with_an_oracle_the_stack_is_as_good_as_the_best_blend():
    """A file of log loss .95 next to four weak learners: the cross-fitted stack against the best blend in hindsight."""
    random, outcome, group, folds = drawn(1)
    weak = [oracle(random, outcome, 0.25) for _ in range(4)]
    strong = oracle(random, outcome)
    assert abs(log_loss(strong, outcome) - 0.95) < 0.02
    fit = Fit(outcome, np.ones(N), group, 0)
    params = StackParams()
    weakly = np.stack(weak, axis=1)
    alone = cross_fitted(params, weakly, fit, folds)
    both = log_loss(cross_fitted(params, np.stack([*weak, strong], axis=1), fit, folds), outcome)
    best = fit_stack(params.model_copy(update={"shrink": 0.0}), np.stack([alone, strong], axis=1), fit, folds)
    assert both <= log_loss(best.predict_proba(np.stack([alone, strong], axis=1)), outcome) + 0.005
    assert both < log_loss(strong, outcome) - 0.002 < log_loss(alone, outcome)

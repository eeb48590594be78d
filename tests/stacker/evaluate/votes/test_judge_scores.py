"""Scores of a judge and its rivals: by hand, against scikit-learn, and intervals that cover."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from support.votes_drawn import drawn_votes

from stacker.evaluate.votes.evaluation import calibration
from stacker.evaluate.votes.judge_scores import Predictor, auc, class_prior, leads, longer_answer, scores
from stacker.evaluate.votes.kappa import cohen_kappa

SAID = np.array([[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]])
VOTED = np.array([0, 1, 2, 1])
CALLS = np.eye(3)[[0, 0, 2, 1]]


def test_scores_by_hand():
    found = scores(Predictor(CALLS, SAID[:, 0] - SAID[:, 1], SAID), VOTED, np.arange(4))
    value = {name: figure["value"] for name, figure in found.items()}
    assert value["log_loss"] == pytest.approx(-np.log([0.6, 0.2, 0.6, 0.8]).mean())
    assert value["brier"] == pytest.approx(
        (0.16 + 0.09 + 0.01 + 0.25 + 0.64 + 0.09 + 0.04 + 0.04 + 0.16 + 0.01 + 0.04 + 0.01) / 4
    )
    assert value["accuracy"] == 0.75  # the second is wrong
    assert value["accuracy_without_ties"] == pytest.approx(2 / 3)
    assert value["agreement"] == pytest.approx(2 / 3)
    # seen 3 of 4; by chance .25 * .5 + .5 * .25 + .25 * .25 = .3125
    assert value["kappa"] == pytest.approx((0.75 - 0.3125) / (1 - 0.3125))
    assert value["auc"] == 0.75  # .3 against .3 (half) and -.7


def test_a_judge_that_says_tie_has_half_a_side_and_does_not_count_as_naming_one():
    ties = Predictor(np.eye(3)[[2, 0]], np.array([0.0, 1.0]))
    found = scores(ties, np.array([0, 0]), np.arange(2))
    assert found["accuracy_without_ties"]["value"] == 0.75 and found["agreement"]["value"] == 1.0
    assert found["log_loss"] is None and found["brier"] is None


def test_kappa_and_auc_are_scikit_learns():
    rng = np.random.default_rng(1)
    voted, called, margin = rng.integers(0, 3, 200), rng.integers(0, 3, 200), rng.integers(-3, 4, 200).astype(float)
    assert cohen_kappa(voted, np.eye(3)[called], np.arange(200)).value == pytest.approx(
        cohen_kappa_score(voted, called)
    )
    sides = voted < 2
    found = auc(margin[sides], voted[sides], np.arange(sides.sum()))
    assert found["value"] == pytest.approx(roc_auc_score(voted[sides] == 0, margin[sides]))
    assert found["low"] < found["value"] < found["high"]


def test_what_says_the_same_of_every_battle_has_no_kappa_and_no_auc():
    found = scores(class_prior(VOTED, np.arange(4)), VOTED, np.arange(4))
    assert found["kappa"] is None and found["auc"] is None


def test_the_class_prior_has_not_seen_the_prompt_that_it_is_scored_on():
    outcome, group = np.array([0, 0, 1, 2, 2, 2]), np.array([7, 7, 8, 8, 9, 9])
    prior = class_prior(outcome, group)
    assert prior.probabilities[0].tolist() == pytest.approx([1 / 7, 2 / 7, 4 / 7])  # 0, 1, 3 of four others, one added
    assert prior.probabilities[2].tolist() == pytest.approx([3 / 7, 1 / 7, 3 / 7])
    assert np.array_equal(prior.probabilities[4], prior.probabilities[5])
    assert prior.calls.tolist() == [[0, 0, 1]] * 6


def test_the_class_prior_of_even_votes_is_no_coin_that_always_loses():
    outcome = np.array([0, 1] * 50)
    assert scores(class_prior(outcome, np.arange(100)), outcome, np.arange(100))["accuracy"]["value"] == 0.5


def test_longer_prefers_the_longer_answer_and_calls_a_tie_where_both_are_as_long():
    assert longer_answer(np.array([5, -2, 0])).calls.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_leads_are_paired_differences():
    judge = Predictor(CALLS, SAID[:, 0] - SAID[:, 1], SAID)
    longer = longer_answer(np.array([1, 1, 1, 1]))
    uniform = Predictor(np.eye(3)[[0] * 4], np.ones(4), np.full((4, 3), 1 / 3))
    found = leads(judge, {"longer": longer, "uniform": uniform}, VOTED, np.arange(4))
    assert found["longer"]["log_loss"] is None
    assert found["longer"]["accuracy"]["value"] == pytest.approx(0.75 - 0.25)
    assert found["longer"]["accuracy_without_ties"]["value"] == pytest.approx(2 / 3 - 1 / 3)
    assert found["uniform"]["log_loss"]["value"] == pytest.approx(-np.log([0.6, 0.2, 0.6, 0.8]).mean() - np.log(3))


def test_no_vote_for_a_side_is_no_number():
    found = scores(Predictor(CALLS, np.zeros(4), SAID), np.full(4, 2), np.arange(4))
    assert found["accuracy_without_ties"] is None and found["agreement"] is None and found["auc"] is None


@pytest.mark.slow
@pytest.mark.parametrize(("prompts", "most"), [(30, 4), (200, 3)])
def test_intervals_cover_what_endless_votes_would_say(prompts, most):
    def figures(votes):
        judge = Predictor(np.eye(3)[votes.probabilities.argmax(axis=1)], votes.margin, votes.probabilities)
        rivals = {"longer": longer_answer(votes.longer), "prior": class_prior(votes.outcome, votes.group)}
        own = scores(judge, votes.outcome, votes.group)
        ahead = leads(judge, rivals, votes.outcome, votes.group)
        return own | {
            "lead on longer": ahead["longer"]["accuracy_without_ties"],
            "lead on prior": ahead["prior"]["log_loss"],
            "overconfidence": calibration(votes.probabilities, votes.outcome, votes.group)["overconfidence"],
        }

    truth = figures(drawn_votes(np.random.default_rng(0), 100_000, most))
    inside = {name: 0 for name in truth}
    trials = 300
    rng = np.random.default_rng(1)
    for _ in range(trials):
        for name, figure in figures(drawn_votes(rng, prompts, most)).items():
            inside[name] += figure["low"] <= truth[name]["value"] <= figure["high"]
    # 300 draws: .91 is three standard errors below .95.
    assert {name: count / trials for name, count in inside.items() if count / trials < 0.91} == {}

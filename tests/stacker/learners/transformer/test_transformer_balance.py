"""Transformers under class balance: the loss that is trained, the prior brought back, and what a fit is named by."""

import numpy as np
import pytest
from transformer_battles import fit_of, learner_data

from features.encoder.choice import EncoderParams, resolve
from pipelines.battles.arrays import FLIP
from stacker.learners.balance import BalanceParams
from stacker.learners.transformer.chosen import choose_transformers, configured_transformers
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import LossParams, TransformerParams, TransformersParams

SMALL = {"tuning": "frozen", "C": (0.003,), "prompt_tokens": 16, "answer_tokens": 24}


def few_ties(n=60):
    data, _ = learner_data(n)
    return data, np.where(np.arange(n) % 10 == 0, 2, np.arange(n) % 2)


def fitted(folder, balance, **settings):
    data, outcome = few_ties()
    params = TransformerParams(**{**SMALL, **settings})
    learner = TransformerLearner("m", params, resolve(str(folder)), balance=balance)
    return learner.fit(data, fit_of(outcome)), data


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        (BalanceParams(), {"cross_entropy": 0.5, "focal": 0.25, "ranking": 2.0}),
        (BalanceParams(method="smote"), {"cross_entropy": 0.5, "focal": 0.25, "ranking": 2.0}),
        (BalanceParams(method="weights"), {"cross_entropy": 0.0, "class_weighted": 0.75, "ranking": 2.0}),
        (
            BalanceParams(method="focal", gamma=1.5),
            {"cross_entropy": 0.0, "focal": 0.75, "focal_gamma": 1.5, "ranking": 2.0},
        ),
    ],
)
def test_balance_takes_the_place_of_the_loss_and_leaves_the_ranking(balance, expected):
    params = TransformerParams(losses=LossParams(cross_entropy=0.5, focal=0.25, ranking=2.0))
    assert params.balanced(balance).losses == LossParams(**expected)


@pytest.mark.parametrize("tuning", ["frozen", "top_k"])
def test_class_weights_raise_ties_and_the_correction_takes_the_prior_back(tiny_checkpoint, tuning):
    folder = tiny_checkpoint("bert")
    settings = {"tuning": tuning, "epochs": 0.1}
    raw, data = fitted(folder, BalanceParams(method="weights", prior_correction=False), **settings)
    corrected, _ = fitted(folder, BalanceParams(method="weights"), **settings)
    ties = [learner.predict_proba(data)[:, 2].mean() for learner in (raw, corrected)]
    assert ties[0] > 0.25
    assert 0.05 < ties[1] < 0.16  # one in ten is a tie


def test_focal_loss_is_corrected_to_probabilities_and_survives_saving(tiny_checkpoint, tmp_path):
    folder = tiny_checkpoint("bert")
    learner, data = fitted(folder, BalanceParams(method="focal", gamma=2.0))
    raw, _ = fitted(folder, BalanceParams(method="focal", gamma=2.0, prior_correction=False))
    found = learner.predict_proba(data)
    # Focal probabilities shrink to the middle; the correction spreads them again.
    assert found.max(axis=1).mean() > raw.predict_proba(data).max(axis=1).mean() + 0.01
    np.testing.assert_allclose(found, learner.predict_proba(data.flip())[:, FLIP], atol=1e-12)
    learner.save(tmp_path)
    np.testing.assert_allclose(TransformerLearner.load(tmp_path).predict_proba(data), found, atol=1e-6)


def test_a_fit_is_named_by_its_balance_and_without_one_as_before(tiny_checkpoint):
    params = TransformersParams(models=(str(tiny_checkpoint("bert")),), trees="logits", **SMALL)
    chosen = choose_transformers(params, EncoderParams())

    def identities(**balance):
        found = configured_transformers(chosen, trees=params.trees, balance=BalanceParams(**balance))
        return [each.identity for each in found]

    plain = identities()
    assert plain[0] == chosen[0].identity
    for other in (identities(method="weights"), identities(method="focal")):
        assert not set(other) & set(plain)


def test_trees_beside_a_transformer_follow_too(tiny_checkpoint):
    params = TransformersParams(models=(str(tiny_checkpoint("bert")),), trees="logits", **SMALL)
    made = configured_transformers(
        choose_transformers(params, EncoderParams()), trees=params.trees, balance=BalanceParams(method="weights")
    )[1].make()
    assert made.trees.balance.method == made.transformer.balance.method == "weights"

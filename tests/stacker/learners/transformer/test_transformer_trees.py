"""Trees that see a transformer: its logits from fits blind to each battle, or its embeddings; nothing leaks."""

from dataclasses import replace

import numpy as np
import pytest
from transformer_battles import fit_of, learner_data

from features.encoder.choice import EncoderParams
from features.pairs import Embeddings, answer_pairs
from pipelines.battles.arrays import FLIP
from pipelines.errors import UserError
from stacker.evaluate.metrics import log_loss
from stacker.judge.explain.explanation_baseline import PairLearner
from stacker.learners.learner_interface import LearnerData
from stacker.learners.learner_registry import load_learner
from stacker.learners.transformer.chosen import choose_transformers, configured_transformers
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import TransformersParams
from stacker.learners.transformer.transformer_trees import logit_pairs
from stacker.learners.trees.boosting import LightGBMParams

TREES = LightGBMParams(
    n_estimators=10, bags=2, min_child_samples=3, components=2, learning_rate=0.3, colsample_bytree=1.0
)
SMALL = {"tuning": "frozen", "C": (0.01,), "prompt_tokens": 16, "answer_tokens": 24}


@pytest.fixture
def configured(tiny_checkpoint):
    def of(seen, tuning="frozen"):
        settings = {**SMALL, "tuning": tuning}
        params = TransformersParams(models=(str(tiny_checkpoint("bert")),), trees=seen, **settings)
        chosen = choose_transformers(params, EncoderParams())
        return configured_transformers(chosen, trees=params.trees, lightgbm=TREES)

    return of


def battles(n=40):
    data, outcome = learner_data(n)
    draw = np.random.default_rng(3)
    pairs = answer_pairs("surface", ("words",), draw.normal(size=(n, 1)), draw.normal(size=(n, 1)))
    units = [draw.normal(size=(n, 8)) for _ in range(3)]
    units = [(rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32) for rows in units]
    return LearnerData(data.texts, pairs, Embeddings(*units)), outcome


@pytest.mark.parametrize("seen", ["logits", "embeddings"])
def test_trees_fit_swap_save_and_load(configured, tmp_path, seen):
    data, outcome = battles()
    learners = configured(seen)
    assert [each.kind for each in learners] == ["transformer", "transformer_trees"]
    assert learners[1].name == f"lightgbm-{seen}-{learners[0].name}"
    assert learners[0].identity != learners[1].identity
    learner = learners[1].make().fit(data, fit_of(outcome, workdir=tmp_path / "work"))
    found = learner.predict_proba(data)
    np.testing.assert_allclose(found, learner.predict_proba(data.flip())[:, FLIP], atol=1e-9)
    assert isinstance(learner, PairLearner)
    np.testing.assert_allclose(learner.predict_pairs(learner.pairs(data)), found, atol=1e-9)
    names = learner.pairs(data).names
    assert ("transformer: margin (A - B)" in names) == (seen == "logits")
    folder = tmp_path / "saved"
    folder.mkdir()
    learner.save(folder)
    again = load_learner("transformer_trees", folder)
    np.testing.assert_allclose(again.predict_proba(data), found, atol=1e-5)
    (folder / "learner.json").write_text("{}")
    with pytest.raises(UserError, match="the saved learner cannot be read"):
        load_learner("transformer_trees", folder)


@pytest.mark.parametrize(("seen_by_trees", "tuning"), [("logits", "frozen"), ("embeddings", "top_k")])
def test_what_the_trees_learn_from_comes_from_fits_blind_to_the_battles(configured, monkeypatch, seen_by_trees, tuning):
    """Each battle's logits, or embeddings that learnt, are asked of a fit that had not seen its prompt."""
    data, outcome = battles()
    asks = "logits" if seen_by_trees == "logits" else "embed"
    seen, original_fit, original_ask = {}, TransformerLearner.fit, getattr(TransformerLearner, asks)

    def fit(self, some, told):
        seen[id(self)] = (self, set(some.texts["prompt"]))
        return original_fit(self, some, told)

    asked = []

    def ask(self, some):
        asked.append(seen[id(self)][1] & set(some.texts["prompt"]))
        return original_ask(self, some)

    monkeypatch.setattr(TransformerLearner, "fit", fit)
    monkeypatch.setattr(TransformerLearner, asks, ask)
    configured(seen_by_trees, tuning)[1].make().fit(data, fit_of(outcome))
    assert asked == [set()] * 3
    assert len(seen) == 4


def test_trees_do_not_trust_embeddings_that_know_the_votes_they_were_fitted_to(configured, monkeypatch):
    """A planted leak: what a fit embeds of its own battles is their outcome, of others noise."""
    data, outcome = battles(300)
    known = {}

    def fit(self, some, told):
        names = [row.tobytes() for row in some.pairs.values]
        known[id(self)] = (self, dict(zip(names, told.outcome.tolist(), strict=True)))
        return self

    def embed(self, some):
        draw = np.random.default_rng(len(some))
        rows = draw.normal(size=(len(some), 4))
        for row, values in enumerate(some.pairs.values):
            outcome_then = known[id(self)][1].get(values.tobytes())
            rows[row, 0] += {0: 5.0, 1: -5.0}.get(outcome_then, 0.0)
        unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return Embeddings(np.full_like(unit, 0.5), unit, -unit)

    monkeypatch.setattr(TransformerLearner, "fit", fit)
    monkeypatch.setattr(TransformerLearner, "embed", embed)
    train, held = np.arange(200), np.arange(200, 300)
    learner = configured("embeddings", "top_k")[1].make()
    learner.fit(data.take(train), fit_of(outcome[train]))
    unknown = learner.predict_proba(data.take(held))
    assert log_loss(unknown, outcome[held]) < log_loss(np.full((100, 3), 1 / 3), outcome[held]) + 0.05


def test_one_prompt_alone_can_be_fitted(configured):
    data, outcome = battles(12)
    fit = replace(fit_of(outcome), group=np.zeros(12, dtype=np.int64))
    learner = configured("logits")[1].make().fit(data, fit)
    assert np.isfinite(learner.predict_proba(data)).all()


def test_embeddings_are_those_of_the_fine_tuned_encoder(configured):
    data, outcome = battles()
    learner = configured("embeddings")[1].make().fit(data, fit_of(outcome))
    other = replace(data, embeddings=Embeddings(data.embeddings.a, data.embeddings.b, data.embeddings.prompt))
    assert np.array_equal(learner.predict_proba(data), learner.predict_proba(other))


def test_logits_turn_with_the_sides():
    logits = np.array([[0.7, -0.7, 0.1], [-0.2, 0.2, 0.4]])
    pairs = logit_pairs(logits)
    np.testing.assert_array_equal(pairs.flip().values, logit_pairs(logits[:, FLIP]).values)
    np.testing.assert_allclose(pairs.values, [[1.4, 0.1], [-0.4, 0.4]], rtol=1e-6)

"""A head on the run's own encoder: when a transformer is one, and that it keeps what every learner must keep."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from transformer_battles import fit_of, learner_data

from features.pairs import Embeddings
from pipelines.battles.arrays import FLIP
from pipelines.errors import UserError
from stacker.evaluate import metrics
from stacker.learners.balance import BalanceParams
from stacker.learners.learner_interface import Fit, LearnerData, SharedWork
from stacker.learners.learner_registry import load_learner
from stacker.learners.transformer.encoder_head import FILE, EncoderHeadLearner, reads_apart
from stacker.learners.transformer.params import LossParams, TransformerParams
from stacker.training.params import parse_params
from stacker.training.train import _shared_encoder

USUAL, OURS = BalanceParams(), "a" * 64


def _battles(n: int = 240, width: int = 12) -> tuple[LearnerData, Fit]:
    """Return battles that the answer wins whose embedding is nearer to the prompt's."""
    rows = np.random.default_rng(0).normal(size=(3, n, width)).astype(np.float32)
    prompt, a, b = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    gap = (prompt * (a - b)).sum(axis=1)
    outcome = np.where(np.abs(gap) < 0.1, 2, np.where(gap > 0, 0, 1))
    data = learner_data(n)[0]
    return LearnerData(data.texts, data.pairs, Embeddings(prompt, a, b), SharedWork(data.texts)), fit_of(outcome)


def _fitted(data: LearnerData, fit: Fit) -> EncoderHeadLearner:
    return EncoderHeadLearner("head", TransformerParams(C=(0.01, 0.1))).fit(data, fit)


def test_it_is_for_the_encoder_of_the_run_and_for_usual_settings_alone():
    assert reads_apart(TransformerParams(), OURS, OURS, USUAL)
    # What only trains, or says what trained is kept as, is no reading.
    assert reads_apart(TransformerParams(C=(1.0,), epochs=1.0, store="whole"), OURS, OURS, USUAL)
    assert not reads_apart(TransformerParams(), OURS, "b" * 64, USUAL)
    assert not reads_apart(TransformerParams(), OURS, None, USUAL)
    assert not reads_apart(TransformerParams(), OURS, OURS, BalanceParams(method="focal"))
    for changed in (
        {"reads": "together"},
        {"tuning": "top_k"},
        {"head": "joint"},
        {"answer_tokens": 64},
        {"lengths": False},
        {"losses": LossParams(ranking=1.0)},
        {"engine": "torch"},
    ):
        assert not reads_apart(TransformerParams(**changed), OURS, OURS, USUAL), changed


def test_what_cannot_be_read_apart_is_said():
    with pytest.raises(UserError, match=r"transformer\.reads apart: needs features\.embedding, the model of"):
        reads_apart(TransformerParams(reads="apart"), OURS, None, USUAL)
    with pytest.raises(UserError, match=r"transformer\.reads apart: goes with the usual answer_tokens alone"):
        reads_apart(TransformerParams(reads="apart", answer_tokens=64), OURS, OURS, USUAL)


def test_trees_and_votes_of_several_outcomes_need_the_other_way():
    assert _shared_encoder(parse_params({})) is not None
    assert _shared_encoder(parse_params({"features": {"embedding": False}})) is None
    assert _shared_encoder(parse_params({"transformer": {"trees": "logits"}})) is None
    assert _shared_encoder(parse_params({"transformer": {"soft_labels": {"voters": True}}})) is None


def test_it_learns_which_answer_is_nearer_to_the_prompt():
    data, fit = _battles()
    train, held = np.arange(160), np.arange(160, 240)
    said = _fitted(data.take(train), fit.take(train)).predict_proba(data.take(held))
    assert metrics.log_loss(said, fit.outcome[held]) < 0.85


def test_swapping_the_sides_swaps_the_verdict_and_a_row_depends_on_itself_alone():
    data, fit = _battles()
    learner = _fitted(data, fit)
    said = learner.predict_proba(data)
    np.testing.assert_array_equal(learner.predict_proba(data.flip())[:, FLIP], said)
    np.testing.assert_array_equal(learner.predict_proba(data.take(np.array([7, 3]))), said[[7, 3]])
    alone = LearnerData(data.texts, data.pairs, data.embeddings)  # without lengths that others worked out
    np.testing.assert_array_equal(learner.predict_proba(alone), said)


def test_it_comes_back_from_disk_as_it_was(tmp_path: Path):
    data, fit = _battles()
    learner = _fitted(data, fit)
    learner.save(tmp_path)
    found = load_learner("encoder_head", tmp_path)
    np.testing.assert_array_equal(found.predict_proba(data), learner.predict_proba(data))
    assert found.name == "head" and found.about_ == learner.about_
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-8])
    with pytest.raises(UserError):
        load_learner("encoder_head", tmp_path)


def test_battles_without_embeddings_are_told():
    data, fit = _battles(60)
    with pytest.raises(UserError, match=r"learner head: reads by the encoder's embeddings.*features\.embedding"):
        _fitted(data, fit).predict_proba(LearnerData(data.texts, data.pairs, None))


def test_a_run_with_it_imports_neither_torch_nor_transformers():
    code = (
        "import sys; from stacker.training.params import parse_params; from stacker.training.train import "
        "stack_learners; from stacker.learners.transformer.chosen import choose_transformers; p = parse_params({}); "
        "print([each.kind for each in stack_learners(p, choose_transformers(p.transformer, p.encoder))][-1], "
        "*sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "encoder_head"

"""Which transformers a run uses: names, several at once, the fallback, and what a fit depends on."""

import shutil

import numpy as np
import pytest
from pydantic import ValidationError
from transformer_battles import fit_of, learner_data

from features.encoder.choice import EncoderParams
from pipelines.errors import UserError
from stacker.learners.learner_registry import load_learner
from stacker.learners.transformer.chosen import Rising, choose_transformers, configured_transformers
from stacker.learners.transformer.params import TransformersParams
from stacker.training.cross_fitting import FitStore, out_of_fold

SMALL = {"tuning": "frozen", "C": (0.01,), "prompt_tokens": 16, "answer_tokens": 24}


def choose(encoder=None, **settings):
    return choose_transformers(TransformersParams(**settings), encoder or EncoderParams())


def test_models_share_settings_and_may_differ_in_some(tiny_checkpoint):
    one, other = str(tiny_checkpoint("distilbert")), str(tiny_checkpoint("roberta"))
    found = choose(
        models=(one, {"model": other, "head": "joint", "losses": {"ranking": 1}}), epochs=3, losses={"focal": 2}
    )
    assert [each.name for each in found] == ["distilbert-pairwise", "roberta-joint"]
    assert [each.params.epochs for each in found] == [3, 3]
    assert found[1].params.losses.model_dump() == found[0].params.losses.model_dump() | {"ranking": 1}
    assert found[0].encoder.sha256 != found[1].encoder.sha256


def test_a_model_that_is_not_here_falls_back_loudly_and_into_the_results(tmp_path):
    found = choose(EncoderParams(models_dir=tmp_path), models=("roberta-base",))
    assert "ENCODER roberta-base IS NOT ON THIS DISK" in found[0].encoder.message
    described = found[0].described()
    assert described["used_fallback"]
    assert described["wanted"] == "roberta-base"
    assert described["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert described["sha256"].startswith("53aa5117")
    assert found[0].name == "all-MiniLM-L6-v2-pairwise"


def test_without_a_fallback_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(UserError, match="roberta-base: is not on this disk; run `python -m pipelines.models fetch"):
        choose(EncoderParams(models_dir=tmp_path, fallback=None), models=("roberta-base",))


def test_models_that_fall_back_to_the_same_learner_are_one(tmp_path):
    settings = EncoderParams(models_dir=tmp_path)
    assert len(choose(settings, models=("roberta-base", "distilbert-base-uncased"))) == 1
    both = choose(settings, models=("roberta-base", {"model": "distilbert-base-uncased", "epochs": 9}))
    assert [each.name for each in both] == ["all-MiniLM-L6-v2-pairwise", "all-MiniLM-L6-v2-pairwise-2"]


def test_identity_holds_what_a_fit_depends_on_and_no_more(tiny_checkpoint, tmp_path):
    folder = tiny_checkpoint("distilbert")
    copy = shutil.copytree(folder, tmp_path / "copy")

    def identity(model=folder, **settings):
        return choose(models=(str(model),), **settings)[0].identity

    assert identity() == identity(copy) == identity(memory_share=0.2, states_gb=1.0)
    assert identity() != identity(epochs=7.0)
    assert identity() != identity(tiny_checkpoint("bert"))
    tokenizer = copy / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")
    assert identity() != identity(copy)


def test_switched_off_there_are_none():
    assert choose(enabled=False) == []
    assert configured_transformers([]) == []


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        (({"model": "m", "heads": "joint"},), "models.0.heads: extra inputs are not permitted"),
        (({"head": "joint"},), "models.0 has no model; write"),
        (("m", {"model": "m", "epochs": 0}), "models.1.epochs: input should be greater than or equal to 0.001"),
        ((), "at least 1 item"),
    ],
)
def test_wrong_models_are_named(models, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TransformersParams(models=models)


def test_top_k_without_layers_is_refused():
    with pytest.raises(ValidationError, match="tuning top_k needs top_layers of 1 or more"):
        TransformersParams(tuning="top_k", top_layers=0)


def test_out_of_fold_by_the_stack_with_every_sequence_run_once(tiny_checkpoint, tmp_path, monkeypatch):
    data, outcome = learner_data(30)
    folds = np.arange(30) % 3
    chosen = choose(models=(str(tiny_checkpoint("distilbert")),), **SMALL)
    reports = []
    learner = configured_transformers(chosen, lambda *report: reports.append(report))[0]
    from stacker.learners.transformer.network.network import PreferenceNetwork

    run, original = [], PreferenceNetwork.pooled

    def pooled(self, batch, hidden=None):
        run.append(len(batch["ids"]))
        return original(self, batch, hidden)

    monkeypatch.setattr(PreferenceNetwork, "pooled", pooled)
    prints = [str(row) for row in range(30)]
    fit = fit_of(outcome)
    found, swap_error = out_of_fold(learner, data, fit, folds, prints, FitStore(tmp_path), lambda *_: None)
    assert np.isfinite(found).all()
    assert swap_error <= 1e-9
    assert sum(run) <= 60  # not once for each fold
    stages = {stage for stage, _, _ in reports}
    for stage in stages:
        done = [report[1] for report in reports if report[0] == stage]
        assert done == sorted(done)
    fitted = learner.make().fit(data, fit)
    (tmp_path / "saved").mkdir()
    fitted.save(tmp_path / "saved")
    again = load_learner(learner.kind, tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(data), fitted.predict_proba(data), atol=1e-6)


def test_repeated_stages_rise():
    seen = []
    rising = Rising(lambda *report: seen.append(report))
    for done in (0, 2, 4, 0, 3, 4):
        rising("s", done, 4)
    rising("s", 1, 9)
    assert seen == [("s", 0, 4), ("s", 2, 4), ("s", 4, 4), ("s", 4, 8), ("s", 7, 8), ("s", 8, 8), ("s", 9, 17)]

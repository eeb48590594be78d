"""Decoders in 8 and 4 bits: they learn by adapters next to their weights, are saved so, and fail in one sentence."""

import importlib.util

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformer_battles import fit_of, learner_data

from features.encoder.choice import ResolvedEncoder
from pipelines.errors import UserError
from pipelines.models import quantized_weights
from pipelines.models.model_files import check_folder, files_sha256
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.network.adapters import add_adapters
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.stored import build_network, open_checkpoint

quantizes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes (the extra `quantized`) is not installed"
)
SMALL = {"prompt_tokens": 24, "answer_tokens": 32, "C": (0.01,), "validation_fraction": 0.2, "device": "cpu"}


def learner(folder, **settings):
    base = ResolvedEncoder(str(folder), str(folder), folder, files_sha256(check_folder(folder)))
    return TransformerLearner("tiny", TransformerParams(model=str(folder), **SMALL | settings), base)


def test_settings_that_would_train_or_write_quantised_weights_are_refused():
    with pytest.raises(ValidationError, match="leaves no weights to train: set tuning to lora"):
        TransformerParams(quantization="4bit", tuning="top_k")
    with pytest.raises(ValidationError, match="set store to beside"):
        TransformerParams(quantization="8bit", store="whole")


def test_a_missing_package_is_one_sentence(tiny_decoder, monkeypatch):
    monkeypatch.setattr(quantized_weights, "find_spec", lambda name: None)
    data, outcome = learner_data(8)
    with pytest.raises(UserError, match=r"quantization 4bit needs the package bitsandbytes: pip install"):
        learner(tiny_decoder("llama", kind="base"), quantization="4bit").fit(data, fit_of(outcome))


def test_an_encoder_is_told_what_makes_it_fast(tiny_checkpoint):
    data, outcome = learner_data(8)
    made = learner(tiny_checkpoint("bert"), quantization="8bit", engine="torch")
    with pytest.raises(UserError, match="quantization is for decoders"):
        made.fit(data, fit_of(outcome))


@pytest.mark.slow
@quantizes
@pytest.mark.parametrize(("kind", "tuning"), [("8bit", "lora"), ("4bit", "lora"), ("4bit", "frozen")])
def test_fitted_saved_loaded_and_asked(tiny_decoder, tmp_path, kind, tuning):
    data, outcome = learner_data(24)
    folder = tiny_decoder("llama", kind="base")
    made = learner(folder, quantization=kind, tuning=tuning, epochs=1, top_layers=1, learning_rate=0.01)
    made.fit(data, fit_of(outcome))
    said = made.predict_proba(data)
    assert np.abs(said[:, [1, 0, 2]] - made.predict_proba(data.flip())).max() <= 1e-9
    with torch.no_grad():  # now and then a large number, which 8 bits treat apart by whole batches
        made.network_.encoder.model.layers[1].input_layernorm.weight.mul_(2)
    few = made.predict_proba(data.take(np.arange(3)))
    np.testing.assert_allclose(few, made.predict_proba(data)[:3], rtol=0, atol=1e-12 if kind == "8bit" else 1e-6)
    with torch.no_grad():
        made.network_.encoder.model.layers[1].input_layernorm.weight.div_(2)
    model = made.network_.encoder.model
    assert "bitsandbytes" in type(model.layers[0].mlp.up_proj).__module__
    (tmp_path / "saved").mkdir()
    made.save(tmp_path / "saved")
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {"learned.safetensors", "learner.json"}
    again = TransformerLearner.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(data), said, rtol=0, atol=2e-3 if kind == "8bit" else 1e-6)
    plain = learner(folder, tuning=tuning, epochs=1, top_layers=1).fit(data, fit_of(outcome))
    assert np.abs(plain.predict_proba(data) - said).max() > 1e-6  # the weights really are others


@pytest.mark.slow
@quantizes
@pytest.mark.parametrize("kind", ["8bit", "4bit"])
def test_gradients_of_adapters_are_those_of_the_weights_as_they_are_quantised(tiny_decoder, kind):
    """On a processor, 4-bit maps that were evaluated before once had wrong gradients, without a word."""
    folder = tiny_decoder("llama", kind="base")
    params = TransformerParams(**SMALL, quantization=kind, tuning="lora", lora_dropout=0.0)
    checkpoint = open_checkpoint(folder, "tiny", params)
    network = build_network(checkpoint, params, 0).eval()
    ids = torch.arange(40).reshape(2, 20)
    batch = {"ids": ids, "mask": torch.ones_like(ids), "types": torch.zeros_like(ids)}
    with torch.no_grad():
        network.encoder(batch)  # evaluated, as before every training
    add_adapters(network.encoder.model, params, 0)
    learns = {name: value for name, value in network.encoder.model.named_parameters() if value.requires_grad}
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in learns.values():
            value.normal_(std=0.1, generator=generator)
    weight = torch.randn(2, 20, 32, generator=generator)

    def loss():
        return (network.encoder(batch) * weight).sum()

    network.train()
    loss().backward()
    step = 1e-2 if kind == "4bit" else 3e-2
    name = max(learns, key=lambda name: learns[name].grad.norm())
    value = learns[name]
    direction = value.grad / value.grad.norm()
    with torch.no_grad():
        value.add_(direction, alpha=step)
        above = loss()
        value.sub_(direction, alpha=2 * step)
        below = loss()
    assert float((above - below) / (2 * step)) == pytest.approx(float(value.grad.norm()), rel=0.2)

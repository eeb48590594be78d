"""An encoder in two halves gives what the whole one gives; what frozen layers gave is kept for the next fold."""

import shutil

import pytest
import torch
from checkpoints import ARCHITECTURES
from transformer_battles import learner_data
from transformers import AutoConfig, AutoModel

from features.encoder.choice import EncoderParams
from pipelines.errors import UserError
from stacker.learners.transformer.chosen import choose_transformers
from stacker.learners.transformer.fine_tuning import make_runner
from stacker.learners.transformer.network.batch_memory import TokenBudget
from stacker.learners.transformer.network.inference import HiddenStateCache, MemoryBudget
from stacker.learners.transformer.network.layers import SplitEncoder, layer_count, linear_names
from stacker.learners.transformer.network.structure import Structure
from stacker.learners.transformer.params import TransformerParams, TransformersParams
from stacker.learners.transformer.stored import build_network, open_checkpoint

SPLITTABLE = [name for name in ARCHITECTURES if name != "albert"]


def network_of(tiny_checkpoint, architecture, start, **settings):
    params = TransformerParams(**settings)
    checkpoint = open_checkpoint(tiny_checkpoint(architecture), architecture)
    network = build_network(checkpoint, params, start).eval()
    structure = Structure(checkpoint.tokenizer, params, checkpoint.positions)
    return network, structure.battles(learner_data(6)[0].texts).items


@pytest.mark.parametrize("architecture", SPLITTABLE)
def test_both_halves_together_are_the_whole_encoder(tiny_checkpoint, architecture):
    network, items = network_of(tiny_checkpoint, architecture, 1)
    batch = network.collate(items)
    encoder = network.encoder
    with torch.no_grad():
        hidden = encoder.lower(batch)
        found = encoder.upper(batch, hidden)
        encoder.start = 0
        whole = encoder.upper(batch, None)
    mask = batch["mask"].bool()
    torch.testing.assert_close(found[mask], whole[mask], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", SPLITTABLE)
def test_only_the_upper_half_learns(tiny_checkpoint, architecture):
    network, items = network_of(tiny_checkpoint, architecture, 1)
    network.train()
    network(network.collate(items)).sum().backward()
    learned = {name for name, value in network.encoder.model.named_parameters() if value.grad is not None}
    assert learned
    assert all(".1." in name for name in learned)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_frozen_layers_run_without_dropout_in_training(tiny_checkpoint, architecture):
    network, items = network_of(tiny_checkpoint, architecture, 2)
    network.train()
    batch = network.collate(items)
    assert torch.equal(network.pooled(batch), network.pooled(batch))


def test_shared_layers_cannot_be_trained_apart(tiny_checkpoint):
    model = open_checkpoint(tiny_checkpoint("albert"), "albert").model
    with pytest.raises(UserError, match=r"layers of a albert model cannot be trained apart .*; set tuning to frozen"):
        SplitEncoder(model, 1)


SIZE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}


def test_a_model_whose_halves_are_not_the_whole_is_refused_by_name():
    """Its embeddings pass through a map of their own before the first layer."""
    model = AutoModel.from_config(AutoConfig.for_model("electra", vocab_size=50, embedding_size=16, **SIZE))
    with pytest.raises(UserError, match=r"the layers of a electra model cannot be trained apart \(those of bert, "):
        SplitEncoder(model, 1)
    batch = {"ids": torch.arange(8).reshape(2, 4), "mask": torch.ones((2, 4), dtype=torch.long)}
    batch["types"] = torch.zeros_like(batch["ids"])
    for start in (0, 3):  # trained as a whole, or not at all, there is nothing to split
        assert SplitEncoder(model.eval(), start)(batch).shape == (2, 4, 32)


DECODERS = [
    ("gpt2", {}),
    ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    ("bert", {"is_decoder": True}),
]


@pytest.mark.parametrize("start", [0, 1, 3])
@pytest.mark.parametrize(("kind", "more"), DECODERS)
def test_a_decoder_is_refused_by_name_whatever_is_trained(kind, more, start):
    model = AutoModel.from_config(AutoConfig.for_model(kind, vocab_size=50, pad_token_id=0, **SIZE, **more))
    with pytest.raises(UserError, match=rf"is a {kind} model, a decoder, which cannot be trained here"):
        SplitEncoder(model, start)


@pytest.mark.parametrize(("kind", "more"), [*DECODERS, ("bart", {"d_model": 32}), ("t5", {"d_model": 32})])
def test_a_decoder_is_refused_before_any_work_begins(kind, more, tmp_path, tiny_checkpoint):
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "model")
    AutoConfig.for_model(kind, vocab_size=50, pad_token_id=0, **SIZE, **more).save_pretrained(folder)
    with pytest.raises(UserError, match=rf"is a {kind} model, a decoder, which cannot be trained here"):
        choose_transformers(TransformersParams(models=(str(folder),)), EncoderParams())


def test_trying_a_split_leaves_the_encoder_as_it_was(tiny_checkpoint):
    model = open_checkpoint(tiny_checkpoint("bert"), "bert").model
    before = torch.random.get_rng_state()
    encoder = SplitEncoder(model, 1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not model.training
    assert not [name for name, value in encoder.model.named_parameters() if value.grad is not None]


def test_adapters_stand_in_the_upper_layers_only(tiny_checkpoint):
    model = open_checkpoint(tiny_checkpoint("bert"), "bert").model
    names = linear_names(model, 1)
    assert len(names) == 6
    assert all(name.startswith("encoder.layer.1.") for name in names)
    albert = open_checkpoint(tiny_checkpoint("albert"), "albert").model
    assert linear_names(albert, 0)
    assert layer_count(albert) == 2


def test_kept_states_give_the_same_numbers_and_are_found_again(tiny_checkpoint):
    network, items = network_of(tiny_checkpoint, "distilbert", 1)
    runner = make_runner("m", TransformerParams(), network, 512)
    without = runner.numbers(items)
    shelf = HiddenStateCache(1.0)
    kept = shelf.of("weights 1")
    assert kept.fill(network, items[:4], TokenBudget(4096), "m")
    assert len(kept) == 4
    runner.kept = kept
    torch.testing.assert_close(torch.from_numpy(runner.numbers(items)), torch.from_numpy(without), rtol=1e-5, atol=1e-6)
    assert len(kept) == len(items)
    assert shelf.of("weights 1") is kept
    assert shelf.of("weights 0") is not kept
    assert len(kept) == len(items)  # whoever still holds it keeps what is its own


def test_pooled_parts_of_an_untrained_encoder_are_run_once(tiny_checkpoint, monkeypatch):
    network, items = network_of(tiny_checkpoint, "distilbert", 2)
    runner = make_runner("m", TransformerParams(tuning="frozen"), network, 512)
    without = runner.numbers(items)
    runner.untrained = HiddenStateCache(1.0).of("weights")
    first = runner.numbers(items)
    monkeypatch.setattr(network.encoder, "forward", None)
    monkeypatch.setattr(network, "pooled", None)
    assert (runner.numbers(items) == first).all()
    torch.testing.assert_close(torch.from_numpy(first), torch.from_numpy(without), rtol=1e-5, atol=1e-6)


def test_nothing_is_kept_where_there_is_no_room(tiny_checkpoint):
    network, items = network_of(tiny_checkpoint, "distilbert", 1)
    kept = HiddenStateCache(1e-9).of("weights")
    assert not kept.fill(network, items, TokenBudget(4096), "m")
    assert kept.get(items) is None
    room = MemoryBudget(1.0, 0.5)
    assert room.take(1 << 20)
    assert not room.take(1 << 30)

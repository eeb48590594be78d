"""Decoders beside encoders: pooled by their last token whatever the padding, halved, trained, and kept as adapters."""

import json

import numpy as np
import pytest
import torch
from decoders import FAMILIES
from transformer_battles import fit_of, learner_data

from features.encoder.choice import ResolvedEncoder
from pipelines.errors import UserError
from pipelines.models.model_files import check_folder, files_sha256
from stacker.learners.transformer.chosen import choose_transformers
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.network.adapters import add_adapters, merge_adapters, taken_adapters
from stacker.learners.transformer.network.network import last_of_parts
from stacker.learners.transformer.network.structure import FIRST, PROMPT, Structure
from stacker.learners.transformer.params import TransformerParams, TransformersParams
from stacker.learners.transformer.stored import build_network, open_checkpoint

MORE = ("mistral", "qwen3", "gemma2", "gemma3_text")
SMALL = {"prompt_tokens": 24, "answer_tokens": 32, "C": (0.01,), "validation_fraction": 0.2, "device": "cpu"}


def network_of(folder, start, **settings):
    params = TransformerParams(**SMALL, **settings)
    checkpoint = open_checkpoint(folder, "tiny")
    network = build_network(checkpoint, params, start).eval()
    structure = Structure(checkpoint.tokenizer, params, checkpoint.positions, causal=checkpoint.causal)
    return network, structure.battles(learner_data(6)[0].texts).items


def resolved(folder):
    return ResolvedEncoder(str(folder), str(folder), folder, files_sha256(check_folder(folder)))


def learner(folder, **settings):
    return TransformerLearner("tiny", TransformerParams(model=str(folder), **SMALL, **settings), resolved(folder))


@pytest.mark.parametrize(
    ("family", "head"),
    [
        *((family, "pairwise") for family in FAMILIES),
        *(pytest.param(family, "pairwise", marks=pytest.mark.slow) for family in MORE),
        *(pytest.param(family, "joint", marks=pytest.mark.slow) for family in FAMILIES),
    ],
)
def test_halves_are_the_whole_with_either_padding(tiny_decoder, family, head):
    network, items = network_of(tiny_decoder(family, kind="base"), 1, head=head)
    assert network.encoder.causal
    found = []
    with torch.no_grad():
        for left in (False, True):
            batch = network.collate(items, left=left)
            halves = network.encoder.upper(batch, network.encoder.lower(batch))
            network.encoder.start = 0
            whole = network.encoder.upper(batch, None)
            network.encoder.start = 1
            mask = batch["mask"].bool()
            torch.testing.assert_close(halves[mask], whole[mask], rtol=1e-5, atol=1e-5)
            found.append(network.pooled(batch))
        torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)
        for row, item in enumerate(items):  # alone, there is no padding at all
            alone = network.pooled(network.collate([item]))
            torch.testing.assert_close(found[0][row : row + 1], alone, rtol=1e-5, atol=1e-5)


def test_the_last_token_of_each_part_by_hand():
    last = torch.arange(12.0).reshape(1, 6, 2)
    parts = torch.tensor([[0, PROMPT, PROMPT, FIRST, FIRST, 0]])
    assert last_of_parts(last, parts, (PROMPT, FIRST, 3)).tolist() == [[[4.0, 5.0], [8.0, 9.0], [0.0, 0.0]]]


@pytest.mark.parametrize("form", ["chat", "structured"])
def test_the_token_that_is_looked_at_has_seen_the_whole_answer(tiny_decoder, form):
    """The last one of the sequence: an end-of-turn, so that what the answer ends in counts too."""
    network, items = network_of(tiny_decoder("llama", kind="base"), 2, form=form)
    tokenizer = open_checkpoint(tiny_decoder("llama", kind="base"), "tiny").tokenizer
    for item in items:
        assert item.ids[-1] == tokenizer.eos_token_id
        assert item.parts[-1] == FIRST
        assert item.parts[item.parts == PROMPT].size
    text = tokenizer.decode(items[0].ids)
    assert ("<|im_start|>user\n" in text) == (form == "chat")
    assert ("words:" in text) == (form == "structured")


@pytest.mark.parametrize("family", FAMILIES)
def test_one_step_changes_what_it_should(tiny_decoder, family):
    network, items = network_of(tiny_decoder(family, kind="base"), 1, tuning="top_k")
    before = {name: value.clone() for name, value in network.named_parameters()}
    network.train()
    network(network.collate(items)).square().sum().backward()
    torch.optim.SGD([value for value in network.parameters() if value.requires_grad], 0.1).step()
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert {name for name in changed if name.startswith("encoder.")} == {
        name for name in before if name.startswith("encoder.model.layers.1.")
    }
    assert "head.score.weight" in changed


def test_adapters_taken_out_leave_the_base_and_come_back_as_they_were(tiny_decoder):
    params = TransformerParams(**SMALL, tuning="lora", lora_rank=2, lora_alpha=6, lora_dropout=0.0)
    network, items = network_of(tiny_decoder("llama", kind="base"), 0, tuning="lora")
    batch = network.collate(items)
    base = {name: value.clone() for name, value in network.encoder.model.state_dict().items()}
    handle = add_adapters(network.encoder.model, params, 1)
    for name, value in network.encoder.model.named_parameters():
        assert value.requires_grad == ("lora_" in name), name
        if "lora_B" in name:
            value.data.normal_(std=0.1)
    with torch.no_grad():
        wanted = network.pooled(batch)
        adapters = taken_adapters(handle)
        assert {name: value.tolist() for name, value in network.encoder.model.state_dict().items()} == {
            name: value.tolist() for name, value in base.items()
        }
        assert adapters and all(".1." in name for name in adapters)
        merge_adapters(network.encoder.model, adapters, params)
        torch.testing.assert_close(network.pooled(batch), wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="which the base has not"):
        merge_adapters(network.encoder.model, {"layers.9.down": torch.zeros(2, 2)}, params)


@pytest.mark.parametrize("tuning", ["frozen", "lora"])
def test_fitted_saved_loaded_asked_and_another_base_refused(tiny_decoder, tmp_path, tuning):
    data, outcome = learner_data(24)
    folder = tiny_decoder("llama", kind="base")
    own = tmp_path / "base"
    own.mkdir()
    for path in folder.iterdir():
        (own / path.name).write_bytes(path.read_bytes())
    made = learner(own, tuning=tuning, epochs=1, head="joint" if tuning == "frozen" else "pairwise", top_layers=1)
    made.fit(data, fit_of(outcome))
    (tmp_path / "saved").mkdir()
    made.save(tmp_path / "saved")
    said = made.predict_proba(data)
    assert np.abs(said[:, [1, 0, 2]] - made.predict_proba(data.flip())).max() <= 1e-9
    again = TransformerLearner.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(data), said, rtol=0, atol=1e-6)
    # Kept beside its base: the head, and the adapters.
    assert not (tmp_path / "saved" / "encoder").exists()
    from safetensors import safe_open

    with safe_open(tmp_path / "saved" / "learned.safetensors", "np") as file:
        names = set(file.keys())
    assert {name.partition(".")[0] for name in names} == ({"head", "adapter"} if tuning == "lora" else {"head"})
    other = tiny_decoder("llama", kind="base", seed=1)
    for path in other.iterdir():
        (own / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="was fine-tuned from .* but the ones here are"):
        TransformerLearner.load(tmp_path / "saved")


def test_a_decoder_with_its_head_is_read_without_it(tiny_decoder):
    """Checkpoints are kept as causal language models; what writes is not needed."""
    causal = open_checkpoint(tiny_decoder("llama"), "tiny")
    assert causal.causal and type(causal.model).__name__ == "LlamaModel"


def test_a_run_takes_a_decoder_by_its_folder(tiny_decoder):
    from features.encoder.choice import EncoderParams

    (chosen,) = choose_transformers(TransformersParams(models=(str(tiny_decoder("qwen2")),)), EncoderParams())
    assert chosen.encoder.folder == tiny_decoder("qwen2")


def test_long_texts_keep_heads_and_tails_within_their_budget(tiny_decoder):
    params = TransformerParams(**SMALL | {"answer_tokens": 200})
    checkpoint = open_checkpoint(tiny_decoder("llama", kind="base"), "tiny")
    structure = Structure(checkpoint.tokenizer, params, checkpoint.positions, causal=True)
    texts = learner_data(1)[0].texts.assign(response_a=[("a sea " * 5000 + "the end",)])
    battles = structure.battles(texts)
    longest = max(battles.items, key=len)
    assert len(longest) <= structure.longest <= 512
    assert "the end" in checkpoint.tokenizer.decode(longest.ids)
    assert json.dumps(structure.cut["answer"])

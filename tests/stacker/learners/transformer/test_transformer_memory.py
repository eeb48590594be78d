"""Batches by token budget, and memory that is too small: halved, with the same gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformer_battles import fit_of, learner_data

from features.encoder.choice import resolve
from pipelines.errors import UserError
from stacker.learners.transformer import training_loop as training
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.network.batch_memory import (
    LEAST_TOKENS,
    TokenBudget,
    bytes_per_token,
    length_batches,
    with_halving,
)
from stacker.learners.transformer.network.inference import choose_device, choose_half
from stacker.learners.transformer.params import TransformerParams


@given(st.lists(st.integers(1, 400), max_size=60), st.integers(1, 2000))
@settings(deadline=None)
def test_batches_hold_each_sequence_once_within_the_budget(lengths, tokens):
    found = length_batches(lengths, tokens)
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or max(lengths[place] for place in batch) * len(batch) <= tokens
    longest = [lengths[batch[0]] for batch in found]
    assert longest == sorted(longest, reverse=True)


def out_of_memory():
    raise torch.OutOfMemoryError("forced")


def test_out_of_memory_halves_until_it_fits():
    tried, undone = [], []
    budget = TokenBudget(4096)

    def work(tokens):
        tried.append(tokens)
        return tokens if tokens <= 1024 else out_of_memory()

    assert with_halving(budget, "m", work, lambda: undone.append(1)) == 1024
    assert tried == [4096, 2048, 1024]
    assert (budget.tokens, budget.halvings, len(undone)) == (1024, 2, 2)


def test_memory_that_holds_nothing_is_said_in_one_sentence():
    with pytest.raises(UserError, match="the memory does not hold 256 tokens; lower answer_tokens"):
        with_halving(TokenBudget(LEAST_TOKENS), "m", lambda _: out_of_memory())


def test_other_faults_are_not_taken_for_memory():
    def work(_):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        with_halving(TokenBudget(1024), "m", work)


def test_budget_follows_free_memory(monkeypatch):
    config = resolve("builtin").folder
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(config)
    one = bytes_per_token(config, 2, 200, training=True)
    assert one > bytes_per_token(config, 1, 200, training=True) > bytes_per_token(config, 1, 100, training=True)
    monkeypatch.setattr("stacker.learners.transformer.network.batch_memory.free_bytes", lambda _: one * 2000)
    budget = TokenBudget.from_memory(config, torch.device("cpu"), 0.5, 2, 200, training=True)
    assert budget.tokens == 1000


def test_half_precision_is_for_a_gpu_only():
    cpu = torch.device("cpu")
    assert [choose_half(wish, cpu) for wish in ("auto", "bf16", "fp16", "fp32")] == [None] * 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_in_one_sentence():
    with pytest.raises(UserError, match="torch finds no GPU; set device to auto or cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("head", ["pairwise", "joint"])
def test_gradient_after_a_forced_out_of_memory_is_that_of_the_full_batch(tiny_checkpoint, monkeypatch, head):
    """One step with everything in one pass, and one whose first passes ran out of memory: the same weights."""
    data, outcome = learner_data(24)
    params = TransformerParams(
        head=head, tuning="all", batch_size=16, epochs=0.1, dropout=0.0, learning_rate=1e-3, C=(0.01,)
    )
    folder = tiny_checkpoint("distilbert")
    calm(folder, monkeypatch)
    gradients, halvings = [], []
    for forced in (False, True):
        seen = {}
        original = training.BattleTrainer.training_step

        def step(self, model, inputs, number=None, forced=forced, seen=seen, original=original):
            if forced and not seen:
                failing(self, monkeypatch)
            found = original(self, model, inputs, number)
            if not seen:
                seen.update({name: value.grad.clone() for name, value in training.trainable(model).items()})
                seen["loss"] = found
                halvings.append(self.work.budget.halvings)
            return found

        with monkeypatch.context() as patched:
            patched.setattr(training.BattleTrainer, "training_step", step)
            TransformerLearner("m", params, resolve(str(folder))).fit(data, fit_of(outcome))
        gradients.append(seen)
    assert halvings[0] == 0
    assert halvings[1] > 0
    assert gradients[0].keys() == gradients[1].keys()
    for name, value in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], value, rtol=1e-5, atol=1e-6, msg=name)
    assert np.isfinite(gradients[0]["loss"].item())


def failing(trainer, monkeypatch):
    """Let the second pass of each try run out of memory until the budget has shrunk twice."""
    budget, original, passes = trainer.work.budget, trainer._loss, []
    budget.tokens = 1024

    def loss(*arguments):
        passes.append(1)
        if budget.halvings < 2 and len(passes) % 2 == 0:
            raise torch.OutOfMemoryError("forced")
        return original(*arguments)

    monkeypatch.setattr(trainer, "_loss", loss)


def calm(folder, monkeypatch):
    """Switch the encoder's dropout off: passes of another size draw other numbers."""
    from stacker.learners.transformer import fine_tuning as fitting

    original = fitting.open_checkpoint

    def opened(*arguments):
        checkpoint = original(*arguments)
        for module in checkpoint.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        return checkpoint

    monkeypatch.setattr(fitting, "open_checkpoint", opened)

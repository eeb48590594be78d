"""One fit from texts to a trained network: sequences, frozen layers, the head's first fit, fine-tuning, merging."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from features.encoder.choice import ResolvedEncoder
from pipelines.battles.arrays import Ints
from pipelines.battles.folds import grouped_folds
from pipelines.terminal.command_line import Progress
from stacker.learners.balance import Correction, class_weights
from stacker.learners.learner_interface import Fit
from stacker.learners.transformer.fine_tuning.batch_memory import TokenBudget
from stacker.learners.transformer.fine_tuning.checkpoint import open_checkpoint
from stacker.learners.transformer.fine_tuning.fine_tuning_work import Work
from stacker.learners.transformer.fine_tuning.losses import BattleLoss
from stacker.learners.transformer.fine_tuning.probe import INNER_FOLDS, MOST_BATTLES, Votes, fit_head
from stacker.learners.transformer.fine_tuning.training_loop import fine_tune
from stacker.learners.transformer.inference import Runner, choose_device, choose_half
from stacker.learners.transformer.network.adapters import add_adapters, merge_adapters
from stacker.learners.transformer.network.hidden_states import HiddenStateCache
from stacker.learners.transformer.network.layers import layer_count
from stacker.learners.transformer.network.network import PreferenceNetwork
from stacker.learners.transformer.network.structure import Structure
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.stored import build_network


@dataclass(frozen=True)
class Fitted:
    """A trained network, how its input is structured, what runs it, and what is worth knowing of the fit (JSON)."""

    network: PreferenceNetwork
    structure: Structure
    runner: Runner
    about: dict[str, Any]


def fit_network(
    name: str,
    params: TransformerParams,
    encoder: ResolvedEncoder,
    texts: pd.DataFrame,
    fit: Fit,
    shelf: HiddenStateCache,
    folder: Path,
    progress: Progress,
    correction: Correction,
) -> Fitted:
    """Fit one transformer called `name` from an encoder's weights, with its checkpoints in `folder`.

    Early stopping looks at probabilities with the `correction` of the loss that is trained.
    """
    torch.manual_seed(fit.seed)
    checkpoint = open_checkpoint(encoder.folder, encoder.name)
    device = choose_device(params.device)
    network = build_network(checkpoint, params, first_trained(params, layer_count(checkpoint.model))).to(device)
    structure = Structure(checkpoint.tokenizer, params, checkpoint.positions)
    battles = structure.battles(texts)
    train, held = held_out(fit, params.held_share)
    votes = Votes(fit.outcome, fit.weight)
    loss = BattleLoss(params.losses, torch.from_numpy(class_weights(fit.outcome[train], fit.weight[train])))

    runner = make_runner(name, params, network, structure.longest)
    kept = shelf.of(f"{encoder.sha256} {network.encoder.start} {runner.half}")
    learns = params.tuning != "frozen"
    # A frozen encoder needs its pooled parts alone, which are kept too.
    if learns and kept.fill(network, battles.items, runner.budget, name, progress):
        runner.kept = kept

    runner.untrained = kept
    pooled = torch.from_numpy(runner.pooled(battles.items, progress))
    lengths = torch.from_numpy(np.stack([item.lengths for item in battles.items]))
    network.head.cpu().eval()
    with torch.no_grad():
        inputs = network.head.inputs(pooled, lengths)
    # A frozen encoder stops nowhere early: its head learns from every battle.
    rows = np.random.default_rng(fit.seed).permutation(train if learns else len(votes.outcome))[:MOST_BATTLES]
    folds = np.full(len(votes.outcome), -1)
    folds[rows] = grouped_folds(fit.group[rows], fit.outcome[rows], INNER_FOLDS, fit.seed)
    strength, first = fit_head(network.head, inputs, battles.places, votes, folds, loss, params.strengths)
    network.head.to(device)
    del pooled, inputs

    about: dict[str, Any] = {"cut": structure.cut.described(), "strength": strength, "log_loss_of_first_head": first}
    if learns:
        runner.untrained = None
        handle = add_adapters(network, params) if params.tuning == "lora" else None
        network.to(device)
        if params.gradient_checkpointing:
            network.encoder.model.activation_checkpointing_enable({"use_reentrant": False})
        layers = layer_count(checkpoint.model) - network.encoder.start
        budget = TokenBudget.from_memory(
            checkpoint.model.config, device, params.memory_share, layers, structure.longest, training=True
        )
        work = Work(name, params, network, battles, votes, train, held, loss, budget, runner, runner.kept, correction)
        fine_tune(work, folder, fit.seed, progress)
        if handle is not None:
            merge_adapters(handle)
        about["evaluations"] = [
            {metric: value if np.isfinite(value) else None for metric, value in entry.items()} for entry in work.history
        ]
        about["halvings"] = budget.halvings
    network.eval()
    return Fitted(network, structure, runner, about)


def held_out(fit: Fit, share: float) -> tuple[Ints, Ints]:
    """Return rows to learn from, and about a `share` of whole prompt groups for early stopping to look at.

    Where all battles have one prompt, both are all rows: nothing can be held out.
    """
    folds = grouped_folds(fit.group, fit.outcome, max(round(1 / share), 2), fit.seed)
    held = np.flatnonzero(folds == 0)
    train = np.flatnonzero(folds != 0)
    return (train, held) if len(train) else (held, held)


def first_trained(params: TransformerParams, layers: int) -> int:
    """Return how many lower layers stay frozen."""
    if params.tuning == "frozen":
        return layers
    if params.tuning == "all" or params.top_layers >= layers or params.top_layers == 0:
        return 0
    return layers - params.top_layers


def make_runner(name: str, params: TransformerParams, network: PreferenceNetwork, longest: int) -> Runner:
    """Return what runs a network over sequences; the network is put where the settings say."""
    device = choose_device(params.device)
    network.to(device)
    budget = TokenBudget.from_memory(
        network.encoder.model.config, device, params.memory_share, 1, longest, training=False
    )
    return Runner(network, budget, name, half=choose_half(params.precision, device))

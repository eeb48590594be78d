"""One fit from texts to a trained network: sequences, frozen layers, the head's first fit, fine-tuning, merging."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from features.progress import Progress
from pipelines.folds import inner_split
from stacker.learners.base import Fit
from stacker.learners.transformer.adapters import add_adapters, merge_adapters
from stacker.learners.transformer.checkpoint import open_checkpoint
from stacker.learners.transformer.inference import Runner, choose_device, choose_half
from stacker.learners.transformer.layers import layer_count
from stacker.learners.transformer.losses import BattleLoss, class_weights
from stacker.learners.transformer.memory import TokenBudget
from stacker.learners.transformer.network import PreferenceNetwork
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.probe import MOST_BATTLES, Votes, fit_head
from stacker.learners.transformer.states import LowerStates
from stacker.learners.transformer.stored import build_network
from stacker.learners.transformer.structure import Structure
from stacker.learners.transformer.training import Work, fine_tune


@dataclass(frozen=True)
class Fitted:
    """A trained network, how its input is structured, and what is worth knowing of the fit (JSON values)."""

    network: PreferenceNetwork
    structure: Structure
    about: dict[str, Any]


def fit_network(
    name: str,
    params: TransformerParams,
    encoder: Any,
    texts: pd.DataFrame,
    fit: Fit,
    states: LowerStates,
    folder: Path,
    progress: Progress,
) -> Fitted:
    """Fit one transformer; `encoder` names a checkpoint's `name`, `folder` and `sha256`, `folder` is for checkpoints."""
    torch.manual_seed(fit.seed)
    checkpoint = open_checkpoint(encoder.folder, encoder.name)
    device = choose_device(params.device)
    network = build_network(checkpoint, params, first_trained(params, layer_count(checkpoint.model))).to(device)
    structure = Structure(checkpoint.tokenizer, params, checkpoint.positions)
    battles = structure.battles(texts)
    train, held = inner_split(fit.group, fit.outcome, params.held_share, fit.seed)
    votes = Votes(fit.outcome, fit.weight)
    classes = class_weights(torch.from_numpy(fit.outcome[train]), torch.from_numpy(fit.weight[train]))
    loss = BattleLoss(params.losses, classes)

    runner = make_runner(name, params, network, structure.longest, None)
    states.serve(f"{encoder.sha256} {network.encoder.start}")
    learns = params.tuning != "frozen"
    # Whatever is run once only gains nothing from being kept.
    if learns and states.fill(network, battles.items, runner.budget, name, progress):
        runner.states = states

    rows = np.random.default_rng(fit.seed).permutation(train)[:MOST_BATTLES]
    pooled = torch.from_numpy(runner.pooled(battles.items, progress))
    lengths = torch.from_numpy(np.stack([item.lengths for item in battles.items]))
    network.head.cpu()
    with torch.no_grad():
        inputs = network.head.inputs(pooled, lengths)
    strength, first = fit_head(network.head, inputs, battles.places, votes, rows, held, loss, params.strengths)
    network.head.to(device)
    del pooled, inputs

    about: dict[str, Any] = {"cut": structure.cut.described(), "strength": strength, "log_loss_of_first_head": first}
    if learns:
        handle = add_adapters(network, params) if params.tuning == "lora" else None
        network.to(device)
        if params.gradient_checkpointing:
            network.encoder.model.activation_checkpointing_enable({"use_reentrant": False})
        layers = layer_count(checkpoint.model) - network.encoder.start
        budget = TokenBudget.from_memory(
            checkpoint.model.config, device, params.memory_share, layers, structure.longest, training=True
        )
        work = Work(name, params, network, battles, votes, train, held, loss, budget, runner, runner.states)
        fine_tune(work, folder, fit.seed, progress)
        if handle is not None:
            merge_adapters(handle)
        about["evaluations"] = [
            {metric: value if np.isfinite(value) else None for metric, value in entry.items()} for entry in work.history
        ]
        about["halvings"] = budget.halvings
    network.eval()
    return Fitted(network, structure, about)


def first_trained(params: TransformerParams, layers: int) -> int:
    """Return how many lower layers stay frozen."""
    if params.tuning == "frozen":
        return layers
    if params.tuning == "all" or params.top_layers >= layers or params.top_layers == 0:
        return 0
    return layers - params.top_layers


def make_runner(
    name: str, params: TransformerParams, network: PreferenceNetwork, longest: int, states: LowerStates | None
) -> Runner:
    """Return what runs a network over sequences; the network is put where the settings say."""
    device = choose_device(params.device)
    network.to(device)
    budget = TokenBudget.from_memory(
        network.encoder.model.config, device, params.memory_share, 1, longest, training=False
    )
    return Runner(network, budget, name, states, choose_half(params.precision, device))

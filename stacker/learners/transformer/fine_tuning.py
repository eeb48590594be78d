"""One fit from texts to a trained network: sequences, frozen layers, the head's first fit, fine-tuning, merging.

Fine-tuning from a random head first spoils what the encoder knows (Kumar et al., 2022, "Fine-tuning can distort
pretrained features"); a head that was fitted before, convex and on the encoder as it is, leaves little to spoil.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from features.encoder.choice import ResolvedEncoder
from pipelines.battles.arrays import Ints
from pipelines.battles.folds import grouped_folds
from pipelines.terminal.command_line import Progress
from stacker.learners.balance import UNSEEN, Correction, class_shares, class_weights
from stacker.learners.learner_interface import Fit
from stacker.learners.transformer.fine_tuning_work import BattleLoss, Votes, Work, distinct
from stacker.learners.transformer.frozen import ArrayHead, FrozenRunner, frozen_engine
from stacker.learners.transformer.network.adapters import add_adapters, put_adapters, taken_adapters
from stacker.learners.transformer.network.batch_memory import TokenBudget
from stacker.learners.transformer.network.inference import HiddenStateCache, Runner, choose_device, choose_half
from stacker.learners.transformer.network.layers import layer_count
from stacker.learners.transformer.network.network import Head, PreferenceNetwork
from stacker.learners.transformer.network.structure import Structure
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.stored import build_network, open_checkpoint
from stacker.learners.transformer.training_loop import fine_tune

MOST_BATTLES = 20_000
"""More battles change a linear head little, and their pooled parts would take gigabytes."""
INNER_FOLDS = 3
ALWAYS = 1_000_000
"""Inner fold of battles that are learned from and never held out: those without a vote."""
_STEPS, _STEPS_TO_CHOOSE = 200, 50


def fit_head(
    head: Head, inputs: Tensor, places: Ints, votes: Votes, folds: Ints, loss: BattleLoss, strengths: Sequence[float]
) -> tuple[float, float]:
    """Fit the head's linear maps to given inputs, with the penalty that does best on inner folds.

    Parameters
    ----------
    head : Head
        Changed in place.
    inputs : (N, f)
        What `Head.inputs` gave for N sequences, without dropout.
    places : (n, 2) int64
        Sequences of each battle.
    folds : (n,) int64
        Inner fold of each battle, -1 for those that are not to be learned from, `ALWAYS` for those never held out.
    loss : BattleLoss
        What is minimised, beside the squared weights.
    strengths : sequence of float
        Candidates for the inverse penalty, as scikit-learn's C.

    Returns
    -------
    float, float
        The chosen strength, and its log loss on the inner folds.
    """
    head.to(torch.float64)
    inputs = inputs.to(torch.float64)
    rows = np.flatnonzero(folds >= 0)
    ordered = sorted(strengths)
    total = np.zeros(len(ordered))
    numbers = np.unique(folds[rows][folds[rows] != ALWAYS])
    if len(numbers) > 1 and len(ordered) > 1:
        for number in numbers:
            train, held = rows[folds[rows] != number], rows[folds[rows] == number]
            _start(head, votes.take(train))
            for place, strength in enumerate(ordered):
                # The weaker penalty goes on from where the stronger one ended.
                _minimise(head, inputs, places[train], votes.take(train), loss, strength, _STEPS_TO_CHOOSE)
                total[place] += _log_loss(head, inputs, places[held], votes.take(held))
    best = int(total.argmin())
    _start(head, votes.take(rows))
    _minimise(head, inputs, places[rows], votes.take(rows), loss, ordered[best], _STEPS)
    head.to(torch.float32)
    return ordered[best], float(total[best] / votes.weight[rows][folds[rows] != ALWAYS].sum())


def _start(head: Head, votes: Votes) -> None:
    head.start_at(class_shares(votes.outcome, votes.weight))


def _log_loss(head: Head, inputs: Tensor, places: Ints, votes: Votes) -> float:
    """Return the weighted sum of the log losses."""
    used, inverse = distinct(places)
    with torch.no_grad():
        logits = head.logits(head(inputs[used])[inverse])
        each = functional.cross_entropy(logits, torch.from_numpy(votes.outcome), reduction="none")
    return float((each * torch.from_numpy(votes.weight)).sum())


def _minimise(
    head: Head, inputs: Tensor, places: Ints, votes: Votes, loss: BattleLoss, strength: float, steps: int
) -> None:
    used, places = distinct(places)
    inputs = inputs[used]
    outcome, unseen = torch.from_numpy(votes.outcome), torch.arange(3)
    total_weight = votes.weight.sum() + UNSEEN.sum()
    weight = torch.from_numpy(votes.weight / total_weight)
    # Of a battle that the head sees nothing of, each outcome comes besides: the constants have bounds.
    nothing, weight_unseen = torch.zeros((2, inputs.shape[1]), dtype=inputs.dtype), torch.from_numpy(UNSEEN)
    optimiser = torch.optim.LBFGS(
        head.parameters(), max_iter=steps, tolerance_grad=1e-6, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        fitted = (weight * loss(head.logits(head(inputs)[places]), outcome, votes.soft)).sum()
        apart = (weight_unseen * loss(head.logits(head(nothing)[None]).expand(3, 3), unseen)).sum() / total_weight
        total = fitted + apart + head.penalty() / (2 * strength * len(outcome))
        total.backward()
        return total

    optimiser.step(closure)
    optimiser.zero_grad()


@dataclass(frozen=True)
class Fitted:
    """A trained network, how its input is structured, what runs it, and what is worth knowing of the fit (JSON).

    `adapters` are those that were merged into its weights, empty where there are none.
    """

    network: PreferenceNetwork
    structure: Structure
    runner: Runner | FrozenRunner
    about: dict[str, Any]
    adapters: dict[str, Tensor]


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
    checkpoint = open_checkpoint(encoder.folder, encoder.name, params)
    device = choose_device(params.device)
    network = build_network(checkpoint, params, first_trained(params, layer_count(checkpoint.model))).to(device)
    structure = Structure(checkpoint.tokenizer, params, checkpoint.positions, causal=checkpoint.causal)
    battles = structure.battles(texts)
    train, held = held_out(fit, params.validation_fraction)
    votes = Votes(fit.outcome, fit.weight if fit.soft is None else fit.soft.weight, fit.soft)
    loss = BattleLoss(params.losses, torch.from_numpy(class_weights(fit.outcome[train], fit.weight[train])))

    runner = make_runner(name, params, network, structure.longest)
    chosen = None if checkpoint.causal else frozen_engine(params, encoder)
    engine = "" if chosen is None or chosen.copies is None else chosen.copies.version(chosen.precision)
    kept = shelf.of(f"{encoder.sha256} {network.encoder.start} {runner.half} {params.quantization} {engine}")
    learns = params.tuning != "frozen"
    # A frozen encoder needs its pooled parts alone, which are kept too.
    if learns and kept.fill(network, battles.items, runner.budget, name, progress):
        runner.kept = kept

    runner.untrained = kept
    by_copy = None if chosen is None else FrozenRunner(chosen, array_head(params, network), name, kept, fit.threads)
    pooled = torch.from_numpy((by_copy or runner).pooled(battles.items, progress))
    lengths = torch.from_numpy(np.stack([item.lengths for item in battles.items]))
    network.head.cpu().eval()
    with torch.no_grad():
        inputs = network.head.inputs(pooled, lengths)
    # A frozen encoder stops nowhere early: its head learns from every battle.
    rows = np.random.default_rng(fit.seed).permutation(train if learns else len(votes.outcome))[:MOST_BATTLES]
    folds = np.full(len(votes.outcome), -1)
    voted = rows if fit.soft is None or fit.soft.unvoted is None else rows[~fit.soft.unvoted[rows]]
    folds[rows] = ALWAYS
    folds[voted] = grouped_folds(fit.group[voted], fit.outcome[voted], INNER_FOLDS, fit.seed)
    strength, first = fit_head(network.head, inputs, battles.places, votes, folds, loss, params.C)
    network.head.to(device)
    del pooled, inputs

    about: dict[str, Any] = {
        "cut": {name: dict(count) for name, count in structure.cut.items()},
        "strength": strength,
        "log_loss_of_first_head": first,
    }
    adapters: dict[str, Tensor] = {}
    if learns:
        runner.untrained = None
        handle = None
        if params.tuning == "lora":
            handle = add_adapters(network.encoder.model, params, network.encoder.start)
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
            adapters = taken_adapters(handle)
            put_adapters(network.encoder.model, adapters, params)
        about["evaluations"] = [
            {metric: value if np.isfinite(value) else None for metric, value in entry.items()} for entry in work.history
        ]
        about["halvings"] = budget.halvings
    network.eval()
    if chosen is not None:
        by_copy = FrozenRunner(chosen, array_head(params, network), name, kept, fit.threads)
        about["engine"] = chosen.told
    return Fitted(network, structure, by_copy or runner, about, adapters)


def array_head(params: TransformerParams, network: PreferenceNetwork) -> ArrayHead:
    """Return a network's head as arrays."""
    tensors = {name: value.detach().cpu().numpy() for name, value in network.head.state_dict().items()}
    return ArrayHead.of(params, network.encoder.width, tensors)


def held_out(fit: Fit, share: float) -> tuple[Ints, Ints]:
    """Return rows to learn from, and about a `share` of whole prompt groups for early stopping to look at.

    Where all battles have one prompt, both are all rows: nothing can be held out. Battles without a vote are never
    looked at.
    """
    voted = np.ones(len(fit.outcome), dtype=bool) if fit.soft is None or fit.soft.unvoted is None else ~fit.soft.unvoted
    folds = np.full(len(fit.outcome), ALWAYS)
    folds[voted] = grouped_folds(fit.group[voted], fit.outcome[voted], max(round(1 / share), 2), fit.seed)
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
    if params.quantization == "8bit":
        # Its outliers are found over a whole batch, and what a text gives must not depend on those beside it.
        budget = TokenBudget.one_by_one()
    return Runner(network, budget, name, half=choose_half(params.precision, device))

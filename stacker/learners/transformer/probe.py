"""The head's first fit: convex, on the encoder as it is, so that fine-tuning starts from a good head.

Fine-tuning from a random head first spoils what the encoder knows (Kumar et al., 2022, "Fine-tuning can distort
pretrained features"); a head that was fitted before leaves little to spoil.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stacker.learners.base import Floats, Ints
from stacker.learners.transformer.heads import Head
from stacker.learners.transformer.losses import BattleLoss

MOST_BATTLES = 20_000
"""More battles change a linear head little, and their pooled parts would take gigabytes."""
_STEPS = 200


@dataclass(frozen=True)
class Votes:
    """Outcome and weight of n battles, (n,) each."""

    outcome: Ints
    weight: Floats


def fit_head(
    head: Head,
    inputs: Tensor,
    places: Ints,
    votes: Votes,
    train: Ints,
    held: Ints,
    loss: BattleLoss,
    strengths: Sequence[float],
) -> tuple[float, float]:
    """Fit the head's linear maps to given inputs, with the penalty that does best on the held-out battles.

    Parameters
    ----------
    head : Head
        Changed in place.
    inputs : (N, f)
        What `Head.inputs` gave for N sequences, without dropout.
    places : (n, 2) int64
        Sequences of each battle.
    votes : Votes
        Of the n battles.
    train, held : int64
        Rows to fit, and rows to choose the penalty by.
    loss : BattleLoss
        What is minimised, beside the squared weights.
    strengths : sequence of float
        Candidates for the inverse penalty, as scikit-learn's C.

    Returns
    -------
    float, float
        The chosen strength, and its log loss on the held-out battles.
    """
    dtype = torch.float64
    head.to(dtype)
    shares = np.bincount(votes.outcome[train], weights=votes.weight[train], minlength=3)
    head.start_at(shares)
    inputs = inputs.to(dtype)
    best: tuple[float, float, dict[str, Tensor]] | None = None
    for strength in sorted(strengths):
        _minimise(head, inputs, places[train], _part(votes, train), loss, strength)
        with torch.no_grad():
            logits = head.logits(head(inputs)[places[held]])
            each = functional.cross_entropy(logits, torch.from_numpy(votes.outcome[held]), reduction="none")
            score = float((each * torch.from_numpy(votes.weight[held])).sum() / votes.weight[held].sum())
        if best is None or score < best[1]:
            best = (strength, score, {name: value.clone() for name, value in head.state_dict().items()})
    if best is None:
        raise ValueError("no strengths were given")
    head.load_state_dict(best[2])
    head.to(torch.float32)
    return best[0], best[1]


def _minimise(head: Head, inputs: Tensor, places: Ints, votes: Votes, loss: BattleLoss, strength: float) -> None:
    outcome = torch.from_numpy(votes.outcome)
    weight = torch.from_numpy(votes.weight / votes.weight.sum())
    matrices = [value for name, value in head.named_parameters() if name.endswith("weight")]
    optimiser = torch.optim.LBFGS(
        head.parameters(), max_iter=_STEPS, tolerance_grad=1e-6, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        fitted = (weight * loss(head.logits(head(inputs)[places]), outcome)).sum()
        penalty = torch.stack([matrix.square().sum() for matrix in matrices]).sum() / (2 * strength * len(outcome))
        total = fitted + penalty
        total.backward()
        return total

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    optimiser.zero_grad()


def _part(votes: Votes, rows: Ints) -> Votes:
    return Votes(votes.outcome[rows], votes.weight[rows])

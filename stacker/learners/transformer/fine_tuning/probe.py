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

from pipelines.battles.arrays import Floats, Ints
from stacker.learners.balance import UNSEEN, class_shares
from stacker.learners.transformer.fine_tuning.losses import BattleLoss
from stacker.learners.transformer.network.heads import Head

MOST_BATTLES = 20_000
"""More battles change a linear head little, and their pooled parts would take gigabytes."""
INNER_FOLDS = 3
_STEPS, _STEPS_TO_CHOOSE = 200, 50


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
    folds: Ints,
    loss: BattleLoss,
    strengths: Sequence[float],
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
    votes : Votes
        Of the n battles.
    folds : (n,) int64
        Inner fold of each battle, -1 for those that are not to be learned from.
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
    numbers = np.unique(folds[rows])
    if len(numbers) > 1 and len(ordered) > 1:
        for number in numbers:
            train, held = rows[folds[rows] != number], rows[folds[rows] == number]
            _start(head, _part(votes, train))
            for place, strength in enumerate(ordered):
                # The weaker penalty goes on from where the stronger one ended.
                _minimise(head, inputs, places[train], _part(votes, train), loss, strength, _STEPS_TO_CHOOSE)
                total[place] += _log_loss(head, inputs, places[held], _part(votes, held))
    best = int(total.argmin())
    _start(head, _part(votes, rows))
    _minimise(head, inputs, places[rows], _part(votes, rows), loss, ordered[best], _STEPS)
    head.to(torch.float32)
    return ordered[best], float(total[best] / votes.weight[rows].sum())


def _start(head: Head, votes: Votes) -> None:
    head.start_at(class_shares(votes.outcome, votes.weight))


def _log_loss(head: Head, inputs: Tensor, places: Ints, votes: Votes) -> float:
    """Return the weighted sum of the log losses."""
    used, inverse = np.unique(places, return_inverse=True)
    with torch.no_grad():
        logits = head.logits(head(inputs[used])[inverse.reshape(places.shape)])
        each = functional.cross_entropy(logits, torch.from_numpy(votes.outcome), reduction="none")
    return float((each * torch.from_numpy(votes.weight)).sum())


def _minimise(
    head: Head, inputs: Tensor, places: Ints, votes: Votes, loss: BattleLoss, strength: float, steps: int
) -> None:
    used, inverse = np.unique(places, return_inverse=True)
    inputs, places = inputs[used], inverse.reshape(places.shape)
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
        fitted = (weight * loss(head.logits(head(inputs)[places]), outcome)).sum()
        apart = (weight_unseen * loss(head.logits(head(nothing)[None]).expand(3, 3), unseen)).sum() / total_weight
        total = fitted + apart + head.penalty() / (2 * strength * len(outcome))
        total.backward()
        return total

    optimiser.step(closure)
    optimiser.zero_grad()


def _part(votes: Votes, rows: Ints) -> Votes:
    return Votes(votes.outcome[rows], votes.weight[rows])

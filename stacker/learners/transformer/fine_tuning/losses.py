"""Losses over three logits (A, B, tie): each gives one number a battle, in nats, and they add up by weight."""

import torch
from torch import Tensor
from torch.nn import functional

from stacker.learners.transformer.params import LossParams


def cross_entropy(logits: Tensor, outcome: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return -log p(outcome) of each battle, (n,).

    Parameters
    ----------
    logits : (n, 3)
        Log-odds of A, B and tie.
    outcome : (n,) int64
        The vote.
    smoothing : float
        Share of each vote that is spread evenly over all three outcomes (Szegedy et al., 2016).
    """
    return functional.cross_entropy(logits, outcome, reduction="none", label_smoothing=smoothing)


def focal(logits: Tensor, outcome: Tensor, gamma: float, smoothing: float = 0.0) -> Tensor:
    """Return the focal loss -(1 - p)^gamma log p of each battle, (n,) (Lin et al., 2017); gamma 0 is cross-entropy.

    With smoothing, the focused losses of the three outcomes are averaged by the smoothed vote.
    """
    logs = functional.log_softmax(logits, dim=1)
    # The floor keeps the gradient of a power below 1 finite where p is 1.
    focused = -((1 - logs.exp()).clamp(min=1e-7) ** gamma) * logs if gamma else -logs
    return (smoothed_votes(outcome, smoothing, logits.dtype) * focused).sum(dim=1)


def ranking(logits: Tensor, outcome: Tensor) -> Tensor:
    """Return the Bradley-Terry loss of each battle, (n,): a tie counts as half a win for each side.

    The strengths' difference is the log-odds of A against B, so that -log s(gap) is paid where A won, -log s(-gap)
    where B won, and half of both for a tie (Bradley & Terry, 1952; ties as in Elo's half point).
    """
    gap = logits[:, 0] - logits[:, 1]
    share = torch.tensor([1.0, 0.0, 0.5], dtype=logits.dtype, device=logits.device)[outcome]
    return share * functional.softplus(-gap) + (1 - share) * functional.softplus(gap)


def smoothed_votes(outcome: Tensor, smoothing: float, dtype: torch.dtype) -> Tensor:
    """Return the votes as (n, 3) shares, `smoothing` of each spread evenly."""
    return functional.one_hot(outcome, 3).to(dtype) * (1 - smoothing) + smoothing / 3


class BattleLoss:
    """The configured sum of losses.

    Parameters
    ----------
    params : LossParams
        Weights and shapes.
    classes : (3,) Tensor
        What `balance.class_weights` gave for the training rows.
    """

    def __init__(self, params: LossParams, classes: Tensor) -> None:
        self.params = params
        self.classes = classes

    def __call__(self, logits: Tensor, outcome: Tensor) -> Tensor:
        """Return the loss of each battle, (n,); logits (n, 3), outcome (n,) int64."""
        p = self.params
        total = torch.zeros(len(logits), dtype=logits.dtype, device=logits.device)
        plain = cross_entropy(logits, outcome, p.label_smoothing)
        if p.cross_entropy:
            total = total + p.cross_entropy * plain
        if p.class_weighted:
            total = total + p.class_weighted * self.classes.to(logits)[outcome] * plain
        if p.focal:
            total = total + p.focal * focal(logits, outcome, p.focal_gamma, p.label_smoothing)
        if p.ranking:
            total = total + p.ranking * ranking(logits, outcome)
        return total

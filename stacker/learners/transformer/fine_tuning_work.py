"""What a fit trains on: losses, the order of the battles, how it is scored on those held out, and when it ends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate import metrics
from stacker.learners.balance import Correction
from stacker.learners.soft_votes import SoftVotes
from stacker.learners.transformer.network.batch_memory import TokenBudget
from stacker.learners.transformer.network.inference import Kept, Runner
from stacker.learners.transformer.network.network import PreferenceNetwork, battle_logits
from stacker.learners.transformer.network.structure import Battles
from stacker.learners.transformer.params import LossParams, TransformerParams

LOWER_IS_BETTER = {"log_loss": True, "accuracy": False, "balanced_accuracy": False, "bradley_terry_loss": True}
"""What early stopping can watch."""
Metrics = dict[str, float]
"""Metrics of one evaluation by name, NaN where one does not apply."""


def focal(logits: Tensor, outcome: Tensor, gamma: float, smoothing: float = 0.0) -> Tensor:
    """Return the focal loss -(1 - p)^gamma log p of each battle, (n,) (Lin et al., 2017); gamma 0 is cross-entropy.

    With smoothing (Szegedy et al., 2016), the focused losses of the three outcomes are averaged by the smoothed vote.
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


def distance(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the squared temperature times KL(teacher || student) at that temperature, (n,) (Hinton et al., 2015).

    The square keeps the gradient's size whatever the temperature.
    """
    student = functional.log_softmax(logits / temperature, dim=1)
    wanted = functional.log_softmax(teacher.clamp(min=1e-6).log() / temperature, dim=1)
    return temperature**2 * (wanted.exp() * (wanted - student)).sum(dim=1)


class BattleLoss:
    """The configured sum of losses; `classes` are the (3,) `balance.class_weights` of the training rows."""

    def __init__(self, params: LossParams, classes: Tensor) -> None:
        self.params = params
        self.classes = classes

    def __call__(self, logits: Tensor, outcome: Tensor, soft: SoftVotes | None = None) -> Tensor:
        """Return the loss of each battle, (n,); logits (n, 3), outcome (n,) int64, `soft` in its place where it is."""
        if soft is not None:
            return self._of_soft(logits, soft)
        p = self.params
        total = torch.zeros(len(logits), dtype=logits.dtype, device=logits.device)
        plain = functional.cross_entropy(logits, outcome, reduction="none", label_smoothing=p.label_smoothing)
        if p.cross_entropy:
            total = total + p.cross_entropy * plain
        if p.class_weighted:
            total = total + p.class_weighted * self.classes.to(logits)[outcome] * plain
        if p.focal:
            total = total + p.focal * focal(logits, outcome, p.focal_gamma, p.label_smoothing)
        if p.ranking:
            total = total + p.ranking * ranking(logits, outcome)
        return total

    def _of_soft(self, logits: Tensor, soft: SoftVotes) -> Tensor:
        """Return each loss as its mean over the outcomes by their shares, and in part the distance from the teacher."""
        if soft.tie_offset is not None:
            logits = torch.cat([logits[:, :2], logits[:, 2:] + torch.as_tensor(soft.tie_offset).to(logits)[:, None]], 1)
        shares, teacher = (torch.as_tensor(rows).to(logits) for rows in (soft.shares, soft.teacher))
        each = [self(logits, torch.full((len(logits),), place, device=logits.device)) for place in range(3)]
        voted = (torch.stack(each, dim=1) * shares).sum(dim=1)
        known = ~teacher.isnan().any(dim=1)
        if not known.any():
            return voted
        away = distance(logits, torch.where(known[:, None], teacher, 1 / 3), soft.temperature)
        return torch.where(known, (1 - soft.share) * voted + soft.share * away, voted)


class EpochBatches:
    """The effective batches of one epoch after another; a batch sampler for torch's DataLoader.

    Order and swaps depend on the seed and the epoch's number alone, so that an epoch that was cut short goes on with
    the same batches.

    Parameters
    ----------
    rows : (n,) int64
        Training rows.
    size : int
        Battles in a batch; the last one may be smaller.
    swaps : bool
        Whether half of the battles are shown with their sides swapped.
    """

    def __init__(self, rows: NDArray[np.int64], size: int, seed: int, swaps: bool) -> None:
        self.rows = rows
        self.size = size
        self.seed = seed
        self.swaps = swaps
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Draw the order and the swaps of an epoch."""
        draw = np.random.default_rng((self.seed, epoch))
        self.order = draw.permutation(self.rows)
        self.swapped = dict.fromkeys(map(int, self.rows), False)
        if self.swaps:
            self.swapped = dict(zip(map(int, self.rows), (draw.random(len(self.rows)) < 0.5).tolist(), strict=True))

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self.order), self.size):
            yield self.order[start : start + self.size].tolist()


def should_stop(history: Sequence[Mapping[str, float]], watch: Sequence[str], patience: int) -> bool:
    """Tell whether none of the watched metrics has improved within the last `patience` evaluations.

    Parameters
    ----------
    history : sequence of mappings
        Metrics of each evaluation by name, the one before training first; NaN where a metric does not apply.
    watch : sequence of str
        Keys of `LOWER_IS_BETTER`.
    patience : int
        Evaluations without any improvement after which to stop.
    """
    latest = 0
    for name in watch:
        best: float | None = None
        for place, entry in enumerate(history):
            value = entry[name]
            if not np.isfinite(value):
                continue
            signed = value if LOWER_IS_BETTER[name] else -value
            if best is None or signed < best:
                best, latest = signed, max(latest, place)
    return len(history) - 1 - latest >= patience


@dataclass(frozen=True)
class Votes:
    """Outcome and weight of n battles, (n,) each, and the votes as distributions where they are."""

    outcome: Ints
    weight: Floats
    soft: SoftVotes | None = None

    def take(self, rows: Ints) -> "Votes":
        """Return the chosen battles."""
        return Votes(self.outcome[rows], self.weight[rows], None if self.soft is None else self.soft.take(rows))


@dataclass
class Work:
    """What a fit trains on, and how.

    Attributes
    ----------
    network : PreferenceNetwork
        Trained in place.
    battles : Battles
        Sequences of all n battles of the fit.
    train, held : int64
        Rows to learn from, and rows that early stopping looks at.
    budget : TokenBudget
        Padded tokens that one backward pass may hold.
    kept : Kept or None
        Hidden states of the frozen half, where they are kept.
    correction : Correction
        What brings the probabilities back from the prior and the loss of training.
    """

    name: str
    params: TransformerParams
    network: PreferenceNetwork
    battles: Battles
    votes: Votes
    train: Ints
    held: Ints
    loss: BattleLoss
    budget: TokenBudget
    runner: Runner
    kept: Kept | None
    correction: Correction
    history: list[Metrics] = field(default_factory=list)

    def held_metrics(self) -> Metrics:
        """Return the watched metrics on the held-out rows, and the log loss."""
        places = self.battles.places[self.held]
        used, inverse = distinct(places)
        numbers = self.runner.numbers([self.battles.items[place] for place in used])
        logits = battle_logits(self.network.head, numbers[inverse])
        p = torch.softmax(torch.from_numpy(logits), dim=1).numpy()
        p = self.correction.apply(p)
        outcome, weight = self.votes.outcome[self.held], self.votes.weight[self.held]
        between = metrics.bradley_terry_loss(p, outcome)
        return {
            "log_loss": metrics.log_loss(p, outcome, weight),
            "accuracy": metrics.accuracy(p, outcome),
            "balanced_accuracy": metrics.balanced_accuracy(p, outcome),
            "bradley_terry_loss": float("nan") if between is None else between,
        }


def distinct(places: Ints) -> tuple[Ints, Ints]:
    """Return the places of sequences that (n, 2) places name, each once, and where among them each of the n, 2 is."""
    used, inverse = np.unique(places, return_inverse=True)
    return used, inverse.reshape(places.shape)

"""What a fit trains on, and how it is scored on the battles that were held out."""

from dataclasses import dataclass, field

import numpy as np
import torch

from pipelines.battles.arrays import Ints
from stacker.evaluation import metrics
from stacker.learners.balance import Correction
from stacker.learners.transformer.fine_tuning.batch_memory import TokenBudget
from stacker.learners.transformer.fine_tuning.losses import BattleLoss
from stacker.learners.transformer.fine_tuning.probe import Votes
from stacker.learners.transformer.inference import Runner
from stacker.learners.transformer.network.heads import battle_logits
from stacker.learners.transformer.network.hidden_states import Kept
from stacker.learners.transformer.network.network import PreferenceNetwork
from stacker.learners.transformer.network.structure import Battles
from stacker.learners.transformer.params import TransformerParams

Metrics = dict[str, float]
"""Metrics of one evaluation by name, NaN where one does not apply."""


@dataclass
class Work:
    """What a fit trains on, and how.

    Attributes
    ----------
    name : str
        The model's name.
    params : TransformerParams
        Its settings.
    network : PreferenceNetwork
        Trained in place.
    battles : Battles
        Sequences of all n battles of the fit.
    votes : Votes
        Of the n battles.
    train, held : int64
        Rows to learn from, and rows that early stopping looks at.
    loss : BattleLoss
        What is minimised.
    budget : TokenBudget
        Padded tokens that one backward pass may hold.
    runner : Runner
        For evaluation.
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
        used, inverse = _unique(places)
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


def _unique(places: Ints) -> tuple[list[int], Ints]:
    used, inverse = np.unique(places, return_inverse=True)
    return used.tolist(), inverse.reshape(places.shape)

"""The network that is trained: a split encoder, its parts pooled, and a head from those to a battle's logits.

Heads are linear in the pooled parts, each part normalised over its coordinates, and in the lengths.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipelines.battles.arrays import FLIP, Floats
from stacker.learners.transformer.network.layers import SplitEncoder
from stacker.learners.transformer.network.structure import FIRST, LENGTHS, PROMPT, SECOND, Item

_LENGTH_PENALTY = 0.01
Batch = dict[str, Tensor]


class Head(nn.Module, ABC):
    """Maps pooled parts to a few numbers a sequence, and those of a battle's sequences to its three logits.

    Parameters
    ----------
    lengths : bool
        Whether each sequence comes with its lengths.
    dropout : float
        Dropout on the pooled parts, in training.
    """

    parts: ClassVar[tuple[int, ...]]
    """Parts that are pooled, the prompt first."""
    both_orders: ClassVar[bool]
    """Whether a battle's second sequence is the battle with its sides swapped."""

    def __init__(self, width: int, lengths: bool, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.length_count = LENGTHS * len(self.parts) if lengths else 0
        self.dropout = nn.Dropout(dropout)

    def inputs(self, pooled: Tensor, lengths: Tensor) -> Tensor:
        """Return (m, f) inputs of the linear maps from (m, parts, d) pooled parts and (m, k) lengths."""
        normal = self.extended(functional.layer_norm(pooled.float(), pooled.shape[-1:]))
        return torch.cat([self.dropout(normal).flatten(1), lengths.float()], dim=1)

    def extended(self, normal: Tensor) -> Tensor:
        """Return what the linear maps see of (m, parts, d) normalised parts: these, unless a head adds to them."""
        return normal

    def penalty(self) -> Tensor:
        """Return the sum of the squared weights; those of the lengths, few and known to matter, count little."""
        total = torch.zeros((), dtype=torch.float64)
        for module in self.children():
            if isinstance(module, nn.Linear):
                lengths = (
                    self.length_count if module is not getattr(self, "tie", None) else min(self.length_count, LENGTHS)
                )
                squares = module.weight.square()
                split = squares.shape[1] - lengths
                total = total + squares[:, :split].sum() + _LENGTH_PENALTY * squares[:, split:].sum()
        return total

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Return (m, k) numbers of m sequences."""

    @abstractmethod
    def logits(self, numbers: Tensor) -> Tensor:
        """Return (n, 3) logits of n battles from the numbers of their sequences, (n, 2, k).

        The joint head also takes (n, 1, k): one order of each battle.
        """

    @abstractmethod
    def start_at(self, shares: NDArray[np.float64]) -> None:
        """Set the constants to the shares of A, B and tie among the training rows, the weights to nothing."""


class JointHead(Head):
    """Three logits from one pass over prompt and both answers; the mean of both orders."""

    parts = (PROMPT, FIRST, SECOND)
    both_orders = True

    def __init__(self, width: int, lengths: bool, dropout: float) -> None:
        super().__init__(width, lengths, dropout)
        # The distance of the two answers is what speaks for a tie, and no linear map of them has it.
        self.map = nn.Linear(width * (len(self.parts) + 1) + self.length_count, 3)

    def extended(self, normal: Tensor) -> Tensor:
        """Return the parts with the absolute difference of both answers behind them."""
        return torch.cat([normal, (normal[:, 1] - normal[:, 2]).abs().unsqueeze(1)], dim=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (m, 3) logits of A, B and tie in each sequence's own order."""
        return torch.as_tensor(self.map(inputs))

    def logits(self, numbers: Tensor) -> Tensor:
        """Return (n, 3) logits: the mean of both orders, or the one order there is."""
        if numbers.shape[1] == 1:
            return numbers[:, 0]
        return (numbers[:, 0] + numbers[:, 1, FLIP]) / 2

    def start_at(self, shares: NDArray[np.float64]) -> None:
        """Set the constants to the log shares, A's and B's made equal."""
        even = (shares + shares[FLIP]) / 2
        with torch.no_grad():
            self.map.weight.zero_()
            self.map.bias.copy_(torch.as_tensor(np.log(np.clip(even, 1e-3, None))))


class PairwiseHead(Head):
    """A score for each (prompt, answer) and a tie term from the prompt: symmetric by itself.

    With scores s and tie term t (the mean of both passes), Davidson (1970): the logits of A, B and tie are
    s_A / 2 - s_B / 2, s_B / 2 - s_A / 2 and t. Rao and Kupper (1967): with the threshold h = softplus(t),
    p(A) = s(s_A - s_B - h), p(B) = s(s_B - s_A - h), and the rest is a tie.
    """

    parts = (PROMPT, FIRST)
    both_orders = False

    def __init__(
        self, width: int, lengths: bool, dropout: float, ties: Literal["davidson", "rao_kupper"] = "davidson"
    ) -> None:
        super().__init__(width, lengths, dropout)
        self.ties = ties
        self.score = nn.Linear(width * len(self.parts) + self.length_count, 1, bias=False)
        self.tie = nn.Linear(width + (LENGTHS if lengths else 0), 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (m, 2): the score of each answer and its share in the tie term."""
        # One pass over the inputs for both maps: the tie weighs the coordinates and lengths of the prompt alone.
        tie = self.tie.weight
        pieces = [tie[:, : self.width], tie.new_zeros((1, self.width))]
        if self.length_count:
            pieces += [tie[:, self.width :], tie.new_zeros((1, LENGTHS))]
        weight = torch.cat([self.score.weight, torch.cat(pieces, dim=1)])
        return functional.linear(inputs, weight, torch.cat([self.tie.bias.new_zeros(1), self.tie.bias]))

    def logits(self, numbers: Tensor) -> Tensor:
        """Return (n, 3) logits; those of Rao-Kupper are log probabilities."""
        gap = numbers[:, 0, 0] - numbers[:, 1, 0]
        tie = (numbers[:, 0, 1] + numbers[:, 1, 1]) / 2
        if self.ties == "davidson":
            return torch.stack([gap / 2, -gap / 2, tie], dim=1)
        threshold = functional.softplus(tie) + 1e-6
        a, b = functional.logsigmoid(gap - threshold), functional.logsigmoid(-gap - threshold)
        # What is left, 1 - p(A) - p(B), equals (e^{2h} - 1) p(A) p(B).
        return torch.stack([a, b, a + b + log_expm1(2 * threshold)], dim=1)

    def start_at(self, shares: NDArray[np.float64]) -> None:
        """Set the tie term to the share of ties between equals."""
        tie = float(np.clip(shares[2] / shares.sum(), 1e-3, 1 - 1e-3))
        if self.ties == "davidson":
            start = np.log(tie / ((1 - tie) / 2))
        else:
            # Between equals p(A) = s(-h) = (1 - tie) / 2, so that h = log((1 + tie) / (1 - tie)).
            start = np.log(np.expm1(np.log((1 + tie) / (1 - tie))))
        with torch.no_grad():
            self.score.weight.zero_()
            self.tie.weight.zero_()
            self.tie.bias.fill_(float(start))


def log_expm1(x: Tensor) -> Tensor:
    """Return log(e^x - 1) for x > 0, without overflow."""
    return x + torch.log(-torch.expm1(-x))


def make_head(
    kind: Literal["joint", "pairwise"], width: int, lengths: bool, dropout: float, ties: Any = "davidson"
) -> Head:
    """Return a head of a kind."""
    if kind == "joint":
        return JointHead(width, lengths, dropout)
    return PairwiseHead(width, lengths, dropout, ties)


def battle_logits(head: Head, numbers: Floats) -> Floats:
    """Return (n, 3) float64 logits, those of A and B without a constant that both share.

    Swapping a battle's sequences swaps the first two logits to the last bit.
    """
    with torch.no_grad():
        found = head.logits(torch.from_numpy(np.ascontiguousarray(numbers, dtype=np.float64))).numpy()
    return np.asarray(found - ((found[:, :1] + found[:, 1:2]) / 2))


class PreferenceNetwork(nn.Module):
    """From sequences to the numbers of a head.

    Parameters
    ----------
    head : Head
        The head; always computed in float32 or better.
    pad : int
        Token id that fills up shorter sequences.
    """

    def __init__(self, encoder: SplitEncoder, head: Head, pad: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.pad = pad

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def collate(self, items: Sequence[Item], left: bool = False) -> Batch:
        """Return m sequences as padded tensors: `ids`, `mask`, `types`, `parts`, each (m, l), and `lengths` (m, k).

        They are filled up behind their tokens, or before these where `left` is true.
        """
        longest = max(len(item) for item in items)
        ids = np.full((len(items), longest), self.pad, dtype=np.int64)
        types, parts, mask = np.zeros_like(ids), np.zeros_like(ids), np.zeros_like(ids)
        for row, item in enumerate(items):
            own = slice(longest - len(item), longest) if left else slice(len(item))
            ids[row, own], types[row, own], parts[row, own], mask[row, own] = (
                item.ids,
                item.types,
                item.parts,
                1,
            )
        arrays: dict[str, Any] = {"ids": ids, "types": types, "parts": parts, "mask": mask}
        arrays["lengths"] = np.stack([item.lengths for item in items])
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    def pooled(self, batch: Batch, hidden: Tensor | None = None) -> Tensor:
        """Return (m, parts, d): the mean hidden state of each part, a decoder's last one.

        Parameters
        ----------
        hidden : (m, l, d) or None
            The lower half's hidden states, where they are known.
        """
        if hidden is None:
            hidden = self.encoder.lower(batch)
        last = self.encoder.upper(batch, hidden)
        pool = last_of_parts if self.encoder.causal else pool_parts
        return pool(last, batch["parts"], self.head.parts)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tensor:
        """Return (m, k) numbers of m sequences."""
        pooled = self.pooled(batch, hidden)
        with torch.autocast(pooled.device.type, enabled=False):
            return torch.as_tensor(self.head(self.head.inputs(pooled.float(), batch["lengths"])))


def pool_parts(last: Tensor, parts: Tensor, wanted: Sequence[int]) -> Tensor:
    """Return (m, len(wanted), d): the mean of (m, l, d) hidden states over the tokens of each wanted part, (m, l)."""
    chosen = torch.stack([parts == part for part in wanted], dim=1).to(last.dtype)
    return (chosen @ last) / chosen.sum(dim=2, keepdim=True).clamp(min=1)


def last_of_parts(last: Tensor, parts: Tensor, wanted: Sequence[int]) -> Tensor:
    """Return (m, len(wanted), d): the hidden state of the last token of each wanted part, which has seen all before it.

    It is looked up by the parts, so that it makes no difference where a sequence was filled up; a part without a token
    gives zeros.
    """
    chosen = torch.stack([parts == part for part in wanted], dim=1)
    places = (chosen * torch.arange(1, parts.shape[1] + 1, device=parts.device)).amax(dim=2)
    rows = torch.arange(len(parts), device=parts.device)[:, None]
    return last[rows, (places - 1).clamp(min=0)] * (places > 0).unsqueeze(2).to(last.dtype)

"""The network that is trained: a split encoder, its parts pooled, a head."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stacker.learners.transformer.network.heads import Head
from stacker.learners.transformer.network.layers import SplitEncoder
from stacker.learners.transformer.network.structure import Item

Batch = dict[str, Tensor]


class PreferenceNetwork(nn.Module):
    """From sequences to the numbers of a head.

    Parameters
    ----------
    encoder : SplitEncoder
        The encoder.
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

    def collate(self, items: Sequence[Item]) -> Batch:
        """Return m sequences as padded tensors: `ids`, `mask`, `types`, `parts`, each (m, l), and `lengths` (m, k)."""
        longest = max(len(item) for item in items)
        ids = np.full((len(items), longest), self.pad, dtype=np.int64)
        types, parts, mask = np.zeros_like(ids), np.zeros_like(ids), np.zeros_like(ids)
        for row, item in enumerate(items):
            size = len(item)
            ids[row, :size], types[row, :size], parts[row, :size], mask[row, :size] = (
                item.ids,
                item.types,
                item.parts,
                1,
            )
        arrays: dict[str, Any] = {"ids": ids, "types": types, "parts": parts, "mask": mask}
        arrays["lengths"] = np.stack([item.lengths for item in items])
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    def pooled(self, batch: Batch, hidden: Tensor | None = None) -> Tensor:
        """Return (m, parts, d): the mean hidden state of each part.

        Parameters
        ----------
        batch : dict
            What `collate` returned.
        hidden : (m, l, d) or None
            The lower half's hidden states, where they are known.
        """
        if hidden is None:
            hidden = self.encoder.lower(batch)
        last = self.encoder.upper(batch, hidden)
        return pool_parts(last, batch["parts"], self.head.parts)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tensor:
        """Return (m, k) numbers of m sequences."""
        pooled = self.pooled(batch, hidden)
        with torch.autocast(pooled.device.type, enabled=False):
            return torch.as_tensor(self.head(self.head.inputs(pooled.float(), batch["lengths"])))


def pool_parts(last: Tensor, parts: Tensor, wanted: Sequence[int]) -> Tensor:
    """Return (m, len(wanted), d): the mean of (m, l, d) hidden states over the tokens of each wanted part, (m, l)."""
    chosen = torch.stack([parts == part for part in wanted], dim=1).to(last.dtype)
    return (chosen @ last) / chosen.sum(dim=2, keepdim=True).clamp(min=1)

"""Hidden states below the layers that learn: computed once, kept in memory, shared by the folds of a run."""

from collections.abc import Sequence

import torch
from torch import Tensor

from features.progress import Progress, silent
from stacker.learners.transformer.memory import TokenBudget, free_bytes, length_batches, with_halving
from stacker.learners.transformer.network import PreferenceNetwork
from stacker.learners.transformer.structure import Item


class LowerStates:
    """Keeps float32 hidden states by sequence, for one encoder and one split of it at a time.

    One object may serve many fits one after another: where the frozen half is the same, the second fold finds most of
    what it needs. On a GPU, where the lower half costs little, and where the memory is too small, nothing is kept.

    Parameters
    ----------
    most_bytes : int
        Bytes that may be kept.
    share : float
        Share of the free memory that may be taken.
    """

    def __init__(self, most_bytes: int, share: float = 0.4) -> None:
        self.most_bytes = most_bytes
        self.share = share
        self.bytes = 0
        self._owner = ""
        self._kept: dict[bytes, Tensor] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def serve(self, owner: str) -> None:
        """Forget everything, unless it was computed by the same frozen half; `owner` names that half."""
        if owner != self._owner:
            self.clear()
            self._owner = owner

    def clear(self) -> None:
        """Forget everything."""
        self._kept = {}
        self.bytes = 0

    def fill(
        self, network: PreferenceNetwork, items: Sequence[Item], budget: TokenBudget, name: str, progress: Progress = silent
    ) -> bool:
        """Compute what is missing of the sequences; return False, and keep nothing new, where it would not fit."""
        encoder = network.encoder
        if encoder.start == 0 or network.device.type != "cpu":
            return False
        missing = [item for item in items if _key(item) not in self._kept]
        need = sum(len(item) for item in missing) * encoder.width * 4
        if self.bytes + need > self.most_bytes or need > self.share * free_bytes(network.device):
            return False
        stage = f"{name}: frozen layers"

        def work(tokens: int) -> None:
            todo = [item for item in missing if _key(item) not in self._kept]
            for batch in length_batches([len(item) for item in todo], tokens):
                chosen = [todo[place] for place in batch]
                hidden = encoder.lower(network.collate(chosen))
                for row, item in enumerate(chosen):
                    # A copy: a view would keep the whole padded batch alive.
                    kept = (hidden if hidden is not None else torch.empty(0))[row, : len(item)].clone()
                    self._kept[_key(item)] = kept
                    self.bytes += kept.numel() * kept.element_size()
                progress(stage, len(missing) - sum(_key(item) not in self._kept for item in missing), len(missing))

        encoder.eval()
        if missing:
            with_halving(budget, name, work)
        return True

    def get(self, items: Sequence[Item]) -> Tensor | None:
        """Return the (m, l, d) padded hidden states of a batch, None unless all of them are kept."""
        found = [self._kept.get(_key(item)) for item in items]
        known = [state for state in found if state is not None]
        if len(known) < len(items):
            return None
        longest = max(len(state) for state in known)
        hidden = torch.zeros((len(known), longest, known[0].shape[1]))
        for row, state in enumerate(known):
            hidden[row, : len(state)] = state
        return hidden


def _key(item: Item) -> bytes:
    return item.ids.tobytes() + item.types.tobytes()

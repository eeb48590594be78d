"""What the frozen part of an encoder gives: computed once, kept in memory, shared by the folds of a run."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipelines.battles.arrays import Floats
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.transformer.fine_tuning.batch_memory import TokenBudget, free_bytes, length_batches, with_halving
from stacker.learners.transformer.network.network import PreferenceNetwork
from stacker.learners.transformer.network.structure import Item

_GIGABYTE = 1 << 30


class MemoryBudget:
    """Bytes that may be kept.

    Parameters
    ----------
    most_gb : float
        GiB in all.
    share : float
        Share of the free memory that one piece may take.
    """

    def __init__(self, most_gb: float, share: float) -> None:
        self.left = int(most_gb * _GIGABYTE)
        self.share = share

    def take(self, need: int) -> bool:
        """Set bytes aside; return False, and set none aside, where they are not there."""
        if need > self.left or need > self.share * free_bytes(torch.device("cpu")):
            return False
        self.left -= need
        return True


class Kept:
    """Results of one encoder's frozen layers in float32, by sequence.

    `get` gives hidden states below the layers that learn. `parts` gives the pooled parts of the encoder as it is before
    any training: those of the head's first fit, and all that a frozen encoder needs.
    """

    def __init__(self, owner: str, room: MemoryBudget) -> None:
        self.owner = owner
        self.room = room
        self._states: dict[bytes, Tensor] = {}
        self._parts: dict[bytes, Tensor] = {}

    def __len__(self) -> int:
        return len(self._states)

    def fill(
        self,
        network: PreferenceNetwork,
        items: Sequence[Item],
        budget: TokenBudget,
        name: str,
        progress: Progress = silent,
    ) -> bool:
        """Compute the hidden states that are missing; return False, and keep nothing new, where they would not fit.

        On a GPU, where the lower half costs little, nothing is kept.
        """
        encoder = network.encoder
        if encoder.start == 0 or network.device.type != "cpu":
            return False
        missing = [item for item in items if _key(item) not in self._states]
        if missing and not self.room.take(sum(len(item) for item in missing) * encoder.width * 4):
            return False
        stage = f"{name}: frozen layers"

        def work(tokens: int) -> None:
            todo = [item for item in missing if _key(item) not in self._states]
            done = len(missing) - len(todo)
            for batch in length_batches([len(item) for item in todo], tokens):
                chosen = [todo[place] for place in batch]
                hidden = encoder.lower(network.collate(chosen))
                if hidden is None:
                    raise ValueError("the encoder has no lower half")
                for row, item in enumerate(chosen):
                    # A copy: a view would keep the whole padded batch alive.
                    self._states[_key(item)] = hidden[row, : len(item)].clone()
                done += len(batch)
                progress(stage, done, len(missing))

        encoder.eval()
        if missing:
            with_halving(budget, name, work)
        return True

    def get(self, items: Sequence[Item]) -> Tensor | None:
        """Return the (m, l, d) padded hidden states of a batch, None unless all of them are kept."""
        found = [self._states.get(_key(item)) for item in items]
        known = [state for state in found if state is not None]
        if len(known) < len(items):
            return None
        longest = max(len(state) for state in known)
        hidden = torch.zeros((len(known), longest, known[0].shape[1]))
        for row, state in enumerate(known):
            hidden[row, : len(state)] = state
        return hidden

    def without_parts(self, items: Sequence[Item]) -> list[Item]:
        """Return the sequences whose pooled parts are not kept."""
        return [item for item in items if _parts_key(item) not in self._parts]

    def keep_parts(self, items: Sequence[Item], pooled: Floats) -> bool:
        """Keep the (N, parts, d) pooled parts of N sequences; return False where there is no room."""
        rows = torch.from_numpy(pooled).float()
        if not self.room.take(rows.numel() * rows.element_size()):
            return False
        self._parts.update({_parts_key(item): row for item, row in zip(items, rows, strict=True)})
        return True

    def parts(self, items: Sequence[Item]) -> Floats:
        """Return the (N, parts, d) pooled parts of N sequences that are kept, float64.

        Raises
        ------
        KeyError
            When one of them is not.
        """
        return np.asarray(torch.stack([self._parts[_parts_key(item)] for item in items]).double().numpy())


class HiddenStateCache:
    """Holds what the latest fit of a run has kept, so that the next fold finds it.

    One object may serve many fits one after another; what belongs to another frozen part is let go.

    Parameters
    ----------
    most_gb : float
        GiB that may be kept.
    share : float
        Share of the free memory that may be taken at a time.
    """

    def __init__(self, most_gb: float, share: float = 0.4) -> None:
        self.most_gb = most_gb
        self.share = share
        self._kept: Kept | None = None

    def of(self, owner: str) -> Kept:
        """Return what is kept of a frozen part; `owner` names its weights and its layers."""
        if self._kept is None or self._kept.owner != owner:
            self._kept = Kept(owner, MemoryBudget(self.most_gb, self.share))
        return self._kept

    def clear(self) -> None:
        """Let everything go."""
        self._kept = None


def _key(item: Item) -> bytes:
    return item.ids.tobytes() + item.types.tobytes()


def _parts_key(item: Item) -> bytes:
    return _key(item) + item.parts.tobytes()

"""Numbers of many sequences: length-sorted batches by token budget, and what frozen layers give, kept for all folds."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.transformer.network.batch_memory import TokenBudget, free_bytes, length_batches, with_halving
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
        """Return the (N, parts, d) pooled parts of N sequences, float64; a `KeyError` where one of them is not kept."""
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


def _key(item: Item) -> bytes:
    return item.ids.tobytes() + item.types.tobytes()


def _parts_key(item: Item) -> bytes:
    return _key(item) + item.parts.tobytes()


@dataclass
class Runner:
    """Runs a network over sequences without learning.

    Attributes
    ----------
    budget : TokenBudget
        Padded tokens a batch may hold.
    kept : Kept or None
        Hidden states of the frozen half; those that are missing are computed and kept where there is room.
    untrained : Kept or None
        Pooled parts, where the encoder is as it was before any training.
    half : torch.dtype or None
        bf16 or fp16 for the encoder on a GPU, None for float32.
    """

    network: PreferenceNetwork
    budget: TokenBudget
    name: str
    kept: Kept | None = None
    untrained: Kept | None = None
    half: torch.dtype | None = None

    def numbers(self, items: Sequence[Item], progress: Progress = silent) -> Floats:
        """Return the head's (N, k) numbers of N sequences, float64."""
        if self.untrained is not None and items:
            head = self.network.head.eval()
            lengths = np.stack([item.lengths for item in items])
            with torch.inference_mode():
                pooled = torch.from_numpy(self.pooled(items, progress)).float().to(self.network.device)
                numbers = head(head.inputs(pooled, torch.from_numpy(lengths).to(self.network.device)))
            return np.asarray(numbers.double().cpu().numpy())
        return self._run(items, self.network, progress)

    def pooled(self, items: Sequence[Item], progress: Progress = silent) -> Floats:
        """Return the (N, parts, d) mean hidden states of the parts of N sequences, float64."""
        if self.untrained is not None and items:
            missing = self.untrained.without_parts(items)
            if not missing or self.untrained.keep_parts(missing, self._pooled(missing, progress)):
                return self.untrained.parts(items)
        return self._pooled(items, progress)

    def _pooled(self, items: Sequence[Item], progress: Progress) -> Floats:
        return self._run(items, self.network.pooled, progress)

    def _run(
        self, items: Sequence[Item], one: Callable[[dict[str, Tensor], Any], Tensor], progress: Progress
    ) -> Floats:
        network = self.network
        network.eval()
        stage = f"{self.name}: sequences"
        shown = 0
        if self.kept is not None:
            self.kept.fill(network, items, self.budget, self.name, progress)

        def work(tokens: int) -> Floats:
            nonlocal shown
            found: Floats | None = None
            done = 0
            for batch in length_batches([len(item) for item in items], tokens):
                chosen = [items[place] for place in batch]
                hidden = self.kept.get(chosen) if self.kept is not None else None
                if hidden is not None:
                    hidden = hidden.to(network.device)
                with torch.inference_mode(), precision(network.device, self.half):
                    numbers = one(network.collate(chosen), hidden).double().cpu().numpy()
                if found is None:
                    found = np.empty((len(items), *numbers.shape[1:]))
                found[batch] = numbers
                done += len(batch)
                shown = max(shown, done)
                progress(stage, shown, len(items))
            return np.empty((0, 0)) if found is None else found

        return with_halving(self.budget, self.name, work)


def precision(device: torch.device, half: torch.dtype | None) -> AbstractContextManager[Any]:
    """Return the context under which an encoder runs: 16 bits on a GPU where asked for, 32 elsewhere."""
    return torch.autocast(device.type, dtype=half) if half is not None else nullcontext()


def choose_device(wish: str) -> torch.device:
    """Return the device that `auto`, `cpu` or `cuda` stands for; a `UserError` where there is no such GPU."""
    if wish == "cuda" and not torch.cuda.is_available():
        raise UserError("transformer: device is cuda but torch finds no GPU; set device to auto or cpu.")
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")


def choose_half(wish: str, device: torch.device) -> torch.dtype | None:
    """Return the 16-bit type to use: none on a CPU, where it would only be slower and less exact."""
    if device.type != "cuda" or wish in ("fp32", "int8"):
        return None
    if wish == "bf16" or (wish == "auto" and torch.cuda.is_bf16_supported()):
        return torch.bfloat16
    return torch.float16

"""Numbers of many sequences: length-sorted batches by token budget, in memory that does not grow with the rows."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.battles.arrays import Floats
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.transformer.fine_tuning.batch_memory import TokenBudget, length_batches, with_halving
from stacker.learners.transformer.network.hidden_states import Kept
from stacker.learners.transformer.network.network import PreferenceNetwork
from stacker.learners.transformer.network.structure import Item


@dataclass
class Runner:
    """Runs a network over sequences without learning.

    Attributes
    ----------
    network : PreferenceNetwork
        What is run.
    budget : TokenBudget
        Padded tokens a batch may hold.
    name : str
        The model's name for errors.
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
        return self._run(items, lambda batch, hidden: self.network(batch, hidden), progress)

    def pooled(self, items: Sequence[Item], progress: Progress = silent) -> Floats:
        """Return the (N, parts, d) mean hidden states of the parts of N sequences, float64."""
        if self.untrained is not None and items:
            missing = self.untrained.without_parts(items)
            if not missing or self.untrained.keep_parts(missing, self._pooled(missing, progress)):
                return self.untrained.parts(items)
        return self._pooled(items, progress)

    def _pooled(self, items: Sequence[Item], progress: Progress) -> Floats:
        return self._run(items, lambda batch, hidden: self.network.pooled(batch, hidden), progress)

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
    """Return the device that `auto`, `cpu` or `cuda` stands for.

    Raises
    ------
    UserError
        When a GPU is asked for and there is none.
    """
    from pipelines.errors import UserError

    if wish == "cuda" and not torch.cuda.is_available():
        raise UserError("transformer: device is cuda but torch finds no GPU; set device to auto or cpu.")
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")


def choose_half(wish: str, device: torch.device) -> torch.dtype | None:
    """Return the 16-bit type to use: none on a CPU, where it would only be slower and less exact."""
    if device.type != "cuda" or wish == "fp32":
        return None
    if wish == "bf16" or (wish == "auto" and torch.cuda.is_bf16_supported()):
        return torch.bfloat16
    return torch.float16

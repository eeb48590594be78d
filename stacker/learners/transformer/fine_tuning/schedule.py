"""Which battles an epoch sees in what order and with which sides, and when training has gone on long enough."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LOWER_IS_BETTER = {"log_loss": True, "accuracy": False, "balanced_accuracy": False, "bradley_terry_loss": True}
"""What early stopping can watch."""


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
    seed : int
        Seed of order and swaps.
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
        for place, metrics in enumerate(history):
            value = metrics[name]
            if not np.isfinite(value):
                continue
            signed = value if LOWER_IS_BETTER[name] else -value
            if best is None or signed < best:
                best, latest = signed, max(latest, place)
    return len(history) - 1 - latest >= patience

"""A linear axis in per cent of its length, with round ticks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with ticks (value, label) between."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """Return where a value lies, in per cent, kept inside the axis."""
        return 100.0 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def shares(low: float = 0.0, high: float = 1.0) -> Axis:
    """Return an axis of shares, labelled in per cent, widened to round ends."""
    return fitting([low, high], label=lambda value: f"{100 * value:.0f} %", inside=(0.0, 1.0))


def fitting(
    values: Sequence[float | None],
    label: Callable[[float], str] | None = None,
    most: int = 6,
    inside: tuple[float, float] = (-math.inf, math.inf),
) -> Axis:
    """Return an axis that holds all values between round ends.

    Parameters
    ----------
    values : sequence of float or None
        Finite; None, such as an end that an interval has not, is left out. No value gives 0 to 1.
    label : function, optional
        Writes a tick; by default with as many decimals as the step needs.
    most : int
        Ticks at most.
    inside : two floats
        The ends do not go beyond these.
    """
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    step = _step((high - low) / max(most - 1, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    write = label or (lambda value: f"{value:.{decimals}f}".replace("-", "\u2212"))
    places = [place * step for place in range(first, last + 1)]
    kept = [place for place in places if inside[0] - 1e-9 <= place <= inside[1] + 1e-9]
    return Axis(max(first * step, inside[0]), min(last * step, inside[1]), tuple((v, write(v)) for v in kept))


def _step(rough: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(times * power for times in (1.0, 2.0, 5.0, 10.0) if times * power >= rough * (1 - 1e-9))

"""Types of the arrays that everything computes with, and the order of outcomes after the sides are swapped."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]
FLIP = [1, 0, 2]
"""Order of the three outcomes after the sides are swapped."""

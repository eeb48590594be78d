"""Whether Chinese characters stand together as words have them: characters in no order hardly do.

In running text about .37 of neighbours are among the 8,000 pairs that words hold most often, of the same characters in
another order .03 (measured on 711 Chinese answers that nothing here was made from).
"""

import re
from functools import cache
from pathlib import Path

from features.blocks.chinese.variants import data_hash, simplified

_PAIRS = Path(__file__).with_name("pairs.txt")
VERSION = data_hash(_PAIRS)
"""Changes with the list, for blocks that ask."""
FEWEST, TYPICAL = 8, 0.37
"""Neighbours below which a text counts as any other does, and what those of running text have."""
_ENOUGH, _SHRINK = 120, 12
"""Neighbours beyond which more of them tell no more, as texts differ in words, and at which they begin to tell."""
_RUN = re.compile("[\u3400-\u9fff]{2,}")


def known_pairs(text: str) -> tuple[float, float]:
    """Return the share of neighbouring Chinese characters that are pairs which words hold, and how surely it is low.

    The second is what all of them have less than is typical, by the root of their number, 0 where there are none: of a
    few characters little is known, and a few hundred are enough to tell.
    """
    if text.isascii():
        return TYPICAL, 0.0
    known = _known()
    total = hits = 0
    for run in _RUN.findall(simplified(text)):
        total += len(run) - 1
        hits += sum(run[start : start + 2] in known for start in range(len(run) - 1))
    if not total:
        return TYPICAL, 0.0
    lacking = (hits / total - TYPICAL) * min(total, _ENOUGH) / (min(total, _ENOUGH) + _SHRINK) ** 0.5
    return (hits / total if total >= FEWEST else TYPICAL), lacking


@cache
def _known() -> frozenset[str]:
    pairs = _PAIRS.read_text(encoding="utf-8").splitlines()[1]
    return frozenset(pairs[start : start + 2] for start in range(0, len(pairs), 2))

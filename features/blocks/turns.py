"""The block of the turns of a battle: how long the conversation is and how it is spread over its turns."""

import math
from collections.abc import Sequence

import numpy as np

from pipelines.battles.arrays import Floats32

BATTLE_COLUMNS = (
    "turns",
    "log characters of the last turn",
    "last turn share",
    "log characters of the first turn",
)
"""Numbers of the prompt's turns, which both answers share."""
ANSWER_COLUMNS = (
    "log characters of the last answer",
    "last answer share",
    "empty answers",
    "log growth from first to last answer",
)
"""Numbers of one side's answers, turn by turn."""


def battle_turns(prompts: Sequence[tuple[str, ...]]) -> Floats32:
    """Return a (len(prompts), len(BATTLE_COLUMNS)) float32 array."""
    rows = np.zeros((len(prompts), len(BATTLE_COLUMNS)), dtype=np.float32)
    for row, turns in enumerate(prompts):
        lengths = [len(turn) for turn in turns] or [0]
        rows[row] = (
            len(turns),
            math.log1p(lengths[-1]),
            lengths[-1] / (sum(lengths) or 1),
            math.log1p(lengths[0]),
        )
    return rows


def answer_turns(answers: Sequence[tuple[str, ...]]) -> Floats32:
    """Return a (len(answers), len(ANSWER_COLUMNS)) float32 array."""
    rows = np.zeros((len(answers), len(ANSWER_COLUMNS)), dtype=np.float32)
    for row, turns in enumerate(answers):
        lengths = [len(turn) for turn in turns] or [0]
        rows[row] = (
            math.log1p(lengths[-1]),
            lengths[-1] / (sum(lengths) or 1),
            sum(not turn.strip() for turn in turns),
            math.log1p(lengths[-1]) - math.log1p(lengths[0]),
        )
    return rows

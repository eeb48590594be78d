"""The block of the turns of a battle: how long the conversation is and how it is spread over its turns."""

import math
from collections.abc import Sequence

import numpy as np

from features.blocks.interface import COUNT, LOG_COUNT, SCORE, SHARE, TURNS, Block, Column
from pipelines.battles.arrays import Floats32


class Turns(Block):
    """Numbers of the prompt's turns, which both answers share, and of one side's answers, turn by turn."""

    name = "turns"
    sees = TURNS
    declared = (
        Column("turns", COUNT, of="prompt"),
        Column("log characters of the last turn", LOG_COUNT, of="prompt"),
        Column("last turn share", SHARE, of="prompt"),
        Column("log characters of the first turn", LOG_COUNT, of="prompt"),
        Column("log characters of the last answer", LOG_COUNT, length=True),
        Column("last answer share", SHARE, length=True),
        Column("empty answers", COUNT, length=True),
        Column("log growth from first to last answer", SCORE, length=True),
    )

    def compute(self, prompts: Sequence[tuple[str, ...]], answers: Sequence[tuple[str, ...]]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array."""
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        for row, (asked, said) in enumerate(zip(prompts, answers, strict=True)):
            first, last, share = _lengths(asked)
            began, ended, part = _lengths(said)
            empty = sum(not turn.strip() for turn in said)
            rows[row] = (len(asked), last, share, first, ended, part, empty, ended - began)
        return rows


def _lengths(turns: tuple[str, ...]) -> tuple[float, float, float]:
    """Return log(1 + characters) of the first turn and of the last, and the last one's share of all characters."""
    lengths = [len(turn) for turn in turns] or [0]
    return math.log1p(lengths[0]), math.log1p(lengths[-1]), lengths[-1] / (sum(lengths) or 1)

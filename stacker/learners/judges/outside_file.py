"""A file of anybody's predictions, by the battles' ids: probabilities or logits, told apart or declared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError, shown
from pipelines.formats.containers.file_formats import open_rows
from stacker.evaluate.verdicts.verdict_columns import LOGITS, PROBABILITIES, columns_of
from stacker.evaluate.verdicts.verdict_table import VerdictTable, read_verdicts
from stacker.learners.judges.params import Values

NEEDED = "an id and p_a, p_b and p_tie (or winner_model_a, winner_model_b, winner_tie; or logit_a, logit_b, logit_tie)"
ALIKE = 0.02
"""How far the sum of probabilities may be from 1, or that of percentages from 100, in parts of it."""


@dataclass(frozen=True)
class OutsideFile:
    """Predictions of a file.

    Attributes
    ----------
    values : str
        `probabilities` or `logits`: what its numbers are.
    table : VerdictTable
        By id, those in both orders averaged.
    """

    path: Path
    values: str
    table: VerdictTable

    def of(self, ids: "pd.Series[str]") -> Floats:
        """Return (n, 3) probabilities of n ids; NaN where the file has none. Without ties that of a tie is 0."""
        rows = self.table.rows_of(ids)
        found = np.array(self.table.probabilities[rows], dtype=np.float64)
        found[rows < 0] = np.nan
        return found

    @property
    def repeated(self) -> int:
        """How many ids come more often than once in each order."""
        return int(self.table.repeated.sum())

    @property
    def unread(self) -> int:
        """How many rows say nothing that can be read."""
        return int(self.table.failed.sum())

    def strangers(self, ids: "pd.Series[str]") -> int:
        """Return how many of its ids are of none of these battles."""
        rows = self.table.rows_of(ids)
        return len(self.table.place) - len(np.unique(rows[rows >= 0]))

    def check_ids(self, ids: "pd.Series[str]") -> None:
        """Raise a `UserError` where none of its ids is that of a battle."""
        if len(ids) and (self.table.rows_of(ids) < 0).all():
            own, theirs = next(iter(self.table.place)), str(ids.iloc[0])
            raise UserError(
                f"{self.path}: none of its {len(self.table.place):,} ids is that of a battle (the first is "
                f"{shown(own)}, the battles have ids such as {shown(theirs)}); write the ids of the battles' own "
                f"file, with several sources as SOURCE:ID."
            )


def read_outside(path: Path, values: Values = "auto") -> OutsideFile:
    """Read a file of predictions.

    Parameters
    ----------
    path : Path
        CSV, JSON, JSON Lines or parquet. Rows with `swapped` or `order` saw the answers the other way round.
    values : str
        What its numbers are; `auto` tells by them: numbers that add up to 1 (or 100) are probabilities, numbers of
        which some are below 0 or above 1 are logits, or logarithms of probabilities, which is the same here.

    Raises
    ------
    UserError
        When the file cannot be read, holds no predictions, or numbers that could be either.
    """
    found = _told(path) if values == "auto" else values
    table = read_verdicts(path, values=LOGITS if found == "logits" else "", choose="keep the rows of one of them")
    if table.kind != PROBABILITIES:
        raise UserError(f"{path}: holds {table.kind}, and a learner needs probabilities or logits; give it {NEEDED}.")
    return OutsideFile(path, found, table)


def _told(path: Path) -> Literal["probabilities", "logits"]:
    """Tell by the numbers of a file what they are."""
    columns, kept = None, []
    with open_rows(path) as opened:
        for row in opened.rows:
            columns = columns_of(row.values) if columns is None else columns
            numbers = None if columns is None or row.fault else columns.numbers(row.values)
            if numbers is not None:
                kept.append((f"{row.unit} {row.place}", numbers))
    if columns is not None and columns.kind == LOGITS:
        return "logits"
    if columns is None or columns.kind != PROBABILITIES or not kept:
        return "probabilities"  # what is wrong with it, its reader says
    sums = np.array([sum(numbers) for _, numbers in kept])
    least, most = (np.array([bound(numbers) for _, numbers in kept]) for bound in (min, max))
    adds_up = (least >= 0) & ((np.abs(sums - 1) <= ALIKE) | (np.abs(sums - 100) <= 100 * ALIKE))
    if adds_up.all():
        return "probabilities"
    beyond = (least < 0) | (most > 1)
    if beyond.any() and not adds_up.mean() > 0.5:
        return "logits"
    where, numbers = kept[int((~adds_up).argmax())]
    raise UserError(
        f"{path}, {where}: holds {', '.join(f'{number:g}' for number in numbers)}, which do not add up to 1; correct "
        f"the row, or say what the numbers are by `values: probabilities` or `values: logits`."
    )

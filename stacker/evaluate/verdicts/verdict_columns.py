"""What columns a file of another judge's verdicts has, and what a row of it says: probabilities, a winner, two scores.

A row that says nothing that can be read (an empty or unknown verdict) is a failure of the judge that was asked, and
counted as one; columns that can be read in two ways are refused.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError, shown
from pipelines.formats.columns.winners import spelled
from pipelines.formats.records import IDS

PROBABILITIES, WINNERS, SCORES, LOGITS = "probabilities", "winners", "scores", "logits"
_SIDES = (("a", "b"), ("model_a", "model_b"), ("response_a", "response_b"), ("answer_a", "answer_b"), ("1", "2"))
_CHANCES = ("p", "prob", "proba", "probs", "probability", "winner", "")
_LOGITS = ("logit", "logits", "log_p", "logprob", "logprobs")
_POINTS = ("score", "scores", "rating", "reward", "grade", "points")
_TIES = ("tie", "draw", "winner_tie")
_LISTS = ("probabilities", "probs")
_SCORE_LISTS = ("scores", "ratings", "rewards")
_WINNERS = ("winner", "verdict", "preferred", "preference", "choice", "judgment", "judgement", "decision", "label")
_SWAPPED = ("swapped", "is_swapped", "swap", "flipped", "reversed")
_ORDERS = ("order", "presentation", "shown_order", "presentation_order")
_NORMAL_WORDS = {"ab", "a_b", "a", "a_first", "original", "normal", "forward", "unswapped", "not_swapped"}
_TURNED_WORDS = {"ba", "b_a", "b", "b_first", "swapped", "swap", "reverse", "reversed", "backward", "flipped"}
_YES, _NO = {"true", "1", "1.0", "yes"}, {"false", "0", "0.0", "no"}
_TIES_BESIDES = {"c", "winner_tie"}
"""Spellings of a tie that no vote of people has: MT-Bench's prompt asks for [[C]], and our own files for a column."""
_SIDES_BESIDES = ({"winner_model_a"}, {"winner_model_b"})
MOST_SPELLED = 200
"""Characters that are looked at for a winner; a whole judgement is one by its mark alone."""
_MARK = re.compile(r"\[\[([^\[\]]{1,20})\]\]")
"""How MT-Bench and Arena-Hard ask for the verdict at the end of a judgement: [[A]], [[A>>B]]."""
NEEDED = (
    f"an id ({', '.join(IDS)}) and p_a, p_b and p_tie (or {', '.join(OUTCOMES)}), a winner (A, B or tie), or score_a "
    "and score_b"
)


@dataclass(frozen=True)
class Said:
    """What one row says of a battle, with the sides as the battle has them.

    Attributes
    ----------
    probabilities : three floats
        Of A, B and tie; a winner is a 1 among zeros.
    margin : float
        How far A is ahead: p(A) - p(B), or the difference of the scores.
    """

    probabilities: tuple[float, float, float]
    margin: float


@dataclass(frozen=True)
class VerdictColumns:
    """Which columns of a file hold what.

    Attributes
    ----------
    kind : str
        `PROBABILITIES`, `WINNERS`, `SCORES` or `LOGITS`, of which softmax makes probabilities.
    id : str
        The column of the battle's id.
    values : tuple of str
        The columns that hold the verdict; one where it is a list or a winner.
    ties : bool
        Whether a tie can be said.
    swapped, order : str
        The column that says whether the judge was shown the answers the other way round; "" where there is none.
    """

    kind: str
    id: str
    values: tuple[str, ...]
    ties: bool
    swapped: str = ""
    order: str = ""

    def said(self, row: Mapping[str, Any]) -> Said | None:
        """Return what a row says; None where it says nothing that can be read.

        Raises
        ------
        UserError
            When the verdict, or the order, can be read in more than one way; the text follows the row's place.
        """
        cells = [row.get(name) for name in self.values]
        if self.kind == WINNERS:
            winner = winner_of(cells[0], row)
            found = None if winner is None else Said(_certain(winner), _certain(winner)[0] - _certain(winner)[1])
        elif self.kind == SCORES:
            found = _scored(_unfolded(cells))
        elif self.kind == LOGITS:
            found = _soft(_unfolded(cells))
        else:
            found = _probable(_unfolded(cells))
        if found is None or not self.was_swapped(row):
            return found
        a, b, tie = found.probabilities
        return Said((b, a, tie), -found.margin)

    def numbers(self, row: Mapping[str, Any]) -> list[float] | None:
        """Return the numbers of a row's verdict as they stand there; None where one of them is none."""
        cells = _unfolded([row.get(name) for name in self.values]) if self.kind != WINNERS else []
        found = [cell for cell in cells if cell is not None]
        return found if len(found) == len(cells) and len(found) in (2, 3) else None

    def was_swapped(self, row: Mapping[str, Any]) -> bool:
        """Tell whether the judge saw B's answer first, so that what it calls A is B."""
        if self.swapped:
            word = _word(row.get(self.swapped))
            if word in _YES | _NO | {""}:
                return word in _YES
            raise UserError(f"{self.swapped} is {shown(row[self.swapped])}; write true or false.")
        if self.order:
            cell = row.get(self.order)
            word = _word("".join(map(str, cell)) if isinstance(cell, list) else cell)
            word = re.sub("[^a-z0-9]+", "_", word).strip("_")
            if word in _NORMAL_WORDS | _TURNED_WORDS | {""}:
                return word in _TURNED_WORDS
            raise UserError(f"{self.order} is {shown(cell)}; write AB, or BA where B's answer was shown first.")
        return False


def columns_of(row: Mapping[str, Any]) -> VerdictColumns | None:
    """Return what the columns of a row hold; None where they hold no verdict, or there is no id."""
    names: dict[str, str] = {}
    for name in row:
        names.setdefault(_word(name).replace("-", "_"), name)
    named = next((names[name] for name in IDS if name in names), "")
    chances = _probability_columns(names, row) or _logit_columns(names)
    found = named and (chances or _score_columns(names, row) or _winner_columns(names))
    if not found:
        return None
    kind, values, ties = found
    swapped = next((names[name] for name in _SWAPPED if name in names), "")
    order = "" if swapped else next((names[name] for name in _ORDERS if name in names), "")
    return VerdictColumns(kind, named, values, ties, swapped, order)


def winner_of(cell: Any, row: Mapping[str, Any]) -> int | None:
    """Return the outcome that a cell names, 0, 1 or 2; None where it names none.

    Parameters
    ----------
    cell : Any
        A spelling of A, B or tie, as judges and arenas write them (`[[A]]`, `A>B`, `model_a`), a whole judgement
        that has one such mark in double brackets, or one of the names that stand in the row's `model_a` and `model_b`.
    row : mapping
        The row by column.

    Raises
    ------
    UserError
        When it is a number, which may count from 0 or from 1.
    """
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        if cell != cell:
            return None
        raise UserError(f"the winner is the number {shown(cell)}, which may count from 0 or from 1; write A, B or tie.")
    if not isinstance(cell, str):
        return None
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", cell[:40]):
        raise UserError(f"the winner is {shown(cell)}, which may count from 0 or from 1; write A, B or tie.")
    marks = set(_MARK.findall(cell))
    if len(marks) == 1:  # as Arena-Hard reads a judgement: one that names two verdicts has none
        cell = marks.pop()
    word = re.sub(r"[][(){}\"'`.*\s]", "", cell[:MOST_SPELLED]).lower()
    if word in _TIES_BESIDES:
        return 2
    named = [side for side, besides in enumerate(_SIDES_BESIDES) if word in besides]
    models = ({str(row.get(name, "")).strip().lower()} - {""} for name in ("model_a", "model_b"))
    found = spelled(cell.strip().strip("*`").strip(), *models)
    return named[0] if named else None if found is None else found.outcome


def _probability_columns(names: Mapping[str, str], row: Mapping[str, Any]) -> tuple[str, tuple[str, ...], bool] | None:
    for stem in _CHANCES:
        for first, second in _SIDES:
            pair = (_joined(stem, first), _joined(stem, second))
            if stem == "" and (
                first != "a" or not all(_number(row.get(names.get(name, ""))) is not None for name in pair)
            ):
                continue  # columns of these names may well hold texts
            if all(name in names for name in pair):
                tie = next((names[t] for t in (*(_joined(stem, name) for name in _TIES), *_TIES) if t in names), None)
                both = tuple(names[name] for name in pair)
                return PROBABILITIES, both if tie is None else (*both, tie), tie is not None
    for name in _LISTS:
        if name in names:
            return PROBABILITIES, (names[name],), True
    return None


def _logit_columns(names: Mapping[str, str]) -> tuple[str, tuple[str, ...], bool] | None:
    for stem in _LOGITS:
        for sides in _SIDES:
            for joined in (_joined, lambda stem, name: f"{name}_{stem}"):
                both = [joined(stem, side) for side in sides]
                if all(name in names for name in both):
                    tie = next((names[t] for name in _TIES if (t := joined(stem, name)) in names), None)
                    found = tuple(names[name] for name in both)
                    return LOGITS, found if tie is None else (*found, tie), tie is not None
    if "logits" in names:
        return LOGITS, (names["logits"],), True
    return None


def _score_columns(names: Mapping[str, str], row: Mapping[str, Any]) -> tuple[str, tuple[str, ...], bool] | None:
    for stem in _POINTS:
        for first, second in _SIDES:
            for pair in ((f"{stem}_{first}", f"{stem}_{second}"), (f"{first}_{stem}", f"{second}_{stem}")):
                if all(name in names for name in pair):
                    return SCORES, (names[pair[0]], names[pair[1]]), True
    for name in _SCORE_LISTS:
        if name in names:
            return SCORES, (names[name],), True
    return None


def _winner_columns(names: Mapping[str, str]) -> tuple[str, tuple[str, ...], bool] | None:
    return next(((WINNERS, (names[name],), True) for name in _WINNERS if name in names), None)


def _joined(stem: str, name: str) -> str:
    return f"{stem}_{name}" if stem else name


def _unfolded(cells: list[Any]) -> list[float | None]:
    """Return the numbers of cells, or those of the one cell that holds a list or an object of them."""
    if len(cells) == 1:
        held = cells[0]
        if isinstance(held, str):
            try:
                held = json.loads(held)
            except (ValueError, RecursionError):
                return []
        if isinstance(held, Mapping):
            named = {_word(name): value for name, value in held.items()}
            held = [
                named.get(name, named.get(f"model_{name}", named.get(long)))
                for name, long in zip(("a", "b", "tie"), OUTCOMES, strict=True)
            ]
            held = held[:2] if held[2] is None else held
        cells = held if isinstance(held, list) else []
    return [_number(cell) for cell in cells]


def _probable(cells: list[float | None]) -> Said | None:
    numbers = [cell for cell in cells if cell is not None]
    if len(numbers) != len(cells) or len(numbers) not in (2, 3) or min(numbers) < 0:
        return None
    total = sum(numbers)
    parts = next((whole for whole in (1.0, 100.0) if abs(total / whole - 1) <= 0.02), None)
    if parts is None:
        return None
    a, b, tie = (number / total for number in (*numbers, 0.0)[:3])
    return Said((a, b, tie), a - b)


def _soft(cells: list[float | None]) -> Said | None:
    numbers = [cell for cell in cells if cell is not None]
    if len(numbers) != len(cells) or len(numbers) not in (2, 3):
        return None
    chances = [math.exp(number - max(numbers)) for number in numbers]
    a, b, tie = (chance / sum(chances) for chance in (*chances, 0.0)[:3])
    return Said((a, b, tie), a - b)


def _scored(cells: list[float | None]) -> Said | None:
    if len(cells) != 2 or cells[0] is None or cells[1] is None:
        return None
    margin = cells[0] - cells[1]
    return Said(_certain(2 if margin == 0 else int(margin < 0)), margin)


def _certain(winner: int) -> tuple[float, float, float]:
    return float(winner == 0), float(winner == 1), float(winner == 2)


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool) or cell is None:
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _word(cell: Any) -> str:
    if cell is None or cell != cell:
        return ""
    return str(cell)[:200].strip().lower().replace(" ", "_")

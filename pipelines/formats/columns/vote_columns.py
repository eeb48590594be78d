"""Which columns of a table hold the votes: a winner, a person's vote each, or a score for each of the two answers."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError, shown
from pipelines.formats.columns.winners import spelled
from pipelines.formats.forms.form_interface import Shape
from pipelines.formats.records import BadRecordError, NoVoteError, Vote, canonical, is_missing

VOTES = (
    *("winner", "preference", "preferred", "vote", "choice", "chosen", "label", "better", "verdict", "judgment"),
    *("judgement", "human_preference", "preferred_response", "better_response", "selected", "selection", "best"),
)
"""Names of the column of votes: the winner where there is one, or else the only one whose cells spell votes."""
_QUESTION = re.compile(
    r"which(_\w+)?_(is|was)_(the_)?(much_)?(better|best|preferred)(_\w+)?|which(_\w+)?_(do|did|would)_you_(prefer|like)(_\w+)?"
)
"""A question of a form that is filled in on the web: its export names the column by it."""
_VOTER = re.compile(
    r"(annotator|rater|judge|voter|evaluator|labell?er|reviewer|worker|expert)_?(\d+|[a-z])"
    r"(_(vote|choice|preference|label|winner|verdict))?"
)
"""Names of a column with one person's votes, where a table has several."""
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d{1,2}\s*")  # three digits may be thousands
_SCORES = ("score", "rating", "reward", "grade")
_ENDS = (("_a", "_b"), ("_1", "_2"), ("_0", "_1"), ("a", "b"), ("1", "2"), ("_left", "_right"))


def vote_columns(shape: Shape) -> list[str]:
    """Return the columns that can hold the winner, those with a usual name first."""
    usual = [shape.named[name] for name in VOTES if name in shape.named]
    return usual or [column for name, column in shape.named.items() if _QUESTION.fullmatch(name)]


def vote_column(shape: Shape) -> str | None:
    """Return the column of the winner; None where there is none.

    Raises
    ------
    UserError
        When several can be; a part of a sentence about the file.
    """
    found = vote_columns(shape)
    if len(found) < 2 or canonical(found[0]) == "winner":
        return found[0] if found else None
    spelling = [column for column in found if all(_spells(cell) for cell in shape.sample(column))]
    if len(spelling) == 1:
        return spelling[0]
    raise UserError(f"{' and '.join((spelling or found)[:2])} can both be the vote; name one by columns.")


def _spells(cell: Any) -> bool:
    return isinstance(cell, str) and spelled(cell) is not None


def voter_columns(shape: Shape) -> tuple[str, ...]:
    """Return the columns of several people, a vote of each in a row; none where one column holds the winner."""
    if vote_columns(shape) or any(map(shape.has, OUTCOMES)):
        return ()
    found = tuple(column for name, column in shape.named.items() if _VOTER.fullmatch(name))
    votes = [cell for column in found for cell in shape.sample(column)]
    plain = all(_spells(cell) or str(cell).strip().removesuffix(".0") in ("0", "1", "2") for cell in votes)
    return found if len(found) > 1 and votes and plain else ()


def score_columns(shape: Shape, answers: tuple[str, str]) -> tuple[str, str] | None:
    """Return the columns that score the first and the second answer.

    None where there are none, or several, of which it is not known which counts, or where something else is the vote.
    """
    if vote_columns(shape) or any(map(shape.has, OUTCOMES)) or voter_columns(shape):
        return None
    found = [(shape.named[one], shape.named[other]) for one, other in _score_names(answers) if shape.has(one, other)]
    return found[0] if len(found) == 1 else None


def _score_names(answers: tuple[str, str]) -> Iterable[tuple[str, str]]:
    first, second = map(canonical, answers)
    for score in _SCORES:
        yield from ((f"{score}{one}", f"{score}{other}") for one, other in _ENDS)
        for one, other in ((first, second), ("model_a", "model_b"), ("a", "b"), ("left", "right")):
            yield f"{one}_{score}", f"{other}_{score}"
        yield f"{score}_{first}", f"{score}_{second}"


def score_vote(row: Mapping[str, Any], columns: tuple[str, str]) -> Vote:
    """Return the vote of two scores: the higher one wins, equal ones are a tie.

    Raises
    ------
    NoVoteError
        When one of them is missing.
    BadRecordError
        When one is no number.
    """
    scores = []
    for column in columns:
        cell = row.get(column)
        if is_missing(cell):
            raise NoVoteError(f"has no vote: {column} is empty")
        score = number(cell)
        if score is None:
            raise BadRecordError(f"{column} is {shown(cell)}, not a number")
        scores.append(score)
    return Vote(2 if scores[0] == scores[1] else int(scores[1] > scores[0]))


def number(cell: Any) -> float | None:
    """Return the number that a cell holds, None where it holds none, or one without bounds."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return None
    if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    try:
        found = float(cell)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None

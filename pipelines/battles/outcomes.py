"""Votes as the files write them: Kaggle's three columns, or the Arena's winner."""

from typing import Any

from pipelines.battles.table import OUTCOMES

WINNERS = {"model_a": 0, "model_b": 1, "tie": 2, "tie (bothbad)": 2, "both_bad": 2}
"""Spellings of the Arena's winner and the outcomes they mean; "both are bad" is a tie, as on Kaggle."""
_ZERO, _ONE = ("0", "0.0", "false"), ("1", "1.0", "true")


class NoVoteError(ValueError):
    """Why a row's vote cannot be used; the text is part of a sentence about the row."""


class UnknownWinnerError(ValueError):
    """A winner of a spelling that is not in `WINNERS`; to skip such rows would bend the shares of the outcomes."""


def outcome_of(values: dict[str, Any]) -> int:
    """Return the outcome of a row, 0, 1 or 2.

    Raises
    ------
    NoVoteError
        When no winner is marked, or several, or a mark is neither 0 nor 1, or the columns are absent.
    UnknownWinnerError
        When the row's `winner` is spelled as none in `WINNERS`.
    """
    if any(name in values for name in OUTCOMES):
        return _marked(values)
    if "winner" not in values:
        raise NoVoteError(f"has no vote: neither {', '.join(OUTCOMES)} nor winner")
    winner = values["winner"]
    if winner is None or (isinstance(winner, str) and not winner.strip()):
        raise NoVoteError("has no vote: winner is empty")
    outcome = WINNERS.get(" ".join(winner.split()).lower()) if isinstance(winner, str) else None
    if outcome is None:
        raise UnknownWinnerError(winner)
    return outcome


def _marked(values: dict[str, Any]) -> int:
    marks: list[int] = []
    empty = 0
    for name in OUTCOMES:
        if name not in values:
            raise NoVoteError(f"lacks the column {name}")
        mark = values[name]
        text = "" if mark is None else str(mark).strip().lower()
        if text in ("", "nan"):
            empty += 1
            marks.append(0)
        elif text in _ZERO or text in _ONE:
            marks.append(int(text in _ONE))
        else:
            raise NoVoteError(f"{name} is {ascii(text[:40])}, neither 0 nor 1")
    if sum(marks) > 1:
        raise NoVoteError(f"has {('two', 'three')[sum(marks) - 2]} winners")
    if sum(marks) == 0:
        raise NoVoteError(
            "has no vote: the winner columns are empty" if empty == 3 else "has no vote: no winner is marked"
        )
    return marks.index(1)

"""Scales from one answer to the other, as of a Likert question: which numbers prefer A, which B, and by how much."""

import re
from typing import Any, NamedTuple

from pipelines.formats.columns.vote_columns import number
from pipelines.formats.records import NoVoteError, UnknownWinnerError, Vote, is_missing

_SCALE = re.compile(r"\s*([+-]?\d{1,4})\s*(?:-|–|—|~|:|\.{2,3}|…|to)\s*([+-]?\d{1,4})\s*")


class Scale(NamedTuple):
    """The number that prefers A the most, and the one that prefers B the most: 1 and 7, or 3 and -3."""

    a: int
    b: int

    def holds(self, value: float) -> bool:
        """Tell whether a number lies on the scale."""
        return min(self) <= value <= max(self)

    def vote(self, column: str, value: Any) -> Vote:
        """Return the vote of a number.

        The middle of the scale is a tie, what is nearer to an end a vote for its answer. Such a vote weighs its
        distance from the middle, divided by the mean distance of the scale's other numbers; a tie weighs 1, so that the
        outcomes keep about their shares.

        Parameters
        ----------
        column : str
            Its name, for the sentence.
        value : Any
            A number, or a text of one.

        Raises
        ------
        NoVoteError
            When there is none.
        UnknownWinnerError
            When it is no number, or beyond the scale.
        """
        if is_missing(value):
            raise NoVoteError(f"has no vote: {column} is empty")
        found = number(value)
        if found is None or not self.holds(found):  # of another scale, whose middle may lie elsewhere
            raise UnknownWinnerError(column, value)
        middle = sum(self) / 2
        grades = [abs(each - middle) for each in range(min(self), max(self) + 1) if each != middle]
        if found == middle:
            return Vote(2)
        return Vote(int((found > middle) == (self.b > self.a)), weight=abs(found - middle) * len(grades) / sum(grades))


def parse_scale(text: str) -> Scale:
    """Return a scale that is written from A to B: "1-5", "-3..3", "7 to 1".

    Raises
    ------
    ValueError
        When it is none.
    """
    found = _SCALE.fullmatch(text)
    if found is None or int(found[1]) == int(found[2]):
        raise ValueError("is no scale; write the number that prefers A the most and the one for B, as in 1-5 or -3..3")
    return Scale(int(found[1]), int(found[2]))

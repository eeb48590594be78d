"""How far one has come through a file of battles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.votes.vote_records import CHOICES, Choice


@dataclass(frozen=True)
class Progress:
    """Where one left off.

    Attributes
    ----------
    total, done : int
        Battles of the file, and those of them with a vote.
    rows : tuple of int
        Rows with a vote.
    tally : dict
        Votes by choice.
    """

    total: int
    done: int
    rows: tuple[int, ...]
    tally: dict[Choice, int]

    @property
    def share(self) -> float:
        """Return the share that is done, 0 to 1; 1 for a file without battles."""
        return self.done / self.total if self.total else 1.0


def progress(ids: Sequence[str], voted: Mapping[str, Choice]) -> Progress:
    """Count the votes on a file.

    Parameters
    ----------
    ids : sequence of str
        The file's battles; votes on others are not counted.
    voted : mapping
        What `VoteStore.voted` returned.
    """
    rows = tuple(row for row, name in enumerate(ids) if name in voted)
    votes = [voted[ids[row]] for row in rows]
    return Progress(len(ids), len(rows), rows, {choice: votes.count(choice) for choice in CHOICES})

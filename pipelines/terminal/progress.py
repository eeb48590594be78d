"""How long work reports how far it has come, to whoever shows it."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then from one thread; `done` never falls within a stage, and reaches `total` at its end."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps of a stage are finished."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""

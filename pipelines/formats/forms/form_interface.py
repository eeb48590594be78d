"""What a form of votes is: the shape of a file as a whole, and how a row of such a file becomes battles."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from pipelines.errors import UserError
from pipelines.formats.cells import BadTurnsError, CellStyle, cell_style
from pipelines.formats.records import Record, Texts, Vote, canonical, is_missing, vote_of


@dataclass(frozen=True)
class Shape:
    """How a file looks as a whole.

    Attributes
    ----------
    columns : tuple of str
        What its head declares, or all keys of the first rows, in their order.
    rows : tuple of dict
        The first rows that can be read.
    """

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    _styles: dict[str, CellStyle] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def named(self) -> dict[str, str]:
        """The columns by their canonical names, see `records.canonical`; the first of those that share one."""
        found: dict[str, str] = {}
        for column in self.columns:
            found.setdefault(canonical(column), column)
        return found

    def has(self, *names: str) -> bool:
        """Tell whether there are columns of all these canonical names."""
        return all(name in self.named for name in names)

    def sample(self, column: str) -> list[Any]:
        """Return the cells of a column in the first rows that say something."""
        return [row[column] for row in self.rows if column in row and not is_missing(row[column])]

    def style(self, column: str) -> CellStyle:
        """Return how the texts of a column are written, by all its first cells."""
        if column not in self._styles:
            self._styles[column] = cell_style(self.sample(column))
        return self._styles[column]

    def text_style(self, column: str) -> CellStyle:
        """Return how the texts of a column are written; plain where its first cells are lists or objects themselves."""
        return self.style(column) if any(isinstance(cell, str) for cell in self.sample(column)) else "text"


@dataclass(frozen=True)
class RowReading:
    """How rows are read, and what is known of the row at hand.

    Attributes
    ----------
    labelled : bool or None
        Whether every row must have a vote; False does not look at votes, None takes one where there is one.
    rescue : bool
        Whether texts that cannot be parsed are taken as they stand; only forms that say so do.
    trouble : str
        What is known to be wrong with the row before it is looked at; "" where nothing is.
    """

    labelled: bool | None
    rescue: bool = False
    trouble: str = ""

    def vote(self, find: Callable[[], Vote]) -> Vote:
        """Return the vote that `find` finds, as far as there must be one; see `records.vote_of`."""
        return vote_of(find, self.labelled)

    def texts(self, parse: Callable[[], Texts], rescued: Callable[[], Texts]) -> tuple[Texts, str]:
        """Return the texts that `parse` reads, or as they stand where that fails and rows are rescued; and the trouble.

        Raises
        ------
        BadTurnsError
            As `parse` does, where rows are not rescued.
        """
        try:
            return parse(), self.trouble
        except BadTurnsError as fault:
            if not self.rescue:
                raise
            return rescued(), self.trouble or str(fault)


class VoteForm(ABC):
    """A form that files of votes have: one instance reads one file.

    A new form has a file in this folder with a class of this kind, and a line in `form_registry.FORMS`. `fits` is
    asked of every form before the first row is read, and exactly one must fit; so it asks for what no other form has.

    Attributes
    ----------
    title : str
        What the form is called on the screen: "open-webui's feedback export".
    needs : str
        The columns that it needs, as a sentence lists them.
    rescues : bool
        Whether rows can be rescued, see `RowReading.rescue`.
    """

    title: ClassVar[str]
    needs: ClassVar[str]
    rescues: ClassVar[bool] = False

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    @classmethod
    @abstractmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether a file of this shape has the form; without a vote only where none is asked for."""

    @abstractmethod
    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battles of a row: none where it is something else, or several.

        Raises
        ------
        BadRecordError, BadTurnsError
            When it is meant as a vote and cannot be used.
        UnknownWinnerError
            When the vote is spelled in an unknown way.
        """

    def columns(self) -> tuple[str, ...] | None:
        """Return the columns that are read, where others need not be; None for all."""
        return None

    def name(self) -> str:
        """Return what this file's form is called on the screen; the title where all such files are called alike."""
        return self.title


class NoBattles(VoteForm):
    """A form that is known and holds no battle, so that its files are refused by name.

    Attributes
    ----------
    instead : str
        What such a file holds, and which one to name instead.
    """

    instead: ClassVar[str]

    def name(self) -> str:
        """Refuse the file.

        Raises
        ------
        UserError
            Always; a part of a sentence about the file.
        """
        raise UserError(f"is {self.title}, {self.instead}")

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield nothing."""
        return iter(())

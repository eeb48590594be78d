"""What a block is: it declares itself, and everything else follows from what it declares.

A block computes named numbers from a text, or from what a battle sets against each other. Its features, its switch in
params.yaml, the groups and words of explanations, the report's ablation and what the study may switch off all follow
from the attributes of `Block`. To add one: its file here with a subclass of `Block`, a line in `registry.py`, and its
words in both languages in `words/NAME.yaml`; a test fails while a column has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

from pipelines.battles.arrays import Floats32
from pipelines.settings import Section

COUNT, LOG_COUNT, SHARE, FLAG, SCORE = "count", "log count", "share", "flag", "score"
"""Kinds of numbers: a count, log(1 + count), a share of 1, 0 or 1, and a score on a scale of its own."""
TEXT, ANSWER, PROMPT_AND_ANSWER, ANSWER_AND_OTHER, BATTLE, BOTH_ANSWERS, TURNS, EMBEDDINGS, LANGUAGE_MODEL = (
    "text",
    "answer",
    "prompt and answer",
    "answer and other",
    "battle",
    "both answers",
    "turns",
    "embeddings",
    "prompt and answer by a language model",
)
"""What a block may see, and what its `compute` is then given.

TEXT: texts, each by itself, prompts too. ANSWER: answers, each by itself. PROMPT_AND_ANSWER: prompts, and as many
answers. ANSWER_AND_OTHER: answers, and of each the other one of its battle. BATTLE: prompts, answers and
others. BOTH_ANSWERS: the two answers of each
battle, ordered by their content. TURNS: the tuples of turns of prompts, and those of as many answers. EMBEDDINGS: the
encoder's rows of some texts, and those of as many others. LANGUAGE_MODEL: as PROMPT_AND_ANSWER, in one process: what
`opened` gives uses the cores by itself.
"""


@dataclass(frozen=True)
class Column:
    """A number that a block computes.

    Attributes
    ----------
    name : str
        What a person can read (`words`, `question marks`); judges that are saved know their features by it.
    kind : str
        COUNT, LOG_COUNT, SHARE, FLAG or SCORE: how the number is written in words.
    length : bool
        Whether it says how much was written: explanations show these together, whatever block counts them.
    of : str
        For PROMPT_AND_ANSWER, TURNS and EMBEDDINGS, whose number it is: of the `answers`, of the `prompt`, or of
        `both` answers.
    """

    name: str
    kind: str
    length: bool = False
    of: Literal["answers", "prompt", "both"] = "answers"


class ComputesRows(Protocol):
    """What computes the same named numbers for every item: a block, or the frozen encoder.

    Attributes
    ----------
    name : str
        Short name (`surface`).
    version : str
        Changes with the settings that a value depends on. The cache adds the code and the versions of libraries.
    columns : tuple of str
        One name per number.
    """

    name: str
    columns: tuple[str, ...]

    @property
    def version(self) -> str:
        """As above; the encoder's is not known before its engine is."""

    def compute(self, *args: Any, **kwargs: Any) -> Floats32:
        """Return a (n, len(columns)) float32 array for n items; NaN where a number does not apply."""


@runtime_checkable
class BeginsRows(Protocol):
    """What may begin on a few items and be asked for their rows later: other work is done meanwhile."""

    def begin(self, items: Sequence[str]) -> Callable[[], Floats32] | None:
        """Return what waits for the rows that `compute` would give; None where it does not begin ahead."""


class BlockSettings(Section):
    """What the switch of a block holds that has settings, in the place of true."""

    def pinned(self) -> Self:
        """Return the settings with a mark of the model that is there now, so that a judge refuses another one."""
        return self


class Block:
    """A block of features; the attributes are its declaration, `compute` gives its numbers (see `ComputesRows`).

    Attributes
    ----------
    name : str
        Stands before the names of its features (`surface: words (A)`).
    version : str
        As in `ComputesRows`; blocks without settings may leave it as it is.
    sees : str
        One of the names above, from TEXT to EMBEDDINGS.
    declared : tuple of Column
        Its numbers in their order; `columns` are their names.
    group : str
        Where explanations show it; its name where it says nothing else.
    switch : str
        Its key in the section features of params.yaml, which several blocks may share; its name where it says nothing.
    usual : bool
        Whether its switch is on where params.yaml says nothing of it.
    library : str or None
        The library that its numbers come from; the study may switch such blocks off.
    settings : type of BlockSettings or None
        What its switch holds in the place of true; such a block computes by what `opened` gives.
    """

    name: str
    version: str = "1"
    sees: str
    declared: tuple[Column, ...]
    group: str = ""
    switch: str = ""
    usual: bool = True
    library: str | None = None
    settings: type[BlockSettings] | None = None
    columns: tuple[str, ...]

    def __init_subclass__(cls) -> None:
        cls.columns = tuple(column.name for column in cls.declared)
        cls.group, cls.switch = cls.group or cls.name, cls.switch or cls.name

    def compute(self, *args: Any, **kwargs: Any) -> Floats32:
        """Return a (n, len(columns)) float32 array of what `sees` names; NaN where a number does not apply."""
        raise NotImplementedError

    def opened(self, settings: Any, threads: int) -> ComputesRows:
        """Return what computes with the settings of its switch, and `threads` threads: the block, without settings."""
        return self

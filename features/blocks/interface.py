"""The interface of a block: named numbers from one text, or from one prompt with one of its answers."""

from collections.abc import Sequence
from typing import Protocol

from pipelines.battles.arrays import Floats32


class TextBlock(Protocol):
    """Computes the same named numbers for every text, each text by itself.

    Attributes
    ----------
    name : str
        Short name, the key in params.yaml (`surface`).
    version : str
        Changes with the settings that a value depends on. The cache adds the code and the versions of libraries.
    columns : tuple of str
        Names a person can read, one per number (`words`, `question_marks`).
    """

    name: str
    version: str
    columns: tuple[str, ...]

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), len(columns)) float32 array; NaN where a number does not apply to the text."""
        ...


class AnswerBlock(Protocol):
    """Computes named numbers for a prompt together with one answer; attributes as in `TextBlock`."""

    name: str
    version: str
    columns: tuple[str, ...]

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array; `prompts` has the length of `answers`."""
        ...

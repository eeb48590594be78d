"""What an answer has more of than the other, for comparing how often a judge prefers it with how often people do."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Ints
from pipelines.battles.table import text_of

MOST_READ = 100_000
"""Characters of an answer in which marks are counted."""
_MARKS = re.compile(r"^[ \t]{0,8}(?:[-*+•]|\d{1,3}[.)]|#{1,6}) |\*\*(?=\S)|```", re.MULTILINE)
_FAMILY = re.compile(r"[a-z]+")
FAMILIES = (
    ("gpt", ("gpt", "chatgpt", "openai", "davinci", "o1", "o3", "o4")),
    ("claude", ("claude", "anthropic")),
    ("gemini", ("gemini", "bard", "palm", "google")),
    ("llama", ("llama", "meta", "vicuna", "alpaca", "koala", "guanaco")),
    ("qwen", ("qwen", "qwq")),
    ("mistral", ("mistral", "mixtral", "ministral", "codestral", "magistral")),
)
"""Families whose models go by several names, or were tuned from one another."""


@dataclass(frozen=True)
class Trait:
    """Something that one answer has more of.

    Attributes
    ----------
    name, title : str
        Its key, and what it is as it ends "prefers ... more than people do".
    more : callable
        From n battles to (n,) int: 1 where A has more of it, -1 where B has, 0 where neither.
    two_sided : bool
        Whether a judge that prefers it less than people do is found too.
    """

    name: str
    title: str
    more: Callable[[pd.DataFrame], Ints]
    two_sided: bool = False


def _sign(a: Sequence[float], b: Sequence[float]) -> Ints:
    return np.sign(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)).astype(np.int64)


def _longer(battles: pd.DataFrame) -> Ints:
    return _sign(*([sum(map(len, turns)) for turns in battles[side]] for side in ("response_a", "response_b")))


def marks(turns: tuple[str, ...]) -> int:
    """Count the marks of format in an answer: items of lists, headings, bold, blocks of code."""
    return len(_MARKS.findall(text_of(turns)[:MOST_READ]))


def _marked(battles: pd.DataFrame) -> Ints:
    return _sign(*([marks(turns) for turns in battles[side]] for side in ("response_a", "response_b")))


TRAITS = (
    Trait("longer", "the longer answer", _longer),
    Trait("marked", "the answer with more lists and bold", _marked),
)
"""Compared with people wherever there are votes."""
FIRST = Trait("first", "the answer that stands as A", lambda battles: np.ones(len(battles), dtype=np.int64), True)
"""For verdicts that were given in one order alone."""


def family_of(model: str) -> str:
    """Return the family of a model by its name, without owner, size or version; "" for no name."""
    name = model.strip().lower().rsplit("/", 1)[-1]
    family = next((family for family, stems in FAMILIES if name.startswith(stems)), "")
    found = _FAMILY.match(name)
    return family or (found[0] if found else name)


def own_family(judge_model: str) -> Trait:
    """Return the trait of being an answer of a judge's own family, where the other is not."""
    own = family_of(judge_model)

    def more(battles: pd.DataFrame) -> Ints:
        of = {name: float(family_of(name) == own) for side in ("model_a", "model_b") for name in battles[side].unique()}
        return _sign(*([of[name] for name in battles[side]] for side in ("model_a", "model_b")))

    return Trait("self", f"answers of its own family ({own})", more)

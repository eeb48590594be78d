"""Features in words: how the answers differ in one number, said as a person would, in each language there is.

A block declares of what kind its columns are. What is said of them stands in `features/blocks/words/<block>.yaml`: in
every language a name and, where a column has them, sentences of its own; `words/sentences.yaml` next to this file has
those that every feature of a kind shares.
"""

import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from features.blocks.interface import COUNT, FLAG, LOG_COUNT, SCORE, SHARE
from features.blocks.registry import WORDS, column_of

FOLDER = Path(__file__).parent / "words"
Language = Literal["en", "zh-Hant"]
LANGUAGES: tuple[Language, ...] = ("en", "zh-Hant")
MEANING = "meaning"
"""What the directions of the embeddings are called together: none of them has a name."""
_LOG, _NAMELESS = "log ", "nameless"
_EVERY = "*"
"""In a block's file: sentences that hold for every column of the block, and what its group is called."""
_BY = "by"
"""In a column's entry: which answer's number, the `lowest` or the `highest`, says whether both are spoken of as
`negative` or `positive`. Sentences may then be given for either: `more negative`, `same positive`."""
TONE = 0.05
"""From where on a tone is called positive, or, negated, negative: as `features.blocks.sentiment` counts sentences."""
_DIGITS = {SHARE: (0, 4), SCORE: (2, 6)}
"""Decimals of a number (of a share: of its per cent), and how many are given where two would look the same."""
_SEAM = re.compile(r"(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9%])(?=[\u4e00-\u9fff])")
"""Where a Chinese sentence has a space: between Chinese characters and Latin letters or digits."""


def has_words(block: str, column: str) -> bool:
    """Return whether a column has words of its own, or those of the column whose logarithm it is."""
    return _entry(block, column) is not None


def kind_of(block: str, column: str) -> str:
    """Return whether a column holds a count, log(1 + count), a share, a flag (0 or 1) or a score on its own scale."""
    declared = column_of(block, column)
    if declared is not None:
        return declared.kind
    return LOG_COUNT if column.startswith(_LOG) else SCORE


def name_of(block: str, column: str, language: Language = "en") -> str:
    """Return what a column is called; a column without words is called by its own name."""
    return _own(block, column, language).get("name", column.removeprefix(_LOG))


def group_name(group: str, language: Language = "en") -> str | None:
    """Return what the group of a block's features is called; None where no block says it."""
    name: str | None = _block(group).get(_EVERY, {}).get(language, {}).get("group")
    return name


def compared(block: str, column: str, a: float, b: float, language: Language = "en") -> str:
    """Say how the answers differ in one number.

    Parameters
    ----------
    block, column : str
        The feature, as `features.pairs.parsed` names its parts.
    a, b : float
        Its value for either answer; NaN where it does not apply.
    language : str
        One of `LANGUAGES`.
    """
    told = _Sentences(block, column, language)
    kind, own = told.kind, told.own
    if math.isnan(a) or math.isnan(b):
        missing = "missing_both" if math.isnan(a) and math.isnan(b) else "missing_one"
        return told(missing, side="A" if math.isnan(a) else "B")
    if kind == FLAG:
        if (a > 0) == (b > 0):
            return told("each" if a > 0 else "neither")
        return told("only", side="A" if a > 0 else "B")
    of_a, of_b = _numbers(kind, a, b)
    tone = _tone(block, column, a, b)
    if of_a == of_b:
        return told("same", tone, value=of_a)
    side, other = ("A", "B") if a > b else ("B", "A")
    gap = abs(round(_plain(a, kind)) - round(_plain(b, kind))) if "many" in own else 0
    unit = own.get("one" if gap == 1 else "many", "")
    values = told("values", a=of_a, b=of_b)
    return told("more", tone, side=side, other=other, values=values, gap=f"{gap:,} {unit}")


def of_prompt(block: str, column: str, value: float, language: Language = "en") -> str:
    """Say what is known of the question."""
    told = _Sentences(block, column, language)
    if math.isnan(value):
        return told("missing")
    if told.kind == FLAG:
        return told("prompt yes" if value > 0 else "prompt no")
    return told("prompt", _tone(block, column, value, value), value=_numbers(told.kind, value)[0])


def of_both(block: str, column: str, value: float, language: Language = "en") -> str:
    """Say what the answers have in common."""
    told = _Sentences(block, column, language)
    if math.isnan(value):
        return told("missing")
    return told("both" if value > 0 or told.kind != FLAG else "not", value=_numbers(told.kind, value)[0])


def is_nameless(block: str, column: str) -> bool:
    """Return whether a number is one that a learner made for itself, and that means nothing by itself."""
    return _NAMELESS in _own(block, column, LANGUAGES[0])


def nameless(block: str, column: str, of: str, language: Language = "en") -> str:
    """Say what a nameless number stands for.

    Parameters
    ----------
    block, column : str
        The feature.
    of : str
        `answers`, `prompt` or `both`: whose number it is.
    language : str
        One of `LANGUAGES`.
    """
    own = _own(block, column, language)
    return own.get(f"{_NAMELESS} {of}", own[_NAMELESS])


def sentence(key: str, language: Language, **fields: str) -> str:
    """Return a sentence that is about no feature."""
    return _shared()[language]["other"][key].format(**fields)


def favours(log_odds: float, smallest: float = 0.005) -> str:
    """Say which side a margin's part speaks for, and how strongly in log-odds."""
    if abs(log_odds) < smallest:
        return "favours neither side"
    return f"favours {'A' if log_odds > 0 else 'B'} by {abs(log_odds):.2f}"


def about_ties(log_odds: float, smallest: float = 0.005) -> str:
    """Say what a part of the tie log-odds does to a tie."""
    if abs(log_odds) < smallest:
        return "leaves the tie as it is"
    return f"makes a tie {'more' if log_odds > 0 else 'less'} likely by {abs(log_odds):.2f}"


class _Sentences:
    """The sentences on one feature: its own, else those of its kind, else those of every kind."""

    def __init__(self, block: str, column: str, language: Language) -> None:
        self.kind, self.own = kind_of(block, column), _own(block, column, language)
        shared, name = _shared()[language], name_of(block, column, language)
        self._found = {**shared["any"], **shared[self.kind], **self.own, "name": name}

    def __call__(self, key: str, tone: str = "", **fields: str) -> str:
        """Fill in a sentence: the one for a tone (`positive`, `negative`) where there is one."""
        found = self._found
        whole = found.get(f"{key} {tone}", found[key]).format(
            name=found["name"], base=found.get("base", found["name"]), measure=found["measure"], **fields
        )
        return _SEAM.sub(" ", whole)


def _own(block: str, column: str, language: Language) -> Mapping[str, str]:
    """Return the name and the sentences that a column has of its own."""
    entry = _entry(block, column)
    if entry is None:
        return {}
    said = entry[language]
    return {**_block(block).get(_EVERY, {}).get(language, {}), **({"name": said} if isinstance(said, str) else said)}


def _entry(block: str, column: str) -> Mapping[str, Any] | None:
    found = _block(block)
    return found.get(column) or found.get(column.removeprefix(_LOG))


@cache
def _block(block: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the words of a block's columns; none for a block that has no file."""
    names = {path.stem: path for folder in (FOLDER, WORDS) for path in folder.rglob("*.yaml")}
    return yaml.safe_load(names[block].read_text(encoding="utf-8")) if block in names else {}


@cache
def _shared() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.safe_load(
        (FOLDER / "sentences.yaml").read_text(encoding="utf-8")
    )
    return found


def _plain(value: float, kind: str) -> float:
    return math.expm1(value) if kind == LOG_COUNT else value


def _tone(block: str, column: str, a: float, b: float) -> str:
    """Return whether two numbers of a tone are spoken of as positive or negative; "" where as neither."""
    by = (_entry(block, column) or {}).get(_BY)
    if by is None:
        return ""
    decides = min(a, b) if by == "lowest" else max(a, b)
    return "positive" if decides >= TONE else "negative" if decides <= -TONE else ""


def _numbers(kind: str, *values: float) -> list[str]:
    """Write numbers beside each other, with as many digits as it takes to tell them from each other and from nothing.

    Two that cannot be told from each other by the most digits of `_DIGITS` are written alike.
    """
    if kind in (COUNT, LOG_COUNT):
        return [f"{round(_plain(value, kind)):,}" for value in values]
    least, most = _DIGITS.get(kind, _DIGITS[SCORE])
    factor, unit = (100, " %") if kind == SHARE else (1, "")
    ends = (0.0, 1.0) if kind == SHARE else (0.0,)
    for apart in ((*values, *ends), values):
        for digits in range(least, most + 1):
            # Adding 0 turns a minus zero into zero.
            texts = [f"{round(factor * value, digits) + 0.0:.{digits}f}{unit}" for value in apart]
            if len(set(texts)) == len(set(apart)):
                return texts[: len(values)]
    return [f"{round(factor * value, least) + 0.0:.{least}f}{unit}" for value in values]

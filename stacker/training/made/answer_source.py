"""What bad answers are made of, and how their makers take texts apart and put them together."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

from features.text import FUNCTION_WORDS, is_chinese, words

MOST = 12_000
"""Characters of an answer from which others are made; longer ones are left alone."""
TEXTS: Mapping[str, Mapping[str, Sequence[str]]] = yaml.safe_load(
    Path(__file__).with_name("made_texts.yaml").read_text(encoding="utf-8")
)
"""What is written into made answers, by key and language."""


@dataclass(frozen=True)
class Source:
    """What an answer is made of.

    Attributes
    ----------
    prompt, answer : str
        A real prompt, and an answer that it got.
    other, longer, near, foreign : str or None
        Real answers to other prompts: of about the same length; longer; to one like this; in another language.
    """

    prompt: str
    answer: str
    other: str | None = None
    longer: str | None = None
    near: str | None = None
    foreign: str | None = None


Make = Callable[[Source, Random], str | None]
"""Returns the made answer; None where a source has nothing to make it of."""


def lang(text: str) -> str:
    """Return the language of `TEXTS` that a text is in."""
    return "zh" if is_chinese(text) else "en"


def space(text: str) -> str:
    """Return what stands between the words and sentences of a text's language."""
    return "" if is_chinese(text) else " "


def listed(kind: str, text: str) -> Sequence[str]:
    """Return the texts of a kind in the language of a text."""
    return TEXTS[kind][lang(text)]


def some(kind: str, text: str, random: Random, low: int, high: int) -> str:
    """Return between `low` and `high` of the texts of a kind, in the language of a text."""
    known = listed(kind, text)
    return space(text).join(random.sample(list(known), min(random.randint(low, high), len(known))))


_LITTLE_CHINESE = re.compile(
    r"[^\u4e00-\u9fff]+|[的了是在有我你您他她它和與与或也都就請请嗎吗呢什麼么怎樣样如何為为這这那個个一不會会能可以要把被讓让給给到從从]+"
)


def content_words(text: str) -> list[str]:
    """Return the different words of a text that name something; of Chinese, runs of two to four characters."""
    if is_chinese(text):
        runs = (run for run in _LITTLE_CHINESE.split(text[:600]) if len(run) > 1)
        found = [run[start : start + 4] for run in runs for start in range(0, len(run) - 1, 4)]
    else:
        found = [word for word in words(text[:1500]) if len(word) > 2 and word.lower() not in FUNCTION_WORDS]
    return list(dict.fromkeys(found))


def pieces(text: str) -> list[str]:
    """Return the words of a text, or its characters where it is Chinese."""
    return list("".join(text.split())) if is_chinese(text) else text.split()

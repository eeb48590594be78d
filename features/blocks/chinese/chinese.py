"""The block of tone and readability of Chinese texts, Traditional and Simplified alike, in time linear in their length.

Tone: words that people rated as positive or negative (tone.txt), each found as the longest that begins at its place;
one right after a negation counts the other way round. Readability: how long clauses are and how rare characters,
which Chen (1971, Mass Communication Research 8, 181-226) found to be what makes Chinese hard to read, and which
stand with the mean logarithm of frequency among the indicators of Sung et al. (2013, Chinese Journal of Psychology 55,
75-106); length of clauses as Xu, Yao and Chen (2019) take it for annual reports.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from features.blocks.chinese.variants import data_hash, simplified
from features.blocks.interface import SCORE, SHARE, TEXT, Block, Column
from features.text import SCRIPTS, script_counts
from pipelines.battles.arrays import Floats32

_TONE, _CHARACTERS = (Path(__file__).with_name(name) for name in ("tone.txt", "characters.txt"))
_HEAD = 100_000
"""Characters of a text that are read; of real answers none is longer."""
_KANA_SHARE = 0.05
"""Share of kana from which on a text with Chinese characters is Japanese."""
_LONGEST, _SHORTEST = 4, 2
"""Characters of the words of tone.txt."""
_NEGATIONS = ("不", "没", "没有", "无", "非", "未", "别", "不太", "不是", "并不", "不够", "不会", "不能")
_RUN = re.compile("[\u3400-\u9fff\uf900-\ufaff]+")
_CLAUSE = re.compile("[，。；：！？、,;:!?\n]+")
_COMMON, _KNOWN = 1000, 3500
"""Ranks of characters: to these 87 % of Chinese running text belong, and 99 %."""


class Chinese(Block):
    """How Chinese reads; NaN where the text is not Chinese, tone also where no word of the lexicon stands in it."""

    name = "chinese"
    version = data_hash(_TONE, _CHARACTERS)
    sees = TEXT
    usual = False
    declared = (
        Column("mean tone", SCORE),
        Column("positive words", SHARE),
        Column("negative words", SHARE),
        Column("characters per clause", SCORE),
        Column("characters beyond the commonest", SHARE),
        Column("rank of characters", SCORE),
    )

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.full((len(texts), len(self.columns)), np.nan, dtype=np.float32)
        for row, text in enumerate(texts):
            head = text[:_HEAD]
            if is_chinese(head) and _RUN.search(head):  # there are characters of rare blocks that no list has
                rows[row] = _numbers(simplified(head))
        return rows


def is_chinese(text: str) -> bool:
    """Tell whether most letters of a text are Chinese characters, and hardly any is kana."""
    if text.isascii():
        return False
    counts = dict(zip(SCRIPTS, script_counts(text), strict=True))
    return counts["Han"] * 2 > sum(counts.values()) and counts["Kana"] <= _KANA_SHARE * counts["Han"]


def _numbers(text: str) -> tuple[float, ...]:
    runs = _RUN.findall(text)
    characters = sum(map(len, runs))
    tones = [tone for run in runs for tone in _tones(run)]
    clauses = sum(1 for clause in _CLAUSE.split(text) if _RUN.search(clause))
    ranks = _ranks()
    places = np.array([ranks.get(character, _KNOWN) for run in runs for character in run])
    return (
        float(np.mean(tones)) if tones else np.nan,
        sum(tone > 0 for tone in tones) / characters,
        sum(tone < 0 for tone in tones) / characters,
        characters / clauses,
        float(np.mean(places >= _COMMON)),
        float(np.mean(np.log1p(places))),
    )


def _tones(run: str) -> list[float]:
    """Return the ratings of the words of the lexicon in a run of Simplified characters."""
    words, found, start, end = _lexicon(), [], 0, 0
    while start < len(run):
        for length in range(_LONGEST, _SHORTEST - 1, -1):
            tone = words.get(run[start : start + length])
            if tone is not None:
                found.append(-tone if run[end:start].endswith(_NEGATIONS) else tone)
                start += length
                end = start
                break
        else:
            start += 1
    return found


@cache
def _lexicon() -> dict[str, float]:
    lines = [line.split(" ") for line in _TONE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {word: float(tone) for tone, *words in lines for word in words}


@cache
def _ranks() -> dict[str, int]:
    return {character: place for place, character in enumerate(_CHARACTERS.read_text(encoding="utf-8").splitlines()[1])}

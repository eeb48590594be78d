"""The block of whether a text is whole, in order, and meant for its reader.

It sees repetition, the order of words, ends that are missing, filler that fits any prompt, headings with nothing under
them, and sentences that speak to whoever judges the text. Made for what real answers hardly ever show.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from features.blocks.interface import ANSWER, COUNT, FLAG, LOG_COUNT, SCORE, SHARE, Block, Column
from features.blocks.reading.data_version import data_version
from features.blocks.reading.parts.sentence_kinds import filler_phrases, pattern, pleas_among, triggered
from features.blocks.reading.parts.text_parts import HEAD, plain, small_words, spoken
from features.blocks.reading.parts.word_order import word_order
from features.text import words
from pipelines.battles.arrays import Floats32

GRAM = 5
"""Words of a phrase whose repetition counts."""
_SHORTEST = 12
"""Characters of a sentence whose repetition counts: `Yes.` may come twice."""
_LONG = 7
"""Letters of a long word."""
_FEW_WORDS = 12
"""Words below which a text need not end like a sentence."""
_MOST = 10
"""Cap of counts, beyond which more says nothing more."""
_TYPICAL = 0.6
"""What text of 200 bytes and more compresses to; shorter ones cannot be measured."""
_ENDS = frozenset(".!?。！？…:：\"'”’」』)）]】*`>|~_;；}")
_BROKEN = re.compile(r"[,，、;；-]$|\b(?:the|a|an|of|to|and|or|in|with|for|is|are|that|as|by|on|your)$")
_HEADING = re.compile(
    r"\s{0,4}(?:#{1,6}\s+\S.*|\*\*[^*\n]{1,120}\*\*:?|[^\s.。][^.。\n]{0,60}[:：])\s*+$",
)
_ITEM = re.compile(r"\s{0,8}(?:[-*+•·▪●◦–]|\(?\d{1,3}[.)、．:]|[①-⑳])\s*+")
_NUMBERED = re.compile(r"^\s{0,4}(\d{1,3})[.)、．]", re.MULTILINE)
_ODD = re.compile("[\ufffd\u200b\u2060\x00\u2e80-\u2fdf]")
"""What nobody writes: marks of broken text, spaces of no width, and radicals, which look like Chinese characters."""
_SMALL = re.compile(r"[.!?]\s{1,3}([a-zA-Z])")
_LONGEST_LINE = 400
"""Characters of a line by which it is told whether it is a heading or an item."""


class Integrity(Block):
    """Tells whether a text is whole, in order and meant for its reader; English and Chinese."""

    name = "integrity"
    version = data_version("integrity.yaml", "parts/word_order.npy")
    sees = ANSWER
    declared = (
        Column("repeated sentences", SHARE),
        Column("repeated phrases", SHARE),
        Column("longest repetition", SHARE),
        Column("compressed size", SCORE),
        Column("word order", SCORE),
        Column("words out of order", SHARE),
        Column("log words in order seen", LOG_COUNT, length=True),
        Column("unfinished end", FLAG),
        Column("broken off", FLAG),
        Column("open code block", FLAG),
        Column("open brackets", COUNT),
        Column("filler", SHARE),
        Column("filler phrases per sentence", SCORE),
        Column("pleas to a judge", COUNT),
        Column("text that is a plea", SHARE),
        Column("placeholders", COUNT),
        Column("empty headings", SHARE),
        Column("heading lines", SHARE),
        Column("ends with a heading", FLAG),
        Column("lines of few words", SHARE),
        Column("log words per line", LOG_COUNT),
        Column("broken numbering", SHARE),
        Column("empty", FLAG),
        Column("long words", SHARE),
        Column("sentences begun small", SHARE),
        Column("odd characters", SHARE),
    )

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), len(columns)) float32 array; of a text without words all but `empty` is 0."""
        rows = np.zeros((len(texts), len(self.columns)), dtype=np.float32)
        for row, text in enumerate(texts):
            head = text[:HEAD]
            found = small_words(head)
            if found:
                rows[row] = (
                    *_repetition(head, found),
                    *_order(head),
                    *_end(head, found),
                    *_speech(head),
                    *_lines(head, found),
                )
            else:
                rows[row, self.columns.index("empty")] = 1.0
        return rows


def _repetition(text: str, found: Sequence[str]) -> tuple[float, ...]:
    """Return the shares of repeated sentences and phrases and of the longest repetition, and the compressed size."""
    seen: set[str] = set()
    again = total = 0
    for sentence in map(plain, spoken(text)):
        if len(sentence) >= _SHORTEST:
            total += len(sentence)
            again += len(sentence) if sentence in seen else 0
            seen.add(sentence)
    phrases = list(zip(*(found[start:] for start in range(GRAM)), strict=False))
    counts = Counter(phrases)
    run = longest = 0
    for phrase in phrases:
        run = run + 1 if counts[phrase] > 1 else 0
        longest = max(longest, run)
    some = max(len(phrases), 1)
    data = text.encode("utf-8", "replace")
    compressed = len(zlib.compress(data, 3)) / len(data) if len(data) > 200 else _TYPICAL
    return again / max(total, 1), 1 - len(counts) / some if phrases else 0.0, longest / some, compressed


def _order(text: str) -> tuple[float, ...]:
    order, misses, seen = word_order(text)
    return (order, misses, np.log1p(seen)) if seen else (0.0, 0.0, 0.0)


def _end(text: str, found: Sequence[str]) -> tuple[float, ...]:
    """Return whether the text ends unfinished or broken off, and what it leaves open."""
    whole = text.strip()
    last = whole[-_LONGEST_LINE:].rpartition("\n")[2]
    long = len(found) > _FEW_WORDS
    fences = text.count("```")
    listed = _ITEM.match(last) is not None or len(last.split()) <= 6
    unfinished = long and whole[-1] not in _ENDS and not listed and not fences
    broken = long and _BROKEN.search(whole[-12:]) is not None
    brackets = abs(text.count("(") + text.count("（") - text.count(")") - text.count("）"))
    return float(unfinished), float(broken), float(fences % 2), min(brackets, _MOST // 2)


def _speech(text: str) -> tuple[float, ...]:
    """Return how much is filler, how much speaks to a judge, and how many placeholders there are."""
    found = spoken(text)
    total, count = max(sum(map(len, found)), 1), max(len(found), 1)
    phrases = [(sentence, filler_phrases(sentence)) for sentence in found]
    filled = sum(len(sentence) for sentence, times in phrases if times)
    pleas = pleas_among(found)
    small = text.lower()
    placeholders = len(pattern("placeholders").findall(small)) if triggered("placeholders", small) else 0
    return (
        filled / total,
        sum(times for _, times in phrases) / count,
        min(len(pleas), _MOST // 2),
        sum(map(len, pleas)) / total,
        min(placeholders, _MOST),
    )


def is_heading(line: str) -> bool:
    """Tell whether a line is a heading, or a title that ends in a colon."""
    return _HEADING.match(line[:_LONGEST_LINE]) is not None


def _lines(text: str, found: Sequence[str]) -> tuple[float, ...]:
    """Return how the lines are filled: headings with nothing under them, few words, numbering; and odd characters."""
    lines = [line for line in text.splitlines() if line.strip()]
    headings = [is_heading(line) for line in lines]
    empty = sum(one and (after is None or after) for one, after in zip(headings, [*headings[1:], None], strict=True))
    per_line = np.array([len(words(_ITEM.sub("", line, count=1))) for line in lines])
    numbers = np.array(_NUMBERED.findall(text)[:200], dtype=np.int64)
    broken = 0.0
    if len(numbers) > 2:
        before, after = numbers[:-1], numbers[1:]
        broken = float(np.mean((after != before + 1) & (after != 1) & (after != before)))
    starts = _SMALL.findall(text)
    return (
        empty / len(lines),
        sum(headings) / len(lines),
        float(headings[-1] and len(found) > _FEW_WORDS),
        float((per_line <= 3).mean()) if len(lines) > 2 else 0.0,
        float(np.log1p(np.median(per_line))),
        broken,
        0.0,
        sum(map(_LONG.__le__, map(len, found))) / len(found),
        sum(map(str.islower, starts)) / len(starts) if len(starts) > 2 else 0.0,
        len(_ODD.findall(text)) / len(text),
    )

"""The block of how an answer is written: Markdown, refusals, apologies, names of models, emoji, hedges, offers."""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.blocks.interface import COUNT, FLAG, LOG_COUNT, SCORE, SHARE, TEXT, Block, Column
from features.blocks.style.phrases import (
    KINDS,
    VERSION,
    count_all,
    count_in_words,
    count_signs,
    has_phrase,
    plain,
    some_words,
)
from features.text import pieces
from pipelines.battles.arrays import Floats32

_GREETING = 60
_OPENING = 240
_OPENING_WORDS = 30
_ENDING = 400
_ENDING_WORDS = 50
_LINE_HEAD = 400
_ORDERED = re.compile(r"(?:\d{1,3}|[a-zA-Z])[.)、．][ \t]|[（(]\d{1,3}[)）]|[①-⑳]|[一二三四五六七八九十]{1,3}、")
_TABLE_RULE = re.compile(r"[|:\- ]{3,}")
_EMOJI = re.compile(
    "[\u2600-\u27bf\u2b50\u2b55\u231a\u231b\u23e9-\u23f3\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f900-\U0001faff]"
)
_BULLETS = ("- ", "* ", "+ ", "• ", "· ", "– ", "▪ ", "● ", "○ ", "◦ ", "‣ ")
_BOLD = re.compile(r"\*\*[^\s*][^*\n]{0,300}\*\*|__[^\s_][^_\n]{0,300}__")


class Style(Block):
    """Counts of marks and phrases of an assistant's style, in English and Chinese and some other languages."""

    name = "style"
    version = VERSION
    sees = TEXT
    declared = (
        Column("headers", COUNT),
        Column("unordered items", COUNT),
        Column("ordered items", COUNT),
        Column("list lines share", SHARE),
        Column("bold spans", COUNT),
        Column("inline code", COUNT),
        Column("code blocks", COUNT),
        Column("code lines share", SHARE),
        Column("table lines", COUNT),
        Column("quoted lines", COUNT),
        Column("longest line", LOG_COUNT),
        Column("paragraphs", COUNT),
        Column("mean paragraph length", SCORE),
        Column("emoji", COUNT),
        Column("refusal phrases", COUNT),
        Column("opens with a refusal", FLAG),
        Column("apology phrases", COUNT),
        Column("opens with an apology", FLAG),
        Column("model-identity phrases", COUNT),
        Column("opens with model identity", FLAG),
        Column("flattering opening", FLAG),
        Column("hedges", COUNT),
        Column("first-person words", COUNT),
        Column("second-person words", COUNT),
        Column("connectives", COUNT),
        Column("negations", COUNT),
        Column("ends with a question", FLAG),
        Column("ends with an offer", FLAG),
        Column("ends without a stop", FLAG),
        Column("Markdown marks", COUNT),
    )

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), len(columns)) float32 array; all 0 for an empty text."""
        rows = np.zeros((len(texts), len(self.columns)), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text and not text.isspace()]
        if filled:
            said = [texts[row] for row in filled]
            lowered = [plain(text).strip() for text in said]
            ends = [
                *((text[:_OPENING], _OPENING_WORDS, False) for text in lowered),
                *((text[:_GREETING], None, False) for text in lowered),
                *((text[-_ENDING:], _ENDING_WORDS, True) for text in lowered),
            ]
            counts = zip(*(part.tolist() for part in (count_all(lowered), *np.split(_counted(ends), 3))), strict=True)
            rows[filled] = [
                _numbers(text, low[-1], *each) for text, low, each in zip(said, lowered, counts, strict=True)
            ]
        return rows


def _counted(parts: Sequence[tuple[str, int | None, bool]]) -> NDArray[np.int64]:
    """Count the phrases in the first or last words of short texts."""
    found = count_in_words([some_words(*part) for part in parts])
    for row, (text, _, _) in enumerate(parts):
        if not text.isascii():
            found[row] += count_signs(text)
    return found


def _numbers(
    text: str, last: str, counts: list[int], opening: list[int], greeting: list[int], ending: list[int]
) -> list[float]:
    """Return the numbers of one text, in the order of the columns.

    `last` is its last sign in lower case; the lists are phrases of each of `KINDS` in all and in these parts of it.
    """
    headers, bullets, ordered, blocks, code_lines, tables, quoted, longest, filled, paragraphs = _lines(text)
    bold = len(_BOLD.findall(text)) if "**" in text or "__" in text else 0
    inline = max(0, text.count("`") - 3 * text.count("```")) // 2
    everywhere = dict(zip(KINDS, counts, strict=True))
    lists = bullets + ordered
    return [
        headers,
        bullets,
        ordered,
        lists / max(1, filled),
        bold,
        inline,
        blocks,
        code_lines / max(1, filled),
        tables,
        quoted,
        math.log1p(longest),
        paragraphs,
        len(text) / max(1, paragraphs),
        0 if text.isascii() else sum(1 for _ in _EMOJI.finditer(text)),
        everywhere["refusal"],
        has_phrase(opening, "refusal"),
        everywhere["apology"],
        has_phrase(opening, "apology"),
        everywhere["identity"],
        has_phrase(opening, "identity"),
        has_phrase(greeting, "flattery"),
        everywhere["hedge"],
        everywhere["first person"],
        everywhere["second person"],
        everywhere["connective"],
        everywhere["negation"],
        last in "?？",
        has_phrase(ending, "offer"),
        last.isalnum() or last in ",，",
        headers + lists + bold + inline + blocks + tables,
    ]


def _lines(text: str) -> tuple[int, ...]:
    """Walk over the lines and tell what each of them is."""
    headers = bullets = ordered = blocks = code_lines = tables = quoted = longest = filled = paragraphs = 0
    in_code = False
    after_blank = True
    for piece in pieces(text, at="\n"):
        for line in piece.splitlines():
            longest = max(longest, len(line))
            head = line[:_LINE_HEAD].strip()
            if not head:
                after_blank = True
                continue
            filled += 1
            paragraphs += after_blank
            after_blank = False
            first = head[0]
            if first in "`~" and head.startswith(("```", "~~~")):
                in_code = not in_code
                blocks += in_code
            elif in_code:
                code_lines += 1
            elif first == "#":
                headers += head.lstrip("#")[:1] == " " and len(head) - len(head.lstrip("#")) <= 6
            elif first == "|":
                tables += not _TABLE_RULE.fullmatch(head)
            elif first == ">":
                quoted += 1
            elif first.isalnum() or first in "（(":
                ordered += _ORDERED.match(head) is not None
            else:
                bullets += head.startswith(_BULLETS)
    return headers, bullets, ordered, blocks, code_lines, tables, quoted, longest, filled, paragraphs

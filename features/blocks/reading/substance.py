"""The block of what an answer holds besides its prompt's own words, markup, signs, and claims of its worth.

Made for answers that look like some and say nothing, as `integrity` is; it needs the prompt, and no encoder.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import filterfalse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.blocks.chinese.character_pairs import VERSION, known_pairs
from features.blocks.interface import FLAG, LOG_COUNT, PROMPT_AND_ANSWER, SCORE, SHARE, Block, Column
from features.blocks.reading.data_version import data_version
from features.blocks.reading.integrity import is_heading
from features.blocks.reading.parts.own_words import own_words
from features.blocks.reading.parts.sentence_kinds import is_claim, is_filler, is_plea, pattern
from features.blocks.reading.parts.sentence_order import order_of
from features.blocks.reading.parts.text_parts import HEAD, plain_words, small_words, spoken
from features.blocks.reading.parts.word_pairs import word_pairs
from features.text import FUNCTION_WORDS, SCRIPTS, code_points, dominant_script, script_counts
from pipelines.battles.arrays import Floats32, Ints

_WORDS = 400
"""Words by which it is told how often the same ones come."""
_GRAM = 3
_MARKUP_BYTES = b'|#*{}[]"`<>_=~-\\/'
_MARKUP = np.frombuffer(_MARKUP_BYTES, dtype=np.uint8).astype(np.uint32)
_PICTURES = ((0x2190, 0x2BFF), (0x3030, 0x303D), (0xFE00, 0xFE0F), (0x1F000, 0x1FAFF))
_ROW = re.compile(r"^[ \t]{0,8}\|(.*)\|[ \t]*+$", re.MULTILINE)
_CELL_EMPTY = re.compile(r"[\s.:…_–—?-]*+(?:n/a|none|null|tbd|x+)?[\s.]*+", re.IGNORECASE)
_KEY = re.compile(
    r"\"[^\"\n]{1,60}\"\s{0,3}:\s{0,3}(\"\s{0,3}(?:n/a|\.\.\.|…|string|value)?\s{0,3}\"|null|\[\s{0,3}\]|\{\s{0,3}\}|.)"
)
_SPOKEN = re.compile(r"[a-z]{4,}")
_CONSONANT = "[b-df-hj-np-tv-xz]"
_UNSPOKEN = re.compile(rf"{_CONSONANT}{{6,}}+|(?<![a-z]){_CONSONANT}{{4,}}+(?![a-z])")
# Every way to cite that `references` in substance.yaml knows holds one of these words or numbers, which are found in a
# tenth of the time.
_CITING = ("doi", "et al", "http", "isbn", "journal of", "university press", "《")
_DIGIT = re.compile(r"\d")
_CITED = re.compile(r"\(\d{4}|p\. ?\d|vol\. ?\d|(?:19|20)\d\d|\d\(\d|[,:;] ?\d{1,4}[-–]\d")
_TAIL = 200
_SOME = 4000
"""Characters by which odd words are told."""


class Substance(Block):
    """Tells what an answer holds that its prompt has not, and what of it is no content; English and Chinese."""

    name = "substance"
    version = data_version("substance.yaml", "integrity.yaml", "parts/word_pairs.npz") + VERSION
    usual = False
    group = "integrity"
    sees = PROMPT_AND_ANSWER
    declared = (
        Column("phrases of the prompt", SHARE),
        Column("sentences of the prompt's words", SHARE),
        Column("content words that the prompt has not", SHARE),
        Column("log content words that the prompt has not", LOG_COUNT, length=True),
        Column("different words", SHARE),
        Column("most frequent word", SHARE),
        Column("markup", SHARE),
        Column("pictures and signs", SHARE),
        Column("longest run of one sign", SHARE),
        Column("empty cells and values", SHARE),
        Column("references", SHARE),
        Column("praise and claims", SHARE),
        Column("begins with praise or a claim", FLAG),
        Column("announces what does not follow", FLAG),
        Column("words nobody can speak", SHARE),
        Column("letters of another script", SHARE),
        Column("begins as texts do", FLAG),
        Column("beginnings elsewhere", SHARE),
        Column("ends as texts do", FLAG),
        Column("ends elsewhere", SHARE),
        Column("begins in the middle", FLAG),
        Column("lead-ins followed", SCORE),
        Column("items within lines", SHARE),
        Column("ordinals out of order", SHARE),
        Column("words shared by neighbouring sentences", SCORE),
        Column("characters that words hold together", SHARE),
        Column("order of common words", SCORE),
        Column("order of all common words", SCORE),
        Column("words twice in a row", SHARE),
        Column("letters that no word holds", SHARE),
        Column("log words of its own", LOG_COUNT, length=True),
        Column("says nothing of its own", FLAG),
        Column("order of Chinese characters", SCORE),
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array; without words all is 0 but signs and characters."""
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            text, asked = answer[:HEAD], prompt[:HEAD]
            found, (together, order) = spoken(text), known_pairs(text[:_SOME])
            rows[row] = (
                *_beyond_prompt(asked, text, found),
                *_signs(text),
                *_hollow(text, found),
                _script(asked, text),
                *order_of(found, text),
                together,
                *word_pairs(text),
                *_own(asked, text, found),
                order,
            )
        return rows


def _beyond_prompt(prompt: str, text: str, sentences: Sequence[str]) -> tuple[float, ...]:
    """Return what stands in the prompt, and how varied the words are."""
    asked, found = small_words(prompt), small_words(text)
    if not found:
        return (0.0,) * 6
    theirs = set(zip(*(asked[start:] for start in range(_GRAM)), strict=False))
    own = list(zip(*(found[start:] for start in range(_GRAM)), strict=False))
    copied = sum(map(theirs.__contains__, own)) / len(own) if own else 0.0
    known = frozenset(asked)
    again = total = 0
    new: set[str] = set()
    content: set[str] = set()
    for sentence in sentences:
        some = list(filterfalse(FUNCTION_WORDS.__contains__, plain_words(sentence)))
        total += len(sentence)
        beyond = list(filterfalse(known.__contains__, some))
        content.update(some)
        if len(some) >= 2 and len(beyond) <= 0.2 * len(some):
            again += len(sentence)
        elif not (is_plea(sentence) or is_filler(sentence) or is_heading(sentence) or is_claim(sentence)):
            new.update(beyond)
    first = found[:_WORDS]
    counts = Counter(filterfalse(FUNCTION_WORDS.__contains__, first))
    return (
        copied,
        again / max(total, 1),
        len(content - known) / max(len(content), 1),
        float(np.log1p(len(new))),
        len(set(first)) / len(first) ** 0.8,
        max(counts.values(), default=0) / len(first),
    )


def _own(prompt: str, text: str, sentences: Sequence[str]) -> tuple[float, float]:
    """Return the words of its own, and whether there are none."""
    count, nothing = own_words(prompt, text, sentences)
    return float(np.log1p(count)), nothing


def _signs(text: str) -> tuple[float, ...]:
    """Return the shares of markup, of pictures and signs, and of the longest run of one sign."""
    signs = "".join(text.split())
    if not signs:
        return (0.0,) * 3
    codes: NDArray[Any]
    if signs.isascii():
        data = signs.encode("ascii")
        codes, pictures = np.frombuffer(data, dtype=np.uint8), 0
        markup = len(data) - len(data.translate(None, _MARKUP_BYTES))
    else:
        codes = code_points(signs)
        pictures = sum(int(((codes >= low) & (codes <= high)).sum()) for low, high in _PICTURES)
        markup = int(np.isin(codes, _MARKUP).sum())
    changes: Ints = np.flatnonzero(codes[1:] != codes[:-1])
    longest = int(np.diff(np.concatenate([[-1], changes, [len(codes) - 1]])).max())
    return (
        markup / len(codes),
        pictures / len(codes),
        longest / len(codes) if longest > 3 else 0.0,
    )


def cites(line: str) -> bool:
    """Tell whether a line, in small letters, is a reference."""
    for word in _CITING:
        if word in line:
            break
    else:
        if _DIGIT.search(line) is None or _CITED.search(line) is None:
            return False
    return pattern("references").match(line) is not None


def _hollow(text: str, sentences: Sequence[str]) -> tuple[float, ...]:
    """Return empty cells and values, references, claims, announcements with nothing after them, and odd words."""
    cells = [cell for row in _ROW.findall(text)[:200] for cell in row.split("|")] if "|" in text else []
    values = _KEY.findall(text)[:500] if '":' in text or '" :' in text else []
    empty = sum(_CELL_EMPTY.fullmatch(cell) is not None for cell in cells) + sum(len(value) > 1 for value in values)
    lines = [line for line in text.lower().splitlines() if line.strip()]
    size = max(sum(map(len, lines)), 1)
    cited = sum(len(line) for line in lines[:400] if cites(line[:400]))
    claims = [is_claim(sentence) for sentence in sentences]
    claimed = sum(len(sentence) for sentence, claim in zip(sentences, claims, strict=True) if claim)
    head = text[:_SOME].lower()
    latin, odd = len(_SPOKEN.findall(head)), len(_UNSPOKEN.findall(head))
    end = text[-_TAIL:].rstrip(" \n*_")
    return (
        empty / max(len(cells) + len(values), 1),
        cited / size,
        claimed / max(sum(map(len, sentences)), 1),
        float(bool(claims) and claims[0]),
        float(end.endswith((":", "："))),
        min(odd / max(latin, 1), 1.0),
    )


def _script(prompt: str, text: str) -> float:
    """Return the share of letters that are not of the prompt's script."""
    asked = dominant_script(prompt)
    if asked < 0:
        return 0.0
    counts = script_counts(text[:2000])
    own = {asked, SCRIPTS.index("Kana")} if SCRIPTS[asked] == "Han" else {asked}
    return 1.0 - sum(counts[place] for place in own) / max(sum(counts), 1) if sum(counts) else 0.0

"""The block of what can be counted on the surface of a text: lengths, signs, digits, capitals, scripts."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import filterfalse

import numpy as np
from numpy.typing import NDArray

from features.blocks.interface import COUNT, LOG_COUNT, SCORE, SHARE, TEXT, Block, Column
from features.text import PIECE, SCRIPTS, blocks_of, count_sentences, script_of, words
from pipelines.battles.arrays import Floats32

_URL = re.compile(r"https?://|www\.", re.IGNORECASE)
_MATHS_COMMANDS = ("\\(", "\\[", "\\begin{")
_LATEX_COMMAND = re.compile(r"\\[a-zA-Z]{2,20}")
# Counts of signs, wherever a sign has a full-width form counted with it.
_SIGNS = {
    "question marks": "?？؟⁇⁈",
    "exclamation marks": "!！‼⁉",
    "full stops": ".。．｡",
    "commas": ",，、､،",
    "colons": ":：;；",
    "quotation marks": '"“”„«»「」『』',
    "brackets": "([（【",
    "maths signs": "=+<>±×÷≤≥≠≈√∞∑∏∫∂∇∈∉⊂⊆∪∩∀∃⇒⇔→π^",
}
_KINDS = ("digits", "capitals", "spaces", "punctuation", "ASCII")
_PLACES = {name: place for place, name in enumerate((*SCRIPTS, *_KINDS, *_SIGNS))}


class Surface(Block):
    """Counts and shares that need no knowledge of a language; every number is 0 for an empty text."""

    name = "surface"
    sees = TEXT
    declared = (
        Column("characters", COUNT, length=True),
        Column("log characters", LOG_COUNT, length=True),
        Column("words", COUNT, length=True),
        Column("log words", LOG_COUNT, length=True),
        Column("sentences", COUNT, length=True),
        Column("log sentences", LOG_COUNT, length=True),
        Column("lines", COUNT, length=True),
        Column("blank lines", COUNT, length=True),
        Column("words per sentence", SCORE),
        Column("words per line", SCORE),
        Column("average word length", SCORE),
        Column("unique-word share", SHARE),
        Column("digit share", SHARE),
        Column("capital share", SHARE),
        Column("all-capitals words", COUNT),
        Column("punctuation share", SHARE),
        Column("white-space share", SHARE),
        Column("non-ASCII share", SHARE),
        *(Column(f"{script} share", SHARE) for script in SCRIPTS),
        *(Column(signs, COUNT) for signs in _SIGNS),
        Column("numbers", COUNT),
        Column("URLs", COUNT),
        Column("maths delimiters", COUNT),
        Column("LaTeX commands", COUNT),
    )

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.zeros((len(texts), len(self.columns)), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text]
        if filled:
            rows[filled] = _numbers([texts[row] for row in filled])
        return rows


class _Character(dict[str, tuple[int, ...]]):
    """The places in `_PLACES` a character counts at; filled as characters are met."""

    def __missing__(self, character: str) -> tuple[int, ...]:
        names = []
        if character.isalpha():
            names.append(SCRIPTS[script_of(character)])
        if character.isdecimal():
            names.append("digits")
        elif character.isupper():
            names.append("capitals")
        elif character.isspace():
            names.append("spaces")
        elif not character.isalnum():
            names.append("punctuation")
        if character.isascii():
            names.append("ASCII")
        names.extend(name for name, signs in _SIGNS.items() if character in signs)
        if len(self) > 50_000:  # texts of random code points must not fill the memory
            self.clear()
        self[character] = places = tuple(_PLACES[name] for name in names)
        return places


_CHARACTER = _Character()


_ASCII = np.zeros((128, len(_PLACES)), dtype=np.int64)
"""How often each ASCII character counts at each of `_PLACES`."""
for _code in range(128):
    _ASCII[_code, list(_CHARACTER[chr(_code)])] = 1
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


def _tallies(texts: Sequence[str]) -> NDArray[np.int64]:
    """Count the characters of each text by what they are: (len(texts), len(_PLACES))."""
    codes = np.empty((len(texts), 128), dtype=np.int64)
    for row, text in enumerate(texts):
        data = text.encode("ascii", "ignore")
        if len(data) <= PIECE:
            codes[row] = np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=128)
        else:
            parts = (data[start : start + PIECE] for start in range(0, len(data), PIECE))
            codes[row] = sum(np.bincount(np.frombuffer(part, dtype=np.uint8), minlength=128) for part in parts)
    totals: NDArray[np.int64] = codes @ _ASCII
    for row, text in enumerate(texts):
        if not text.isascii():
            for piece in blocks_of(text):
                for character, times in Counter("".join(_BEYOND_ASCII.findall(piece))).items():
                    for place in _CHARACTER[character]:
                        totals[row, place] += times
    return totals


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the numbers of texts that are not empty, in the order of the columns: (len(texts), len(columns))."""
    tallies = _tallies(texts)
    kind = {name: tallies[:, place] for name, place in _PLACES.items()}
    scripts, signs = tallies[:, : len(SCRIPTS)], tallies[:, len(SCRIPTS) + len(_KINDS) :]
    letters = np.maximum(scripts.sum(axis=1), 1)
    length = np.fromiter(map(len, texts), np.int64, len(texts))
    several = zip(texts, kind["capitals"].tolist(), kind["digits"].tolist(), strict=True)
    words_of = np.array([_word_counts(*each) for each in several], dtype=np.int64)
    n_words, unique, characters, shouted, numbers = words_of.T
    n_sentences = np.array([count_sentences(text) for text in texts], dtype=np.int64)
    marks = np.array([_marks(text) for text in texts], dtype=np.int64)
    lines = marks[:, 0] + 1
    return np.column_stack(
        [
            length,
            _log1p(length),
            n_words,
            _log1p(n_words),
            n_sentences,
            _log1p(n_sentences),
            lines,
            marks[:, 1],
            n_words / np.maximum(1, n_sentences),
            n_words / lines,
            characters / np.maximum(1, n_words),
            unique / np.maximum(1, n_words),
            kind["digits"] / length,
            kind["capitals"] / letters,
            shouted,
            kind["punctuation"] / length,
            kind["spaces"] / length,
            1 - kind["ASCII"] / length,
            scripts / letters[:, None],
            signs,
            numbers,
            marks[:, 2:],
        ]
    )


def _log1p(counts: NDArray[np.int64]) -> list[float]:
    """Return the logarithms; by Python, since NumPy's differ in the last bit from one processor to another."""
    return list(map(math.log1p, counts.tolist()))


def _marks(text: str) -> tuple[int, int, int, int, int]:
    """Count line ends, blank lines, URLs, delimiters of maths, and LaTeX commands."""
    return (
        text.count("\n"),
        text.count("\n\n"),
        len(_URL.findall(text)) if "://" in text or "www." in text or "WWW." in text else 0,
        text.count("$$") + (sum(map(text.count, _MATHS_COMMANDS)) if "\\" in text else 0),
        len(_LATEX_COMMAND.findall(text)) if "\\" in text else 0,
    )


def _word_counts(text: str, capitals: int, digits: int) -> tuple[int, int, int, int, int]:
    """Count words, distinct words (case folded), characters in words, words in capitals, and words led by a digit."""
    n_words = characters = shouted = numbers = 0
    lowered: set[str] = set()
    hashed: list[NDArray[np.int64]] = []
    for piece in blocks_of(text):
        found = words(piece)
        n_words += len(found)
        characters += len("".join(found))
        distinct = set(found)
        if capitals:  # how many there are in the text: nothing is looked for where there is none
            loud = {word for word in filter(str.isupper, distinct) if len(word) > 1}
            shouted += sum(map(loud.__contains__, found)) if loud else 0
        if digits:
            led = {word for word in filterfalse(str.isalpha, distinct) if word[0].isdecimal()}
            numbers += sum(map(led.__contains__, found)) if led else 0
        lowered = set(map(str.lower, distinct))
        if len(piece) < len(text):
            # A set of all the words of a very long text would be larger than the text; eight bytes a word are not.
            hashed.append(np.fromiter(map(hash, lowered), dtype=np.int64, count=len(lowered)))
    unique = len(np.unique(np.concatenate(hashed))) if hashed else len(lowered)
    return n_words, unique, characters, shouted, numbers

"""The block of what can be counted on the surface of a text: lengths, signs, digits, capitals, scripts."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from features.blocks import Floats
from features.text import SCRIPTS, blocks_of, script_of, sentences, words

_URL = re.compile(r"https?://|www\.", re.IGNORECASE)
_MATHS_DELIMITERS = ("\\(", "\\[", "$$", "\\begin{")
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


class Surface:
    """Counts and shares that need no knowledge of a language; every number is 0 for an empty text."""

    name = "surface"
    version = "1"
    columns: tuple[str, ...] = (
        "characters",
        "log characters",
        "words",
        "log words",
        "sentences",
        "log sentences",
        "lines",
        "blank lines",
        "words per sentence",
        "words per line",
        "average word length",
        "unique-word share",
        "digit share",
        "capital share",
        "all-capitals words",
        "punctuation share",
        "white-space share",
        "non-ASCII share",
        *(f"{script} share" for script in SCRIPTS),
        *_SIGNS,
        "numbers",
        "URLs",
        "maths delimiters",
        "LaTeX commands",
    )

    def compute(self, texts: Sequence[str]) -> Floats:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.zeros((len(texts), len(self.columns)), dtype=np.float32)
        for row, text in enumerate(texts):
            if text:
                rows[row] = _numbers(text)
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


def _tally(text: str) -> list[int]:
    """Count the characters of a text by what they are, in the order of `_PLACES`."""
    totals = [0] * len(_PLACES)
    counted: Iterable[tuple[str, int]]
    if text.isascii():
        codes = np.bincount(np.frombuffer(text.encode("ascii"), dtype=np.uint8))
        met = np.flatnonzero(codes).tolist()
        counted = zip(map(chr, met), codes[met].tolist(), strict=True)
    else:
        counted = Counter(text).items()
    for character, times in counted:
        for place in _CHARACTER[character]:
            totals[place] += times
    return totals


def _numbers(text: str) -> list[float]:
    """Return the numbers of one text that is not empty, in the order of the columns."""
    tally = _tally(text)
    kinds = dict(zip(_KINDS, tally[len(SCRIPTS) :], strict=False))
    scripts = tally[: len(SCRIPTS)]
    signs = tally[len(SCRIPTS) + len(_KINDS) :]
    letters = sum(scripts) or 1
    length = len(text)
    n_words, unique, word_characters, shouted, numbers = _word_counts(text)
    n_sentences = sum(1 for _ in sentences(text))
    lines = text.count("\n") + 1
    return [
        length,
        math.log1p(length),
        n_words,
        math.log1p(n_words),
        n_sentences,
        math.log1p(n_sentences),
        lines,
        text.count("\n\n"),
        n_words / max(1, n_sentences),
        n_words / lines,
        word_characters / max(1, n_words),
        unique / max(1, n_words),
        kinds["digits"] / length,
        kinds["capitals"] / letters,
        shouted,
        kinds["punctuation"] / length,
        kinds["spaces"] / length,
        1 - kinds["ASCII"] / length,
        *(count / letters for count in scripts),
        *signs,
        numbers,
        len(_URL.findall(text)) if "://" in text or "www." in text or "WWW." in text else 0,
        sum(map(text.count, _MATHS_DELIMITERS)),
        len(_LATEX_COMMAND.findall(text)) if "\\" in text else 0,
    ]


def _word_counts(text: str) -> tuple[int, int, int, int, int]:
    """Count words, distinct words (case folded), characters in words, words in capitals, and words led by a digit."""
    n_words = characters = shouted = numbers = 0
    lowered: set[str] = set()
    hashed: list[NDArray[np.int64]] = []
    for piece in blocks_of(text):
        found = words(piece)
        n_words += len(found)
        characters += sum(map(len, found))
        distinct = set(found)
        loud = {word for word in distinct if len(word) > 1 and word.isupper()}
        led = {word for word in distinct if word[0].isdecimal()}
        shouted += sum(map(loud.__contains__, found)) if loud else 0
        numbers += sum(map(led.__contains__, found)) if led else 0
        lowered = set(map(str.lower, distinct))
        if len(piece) < len(text):
            # A set of all the words of a very long text would be larger than the text; eight bytes a word are not.
            hashed.append(np.fromiter(map(hash, lowered), dtype=np.int64, count=len(lowered)))
    unique = len(np.unique(np.concatenate(hashed))) if hashed else len(lowered)
    return n_words, unique, characters, shouted, numbers

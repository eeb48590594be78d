"""The block of what can be counted on the surface of a text: lengths, signs, digits, capitals, scripts."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from features.blocks import Floats
from features.text import SCRIPTS, blocks_of, script_counts, sentences, words

_URL = re.compile(r"https?://|www\.", re.IGNORECASE)
_MATHS_DELIMITERS = ("\\(", "\\[", "$$", "\\begin{")
_LATEX_COMMAND = re.compile(r"\\[a-zA-Z]{2,20}")
_MATHS_SIGNS = frozenset("=+<>±×÷≤≥≠≈√∞∑∏∫∂∇∈∉⊂⊆∪∩∀∃⇒⇔→π^")
_QUESTION_MARKS = "?？؟⁇⁈"
_EXCLAMATION_MARKS = "!！‼⁉"
_FULL_STOPS = ".。．｡"
_COMMAS = ",，、､،"
_COLONS = ":：;；"
_QUOTES = '"“”„«»「」『』'
_BRACKETS = "([（【"


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
        "question marks",
        "exclamation marks",
        "full stops",
        "commas",
        "colons",
        "quotation marks",
        "brackets",
        "numbers",
        "URLs",
        "maths delimiters",
        "LaTeX commands",
        "maths signs",
    )

    def compute(self, texts: Sequence[str]) -> Floats:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.zeros((len(texts), len(self.columns)), dtype=np.float32)
        for row, text in enumerate(texts):
            if text:
                rows[row] = _numbers(text)
        return rows


class _Kind(dict[str, int]):
    """The kind of a character: 0 other, 1 digit, 2 capital, 3 white space, 4 punctuation; filled as they are met."""

    def __missing__(self, character: str) -> int:
        kind = 4
        if character.isalnum():
            kind = 1 if character.isdecimal() else 2 if character.isupper() else 0
        elif character.isspace():
            kind = 3
        if len(self) > 50_000:  # texts of random code points must not fill the memory
            self.clear()
        self[character] = kind
        return kind


_KIND = _Kind()


def _numbers(text: str) -> list[float]:
    """Return the numbers of one text that is not empty, in the order of the columns."""
    characters = Counter(text)
    kinds = [0] * 5
    non_ascii = 0
    for character, times in characters.items():
        kinds[_KIND[character]] += times
        if character > "\x7f":
            non_ascii += times
    scripts = script_counts(characters)
    letters = sum(scripts) or 1
    length = len(text)
    n_words, unique, word_characters, shouted, numbers = _word_counts(text)
    n_sentences = sum(1 for _ in sentences(text))
    lines = characters["\n"] + 1
    blank = text.count("\n\n")

    def signs(of: Iterable[str]) -> int:
        return sum(characters[sign] for sign in of if sign in characters)

    return [
        length,
        math.log1p(length),
        n_words,
        math.log1p(n_words),
        n_sentences,
        math.log1p(n_sentences),
        lines,
        blank,
        n_words / max(1, n_sentences),
        n_words / lines,
        word_characters / max(1, n_words),
        unique / max(1, n_words),
        kinds[1] / length,
        kinds[2] / letters,
        shouted,
        kinds[4] / length,
        kinds[3] / length,
        non_ascii / length,
        *(count / letters for count in scripts),
        signs(_QUESTION_MARKS),
        signs(_EXCLAMATION_MARKS),
        signs(_FULL_STOPS),
        signs(_COMMAS),
        signs(_COLONS),
        signs(_QUOTES),
        signs(_BRACKETS),
        numbers,
        len(_URL.findall(text)) if "://" in text or "www." in text.lower() else 0,
        sum(text.count(delimiter) for delimiter in _MATHS_DELIMITERS),
        len(_LATEX_COMMAND.findall(text)) if "\\" in text else 0,
        signs(_MATHS_SIGNS),
    ]


def _word_counts(text: str) -> tuple[int, int, int, int, int]:
    """Count words, distinct words (case folded), characters in words, words in capitals, and words led by a digit."""
    n_words = characters = shouted = numbers = 0
    distinct: set[str] = set()
    hashed: list[np.ndarray] = []
    for piece in blocks_of(text):
        found = words(piece)
        n_words += len(found)
        characters += sum(map(len, found))
        shouted += sum(1 for word in found if word.isupper() and len(word) > 1)
        numbers += sum(1 for word in found if word[0].isdecimal())
        distinct = set(words(piece.lower()))
        if len(piece) < len(text):
            # A set of all the words of a very long text would be larger than the text; eight bytes a word are not.
            hashed.append(np.fromiter(map(hash, distinct), dtype=np.int64, count=len(distinct)))
    unique = len(np.unique(np.concatenate(hashed))) if hashed else len(distinct)
    return n_words, unique, characters, shouted, numbers

"""The block of how hard a text is to read: textstat's formulas over counts that are gathered once."""

from collections.abc import Callable, Sequence
from importlib.metadata import version as version_of

import numpy as np

from features.blocks import Floats
from features.counts import TextCounts, token_table
from features.english import is_english


def _per(numerator: float, denominator: float) -> float:
    """Divide as textstat does: nothing by nothing is 0."""
    return numerator / denominator if denominator else 0.0


def words_per_sentence(of: TextCounts) -> float:
    """Return textstat's words per sentence."""
    return _per(of.words, of.sentences)


def syllables_per_word(of: TextCounts) -> float:
    """Return textstat's syllables per word, the syllables counted by Pyphen."""
    return _per(of.syllables, of.words)


def flesch_reading_ease(of: TextCounts) -> float:
    """Return Flesch's reading ease: about 0 (hard) to 100 (easy)."""
    length, syllables = words_per_sentence(of), syllables_per_word(of)
    return 206.835 - 1.015 * length - 84.6 * syllables if length and syllables else 0.0


def flesch_kincaid_grade(of: TextCounts) -> float:
    """Return the school grade of Flesch and Kincaid."""
    length, syllables = words_per_sentence(of), syllables_per_word(of)
    return (0.39 * length) + (11.8 * syllables) - 15.59 if length and syllables else 0.0


def gunning_fog(of: TextCounts) -> float:
    """Return Gunning's fog index."""
    return 0.4 * (words_per_sentence(of) + 100 * of.complex / of.words) if of.words else 0.0


def smog_index(of: TextCounts) -> float:
    """Return McLaughlin's SMOG grade."""
    return (1.043 * (30 * (of.polysyllables / of.sentences)) ** 0.5) + 3.1291 if of.sentences else 0.0


def coleman_liau_index(of: TextCounts) -> float:
    """Return the grade of Coleman and Liau, which asks for letters in place of syllables."""
    letters, sentences = _per(of.letters, of.words) * 100, _per(of.sentences, of.words) * 100
    return (0.058 * letters) - (0.296 * sentences) - 15.8 if letters and sentences else 0.0


def automated_readability_index(of: TextCounts) -> float:
    """Return the automated readability index."""
    characters, length = _per(of.characters, of.tokens), words_per_sentence(of)
    return (4.71 * characters) + (0.5 * length) - 21.43 if characters and length else 0.0


def dale_chall_readability_score(of: TextCounts) -> float:
    """Return the score of Dale and Chall: share of words a fourth-grader may not know."""
    if not of.words:
        return 0.0
    unfamiliar = 100 * of.unfamiliar / of.words
    score = (0.1579 * unfamiliar) + (0.0496 * words_per_sentence(of))
    return score + 3.6365 if unfamiliar > 5 else score


def linsear_write_formula(of: TextCounts) -> float:
    """Return the Linsear Write grade of the first hundred words."""
    if not of.linsear_sentences:
        return 0.0
    number = float(of.linsear_points / of.linsear_sentences)
    return (number - 2 if number <= 20 else number) / 2


def spache_readability(of: TextCounts) -> float:
    """Return the grade of Spache."""
    if not of.words:
        return 0.0
    return (0.141 * words_per_sentence(of)) + (0.086 * (100 * of.difficult / of.words)) + 0.839


def lix(of: TextCounts) -> float:
    """Return Björnsson's LIX: sentence length and share of long words."""
    return words_per_sentence(of) + 100 * of.long_words / of.words if of.words else 0.0


def rix(of: TextCounts) -> float:
    """Return Anderson's RIX: long words per sentence."""
    return _per(of.long_words, of.sentences)


def mcalpine_eflaw(of: TextCounts) -> float:
    """Return McAlpine's EFLAW: words and short words per sentence."""
    return _per(of.words + of.mini_words, of.sentences)


FORMULAS: dict[str, tuple[Callable[[TextCounts], float], float, float]] = {
    "Flesch reading ease": (flesch_reading_ease, -100, 121.22),
    "Flesch-Kincaid grade": (flesch_kincaid_grade, -5, 40),
    "Gunning fog": (gunning_fog, 0, 50),
    "SMOG": (smog_index, 0, 40),
    "Coleman-Liau": (coleman_liau_index, -20, 50),
    "automated readability": (automated_readability_index, -10, 60),
    "Dale-Chall": (dale_chall_readability_score, 0, 25),
    "Linsear Write": (linsear_write_formula, -1, 60),
    "Spache": (spache_readability, 0, 20),
    "LIX": (lix, 0, 150),
    "RIX": (rix, 0, 40),
    "EFLAW": (mcalpine_eflaw, 0, 100),
    "words per sentence": (words_per_sentence, 0, 100),
    "syllables per word": (syllables_per_word, 0, 5),
    "difficult-word share": (lambda of: _per(of.difficult, of.words), 0, 1),
    "unfamiliar-word share": (lambda of: _per(of.unfamiliar, of.words), 0, 1),
    "polysyllable share": (lambda of: _per(of.polysyllables, of.words), 0, 1),
    "monosyllable share": (lambda of: _per(of.monosyllables, of.words), 0, 1),
}
"""Name of each number, the formula, and the range it is clipped to: a text without full stops runs out of any scale."""


class Readability:
    """textstat's scores, clipped to the range they are meant for; NaN where the text is not English."""

    name = "readability"
    columns: tuple[str, ...] = tuple(FORMULAS)

    def __init__(self) -> None:
        self.version = f"1-{version_of('textstat')}-{version_of('pyphen')}"

    def compute(self, texts: Sequence[str]) -> Floats:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.full((len(texts), len(self.columns)), np.nan, dtype=np.float32)
        english = [row for row, text in enumerate(texts) if is_english(text)]
        for row, counts in zip(english, token_table().count_all([texts[row] for row in english]), strict=True):
            rows[row] = [min(max(formula(counts), low), high) for formula, low, high in FORMULAS.values()]
        return rows

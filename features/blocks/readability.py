"""The block of how hard a text is to read: textstat's formulas over counts that are gathered once."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from features.blocks.interface import SCORE, SHARE, TEXT, Block, Column
from features.fast.textstat_counts import TextCounts, token_table
from features.text import is_english
from pipelines.battles.arrays import Floats32, Ints

Numbers = NDArray[np.float64]


def _per(numerator: Numbers | Ints, denominator: Numbers | Ints) -> Numbers:
    """Divide as textstat does: nothing by nothing is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(denominator)), where=denominator != 0)


def _where(there: NDArray[np.bool_] | Ints | Numbers, value: Numbers) -> Numbers:
    """Return a formula's value where the text has what it asks for, 0 elsewhere."""
    return np.where(there, value, 0.0)


def words_per_sentence(of: TextCounts) -> Numbers:
    """Return textstat's words per sentence."""
    return _per(of.words, of.sentences)


def syllables_per_word(of: TextCounts) -> Numbers:
    """Return textstat's syllables per word, the syllables counted by Pyphen."""
    return _per(of.syllables, of.words)


def flesch_reading_ease(of: TextCounts) -> Numbers:
    """Return Flesch's reading ease: about 0 (hard) to 100 (easy)."""
    length, syllables = words_per_sentence(of), syllables_per_word(of)
    return _where((length > 0) & (syllables > 0), 206.835 - 1.015 * length - 84.6 * syllables)


def flesch_kincaid_grade(of: TextCounts) -> Numbers:
    """Return the school grade of Flesch and Kincaid."""
    length, syllables = words_per_sentence(of), syllables_per_word(of)
    return _where((length > 0) & (syllables > 0), (0.39 * length) + (11.8 * syllables) - 15.59)


def gunning_fog(of: TextCounts) -> Numbers:
    """Return Gunning's fog index."""
    return _where(of.words, 0.4 * (words_per_sentence(of) + _per(100 * of.complex, of.words)))


def smog_index(of: TextCounts) -> Numbers:
    """Return McLaughlin's SMOG grade."""
    return _where(of.sentences, (1.043 * np.sqrt(30 * _per(of.polysyllables, of.sentences))) + 3.1291)


def coleman_liau_index(of: TextCounts) -> Numbers:
    """Return the grade of Coleman and Liau, which asks for letters in place of syllables."""
    letters, sentences = _per(of.letters, of.words) * 100, _per(of.sentences, of.words) * 100
    return _where((letters > 0) & (sentences > 0), (0.058 * letters) - (0.296 * sentences) - 15.8)


def automated_readability_index(of: TextCounts) -> Numbers:
    """Return the automated readability index."""
    characters, length = _per(of.characters, of.tokens), words_per_sentence(of)
    return _where((characters > 0) & (length > 0), (4.71 * characters) + (0.5 * length) - 21.43)


def dale_chall_readability_score(of: TextCounts) -> Numbers:
    """Return the score of Dale and Chall: share of words a fourth-grader may not know."""
    unfamiliar = _per(100 * of.unfamiliar, of.words)
    score = (0.1579 * unfamiliar) + (0.0496 * words_per_sentence(of))
    return _where(of.words, np.where(unfamiliar > 5, score + 3.6365, score))


def linsear_write_formula(of: TextCounts) -> Numbers:
    """Return the Linsear Write grade of the first hundred words."""
    number = _per(of.linsear_points, of.linsear_sentences)
    return _where(of.linsear_sentences, np.where(number <= 20, number - 2, number) / 2)


def spache_readability(of: TextCounts) -> Numbers:
    """Return the grade of Spache."""
    hard = _per(100 * of.difficult, of.words)
    return _where(of.words, (0.141 * words_per_sentence(of)) + (0.086 * hard) + 0.839)


def lix(of: TextCounts) -> Numbers:
    """Return Björnsson's LIX: sentence length and share of long words."""
    return _where(of.words, words_per_sentence(of) + _per(100 * of.long_words, of.words))


def rix(of: TextCounts) -> Numbers:
    """Return Anderson's RIX: long words per sentence."""
    return _per(of.long_words, of.sentences)


def mcalpine_eflaw(of: TextCounts) -> Numbers:
    """Return McAlpine's EFLAW: words and short words per sentence."""
    return _per(of.words + of.mini_words, of.sentences)


FORMULAS: dict[str, tuple[Callable[[TextCounts], Numbers], float, float]] = {
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


class Readability(Block):
    """textstat's scores, clipped to the range they are meant for; NaN where the text is not English."""

    name = "readability"
    library = "textstat"
    sees = TEXT
    declared = tuple(Column(name, SHARE if name.endswith("share") else SCORE) for name in FORMULAS)

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.full((len(texts), len(self.columns)), np.nan, dtype=np.float32)
        english = [row for row, text in enumerate(texts) if is_english(text)]
        counts = token_table().count_all([texts[row] for row in english])
        for column, (formula, low, high) in enumerate(FORMULAS.values()):
            rows[english, column] = np.clip(formula(counts), low, high)
        return rows

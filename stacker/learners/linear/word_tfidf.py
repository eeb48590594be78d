"""TF-IDF of words and phrases of a known vocabulary: bitwise scikit-learn's, which takes a second to be imported."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats
from stacker.learners.linear.term_counts import WORD


class WordTfidf:
    """Weighs phrases as `TfidfVectorizer` does, with sublinear counts and rows of length 1 or 0, in float32.

    Parameters
    ----------
    lengths : (int, int)
        Words of the shortest and of the longest phrase.
    vocabulary : dict of str to int
        The place of each phrase.

    Attributes
    ----------
    idf_ : (terms,) float64
        Weights of the phrases; to be set before texts are transformed.
    """

    idf_: Floats

    def __init__(self, lengths: tuple[int, int], vocabulary: dict[str, int]) -> None:
        self.lengths = lengths
        self.vocabulary_ = vocabulary

    def get_feature_names_out(self) -> list[str]:
        """Return the phrases in the order of their places."""
        return sorted(self.vocabulary_, key=self.vocabulary_.__getitem__)

    def transform(self, texts: Sequence[str]) -> Any:
        """Return the (len(texts), phrases) CSR float32 array."""
        from scipy import sparse

        found = [np.unique(self._places(text), return_counts=True) for text in texts]
        ends = np.cumsum([0, *(len(places) for places, _ in found)])
        column = np.concatenate([places for places, _ in found]) if found else np.empty(0, dtype=np.int64)
        count = np.concatenate([counts for _, counts in found]) if found else np.empty(0, dtype=np.int64)
        values = (1 + np.log(count.astype(np.float32))) * self.idf_.astype(np.float32)[column]
        of = np.repeat(np.arange(len(texts)), np.diff(ends))
        lengths = np.sqrt(np.bincount(of, weights=values**2, minlength=len(texts)))
        rows = (values / lengths[of]).astype(np.float32)
        return sparse.csr_array((rows, column, ends), shape=(len(texts), len(self.vocabulary_)))

    def _places(self, text: str) -> Any:
        """Return the place of every phrase of a text that is in the vocabulary, as often as it comes."""
        words = WORD.findall(text.lower())
        shortest, longest = self.lengths
        phrases = (
            words if n == 1 else map(" ".join, zip(*(words[start:] for start in range(n)), strict=False))
            for n in range(shortest, longest + 1)
        )
        known = map(self.vocabulary_.get, chain.from_iterable(phrases))
        return np.array([place for place in known if place is not None], dtype=np.int64)


def fitting_vectoriser(lengths: tuple[int, int], most: int, least_texts: int) -> Any:
    """Return scikit-learn's vectoriser, which chooses its own vocabulary: the `most` frequent phrases."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        ngram_range=lengths, max_features=most, min_df=least_texts, sublinear_tf=True, dtype=np.float32
    )

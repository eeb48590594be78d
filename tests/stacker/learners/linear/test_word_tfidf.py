"""Words weighed without scikit-learn: bitwise its own numbers."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from stacker.learners.linear.word_tfidf import WordTfidf

TEXTS = [
    "The sky is blue, and the sky is wide; the sea is blue.",
    "",
    "a b c",
    "Ünïcode words, 詞 and words and 中文字 words 42 42.",
    "Is the sea wide? The sea is wide " * 30,
]


@pytest.mark.parametrize("lengths", [(1, 1), (1, 2), (2, 3)])
def test_rows_are_those_of_scikit_learn_to_the_bit(lengths):
    theirs = TfidfVectorizer(ngram_range=lengths, sublinear_tf=True, dtype=np.float32).fit(TEXTS[:4])
    ours = WordTfidf(lengths, {str(term): int(place) for term, place in theirs.vocabulary_.items()})
    ours.idf_ = theirs.idf_
    assert ours.get_feature_names_out() == theirs.get_feature_names_out().tolist()
    for texts in (TEXTS, TEXTS[1:2], []):
        found = ours.transform(texts)
        wanted = theirs.transform(texts).toarray() if texts else np.zeros((0, len(theirs.vocabulary_)))
        assert found.dtype == np.float32
        assert found.toarray().tobytes() == wanted.astype(np.float32).tobytes()

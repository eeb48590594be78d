"""A sparse pairwise learner: TF-IDF of words and characters, the difference of the two answers, logistic."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from pipelines.battles import text_of
from pipelines.folds import grouped_folds
from pipelines.section import Section
from stacker.balance import BalanceParams, weighted
from stacker.learners.base import Fit, Floats, LearnerData
from stacker.learners.odd_even import OddEvenLogistic


class SparseParams(Section):
    """Settings of the sparse learner; `strengths` are scikit-learn's C, chosen on inner folds."""

    enabled: bool = True
    words: int = 30000
    word_ngrams: tuple[int, int] = (1, 2)
    characters: int = 50000
    character_ngrams: tuple[int, int] = (2, 4)
    least_answers: int = 3
    most_characters: int = 8000
    strengths: tuple[float, ...] = (0.3, 1.0, 3.0)
    inner_folds: int = 3


class SparseLearner:
    """Margin from the difference of the answers' TF-IDF rows, tie from its absolute value."""

    name = "sparse"

    def __init__(self, params: SparseParams, balance: BalanceParams | None = None) -> None:
        self.params = params
        self.balance = balance or BalanceParams()

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Learn the vocabularies from the answers, then both regressions."""
        a, b = self._answers(data.texts)
        self.vectorisers_ = {name: self._vectoriser(name) for name in self._kinds()}
        difference = None
        kept: dict[str, Any] = {}
        from scipy import sparse

        parts = []
        for name, vectoriser in self.vectorisers_.items():
            try:
                both = vectoriser.fit_transform([*a, *b])
            except ValueError:  # scikit-learn's word for: no term is in enough answers
                continue
            kept[name] = vectoriser
            parts.append((both[: len(a)] - both[len(a) :]).tocsr())
        self.vectorisers_ = kept
        difference = sparse.hstack(parts, format="csr") if parts else sparse.csr_array((len(a), 1), dtype=np.float32)
        inner = grouped_folds(fit.group, fit.outcome, self.params.inner_folds, fit.seed)
        weight, correction = weighted(self.balance, fit.outcome, fit.weight)
        self.model_ = OddEvenLogistic(self.params.strengths).fit(
            difference, abs(difference), fit.outcome, weight, inner
        )
        self.model_.offset_ += correction.tie
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities; the swap is exact by form."""
        difference = self.difference(data)
        return self.model_.predict_proba(difference, abs(difference))

    def difference(self, data: LearnerData) -> Any:
        """Return the (n, terms) CSR difference of the answers' TF-IDF rows."""
        from scipy import sparse

        a, b = self._answers(data.texts)
        parts = [vectoriser.transform(a) - vectoriser.transform(b) for vectoriser in self.vectorisers_.values()]
        if not parts:
            return sparse.csr_array((len(a), 1), dtype=np.float32)
        return sparse.hstack(parts, format="csr")

    def save(self, folder: Path) -> None:
        """Write settings and vocabularies as JSON, numbers as safetensors."""
        meta = {
            "params": self.params.model_dump(),
            "offset": self.model_.offset_,
            "vocabularies": {name: _terms(vectoriser) for name, vectoriser in self.vectorisers_.items()},
        }
        (folder / "learner.json").write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
        numbers = {f"idf_{name}": vectoriser.idf_ for name, vectoriser in self.vectorisers_.items()}
        save_file({**numbers, "margin": self.model_.margin_, "tie": self.model_.tie_}, folder / "sparse.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        meta = json.loads((folder / "learner.json").read_text(encoding="utf-8"))
        stored = load_file(folder / "sparse.safetensors")
        learner = cls(SparseParams(**meta["params"]))
        learner.vectorisers_ = {}
        for name, terms in meta["vocabularies"].items():
            vectoriser = learner._vectoriser(name, {term: place for place, term in enumerate(terms)})
            vectoriser.idf_ = stored[f"idf_{name}"]
            learner.vectorisers_[name] = vectoriser
        learner.model_ = OddEvenLogistic(learner.params.strengths)
        learner.model_.margin_, learner.model_.tie_ = stored["margin"], stored["tie"]
        learner.model_.offset_ = meta["offset"]
        return learner

    def _kinds(self) -> list[str]:
        return [name for name in ("words", "characters") if getattr(self.params, name) > 0]

    def _vectoriser(self, name: str, vocabulary: dict[str, int] | None = None) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        p = self.params
        shared = {"sublinear_tf": True, "dtype": np.float32, "vocabulary": vocabulary, "min_df": p.least_answers}
        if name == "words":
            return TfidfVectorizer(ngram_range=p.word_ngrams, max_features=p.words, **shared)
        return TfidfVectorizer(analyzer="char_wb", ngram_range=p.character_ngrams, max_features=p.characters, **shared)

    def _answers(self, texts: pd.DataFrame) -> tuple[list[str], list[str]]:
        most = self.params.most_characters
        a = [text_of(turns)[:most] for turns in texts["response_a"]]
        b = [text_of(turns)[:most] for turns in texts["response_b"]]
        return a, b


def _terms(vectoriser: Any) -> list[str]:
    return [str(term) for term in vectoriser.get_feature_names_out()]

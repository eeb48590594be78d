"""A sparse pairwise learner: TF-IDF of words and characters, the difference of the two answers, logistic."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from pipelines.battles import text_of
from pipelines.folds import grouped_folds
from pipelines.section import Section
from stacker.balance import BalanceParams, Weights, weighted
from stacker.learners.base import Fit, Floats, Ints, LearnerData
from stacker.learners.block_logistic import Blocks, blocks_of, chosen_logistic
from stacker.learners.char_tfidf import CharTfidf
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


ROWS_AT_ONCE = 2048
VOCABULARY_BATTLES = 5000
"""Battles whose answers the terms and their weights are taken from, where there are more."""


class SparseLearner:
    """Margin from the difference of the answers' TF-IDF rows, tie from its absolute value.

    The rows are made and kept in blocks, and nothing else is as large: of 57,477 battles they take about a gigabyte.
    """

    name = "sparse"

    def __init__(self, params: SparseParams, balance: BalanceParams | None = None) -> None:
        self.params = params
        self.balance = balance or BalanceParams()

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Learn the vocabularies from the answers, then both regressions."""
        some = np.arange(len(data))
        if len(data) > VOCABULARY_BATTLES:
            some = np.linspace(0, len(data) - 1, VOCABULARY_BATTLES).astype(np.int64)
        a, b = self._answers(data.texts.iloc[some])
        self.vectorisers_ = {}
        for name in self._kinds():
            vectoriser = self._vectoriser(name)
            with suppress(ValueError):  # the word for: no term is in enough answers
                self.vectorisers_[name] = vectoriser.fit([*a, *b])
        inner = grouped_folds(fit.group, fit.outcome, self.params.inner_folds, fit.seed)
        weights = weighted(self.balance, fit.outcome, fit.weight)
        self.model_ = OddEvenLogistic(self.params.strengths)
        with blocks_of(list(self._differences(data, fit.threads)), fit.threads) as rows:
            won, tied = fit.outcome == 0, fit.outcome == 2
            decided = np.where(tied, 0.0, weights.rows)
            self._take_margin(rows, won, decided, inner)
            rows.absolute()
            self._take_tie(rows, tied, weights, inner)
        self.model_.offset_ += weights.correction.tie
        return self

    def _take_margin(self, rows: Blocks, won: Any, decided: Floats, inner: Ints) -> None:
        # Turned round, a row with the other label is the same to this loss. So that both labels occur whatever the
        # votes, every other row counts as turned; only where all have one label does it matter.
        strength, found = chosen_logistic(rows, won, decided, self.params.strengths, inner)
        if found is None and decided.any():
            turned = np.arange(len(won)) % 2 == 1
            both = [_turned(block, part) for block, part in zip(rows.blocks, _parted(turned, rows), strict=True)]
            strength, found = chosen_logistic(
                Blocks(both, rows.apply), won != turned, decided, self.params.strengths, inner
            )
        self.model_.margin_strength_ = strength
        self.model_.margin_ = np.zeros(rows.blocks[0].shape[1]) if found is None else found[:-1]

    def _take_tie(self, rows: Blocks, tied: Any, weights: Weights, inner: Ints) -> None:
        unseen = (float(weights.unseen[2]), float(weights.unseen[0] + weights.unseen[1]))
        strength, found = chosen_logistic(rows, tied, weights.rows, self.params.strengths, inner, unseen)
        self.model_.tie_strength_ = strength
        assert found is not None  # with unseen battles there are both labels
        self.model_.tie_, self.model_.offset_ = found[:-1], float(found[-1])

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities; the swap is exact by form."""
        parts = [self.model_.predict_proba(rows, abs(rows)) for rows in self._differences(data)]
        return np.concatenate(parts)

    def difference(self, data: LearnerData) -> Any:
        """Return the (n, terms) CSR difference of the answers' TF-IDF rows."""
        from scipy import sparse

        return sparse.vstack(list(self._differences(data)), format="csr")

    def _differences(self, data: LearnerData, threads: int = 1) -> Iterator[Any]:
        """Yield the difference block by block; one block without rows where there are no battles."""
        starts = range(0, max(len(data), 1), ROWS_AT_ONCE)
        with ThreadPoolExecutor(max(threads, 1), thread_name_prefix="sparse") as pool:
            yield from pool.map(lambda start: self._block(data.texts.iloc[start : start + ROWS_AT_ONCE]), starts)

    def _block(self, texts: pd.DataFrame) -> Any:
        """Return the difference of some battles."""
        from scipy import sparse

        width = sum(len(vectoriser.idf_) for vectoriser in self.vectorisers_.values())
        if not width or not len(texts):
            return sparse.csr_array((len(texts), max(width, 1)), dtype=np.float32)
        a, b = self._answers(texts)
        parts = []
        for vectoriser in self.vectorisers_.values():
            part = sparse.csr_array(vectoriser.transform(a)) - sparse.csr_array(vectoriser.transform(b))
            part.eliminate_zeros()
            parts.append(part)
        rows = sparse.hstack(parts, format="csr", dtype=np.float32)
        # Four bytes a place are enough; scipy takes eight where one of the parts had them.
        rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
        return rows

    def save(self, folder: Path) -> None:
        """Write settings and vocabularies as JSON, numbers as safetensors."""
        meta: dict[str, Any] = {
            "params": self.params.model_dump(),
            "offset": self.model_.offset_,
            "words": None,
            "letters": None,
        }
        numbers = {"margin": self.model_.margin_, "tie": self.model_.tie_}
        for name, vectoriser in self.vectorisers_.items():
            numbers[f"idf_{name}"] = vectoriser.idf_
            if name == "words":
                meta["words"] = [str(term) for term in vectoriser.get_feature_names_out()]
            else:
                meta["letters"] = vectoriser.letters_
                numbers["keys"] = vectoriser.keys_
        (folder / "learner.json").write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
        save_file(numbers, folder / "sparse.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        meta = json.loads((folder / "learner.json").read_text(encoding="utf-8"))
        stored = load_file(folder / "sparse.safetensors")
        learner = cls(SparseParams(**meta["params"]))
        learner.vectorisers_ = {}
        if meta["words"] is not None:
            words = learner._vectoriser("words", {term: place for place, term in enumerate(meta["words"])})
            words.idf_ = stored["idf_words"]
            learner.vectorisers_["words"] = words
        if meta["letters"] is not None:
            characters = learner._vectoriser("characters")
            characters.restore(meta["letters"], stored["keys"], stored["idf_characters"])
            learner.vectorisers_["characters"] = characters
        learner.model_ = OddEvenLogistic(learner.params.strengths)
        learner.model_.margin_, learner.model_.tie_ = stored["margin"], stored["tie"]
        learner.model_.offset_ = meta["offset"]
        return learner

    def _kinds(self) -> list[str]:
        return [name for name in ("words", "characters") if getattr(self.params, name) > 0]

    def _vectoriser(self, name: str, vocabulary: dict[str, int] | None = None) -> Any:
        p = self.params
        if name == "characters":
            return CharTfidf(p.character_ngrams, p.characters, p.least_answers)
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(
            ngram_range=p.word_ngrams,
            max_features=p.words,
            min_df=p.least_answers,
            sublinear_tf=True,
            dtype=np.float32,
            vocabulary=vocabulary,
        )

    def _answers(self, texts: pd.DataFrame) -> tuple[list[str], list[str]]:
        most = self.params.most_characters
        a = [text_of(turns)[:most] for turns in texts["response_a"]]
        b = [text_of(turns)[:most] for turns in texts["response_b"]]
        return a, b


def _parted(values: Any, rows: Blocks) -> list[Any]:
    """Cut (n,) values as the rows are cut."""
    return np.split(values, np.cumsum([block.shape[0] for block in rows.blocks])[:-1])


def _turned(block: Any, turned: Any) -> Any:
    """Return a block with the sign of some rows changed."""
    from scipy import sparse

    return sparse.csr_array(sparse.diags_array(np.where(turned, -1, 1).astype(np.float32)) @ block)

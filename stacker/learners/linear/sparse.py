"""A sparse pairwise learner: TF-IDF of words and characters, the difference of the two answers, logistic."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from pydantic import Field, ValidationInfo, field_validator
from safetensors.numpy import save_file

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import grouped_folds
from pipelines.battles.table import text_of
from pipelines.files.saved_files import MOST_WORDS_JSON, Names, Number, Tensors, checking, read_object
from pipelines.settings import InnerFolds, Section, Strengths
from stacker.learners.balance import BalanceParams, Weights, weighted
from stacker.learners.learner_interface import SETTINGS, Fit, LearnerData, LearnerFile, write_settings
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic, Blocks, blocks_of, chosen_logistic
from stacker.learners.linear.char_tfidf import LONGEST, MOST_LETTERS, CharTfidf
from stacker.learners.linear.term_counts import (
    TermCounts,
    fits_into_memory,
    letter_counts,
    most_frequent,
    smooth_idf,
    word_counts,
)
from stacker.learners.linear.word_tfidf import WordTfidf, fitting_vectoriser

LONGEST_WORDS = 5
"""Words of the longest phrase that is counted."""


class SparseParams(Section):
    """Settings of the sparse learner; `C` are scikit-learn's C, chosen on inner folds."""

    renamed = {"strengths": "C", "least_answers": "min_df", "most_characters": "max_characters"}

    enabled: bool = True
    words: int = Field(30000, ge=0, le=500_000)
    word_ngrams: tuple[int, int] = (1, 2)
    characters: int = Field(50000, ge=0, le=2_000_000)
    character_ngrams: tuple[int, int] = (2, 4)
    min_df: int = Field(3, ge=1)
    max_characters: int = Field(8000, ge=1)
    C: Strengths = (0.3, 1.0, 3.0)
    inner_folds: InnerFolds = 3

    @field_validator("word_ngrams", "character_ngrams")
    @classmethod
    def _from_short_to_long(cls, value: tuple[int, int], info: ValidationInfo) -> tuple[int, int]:
        longest = LONGEST_WORDS if info.field_name == "word_ngrams" else LONGEST
        if not 1 <= value[0] <= value[1] <= longest:
            raise ValueError(f"must be the shortest and the longest sequence, from 1 to {longest}, such as [1, 2]")
        return value


class _Saved(LearnerFile):
    """What learner.json holds."""

    params: SparseParams
    offset: Number
    words: Names | None
    letters: Annotated[str, Field(max_length=MOST_LETTERS)] | None


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
        self._counted: dict[str, tuple[TermCounts, Any]] = {}

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Learn the vocabularies from the answers, then both regressions."""
        some = np.arange(len(data))
        if len(data) > VOCABULARY_BATTLES:
            some = np.linspace(0, len(data) - 1, VOCABULARY_BATTLES).astype(np.int64)
        a, b = self._answers(data.texts.iloc[some])
        self.vectorisers_ = {}
        self._counted = {}
        for name in self._kinds():
            counts = self._counts(name, data, fit.threads)
            with suppress(ValueError):  # the word for: no term is in enough answers
                if counts is None:
                    self.vectorisers_[name] = self._vectoriser(name).fit([*a, *b])
                else:
                    self._choose(name, counts, [*a, *b])
        inner = grouped_folds(fit.group, fit.outcome, self.params.inner_folds, fit.seed)
        weights = weighted(self.balance, fit.outcome, fit.weight)
        self.model_ = AntisymmetricLogistic(self.params.C)
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
        strength, found = chosen_logistic(rows, won, decided, self.params.C, inner)
        if found is None and decided.any():
            turned = np.arange(len(won)) % 2 == 1
            both = [_turned(block, part) for block, part in zip(rows.blocks, _parted(turned, rows), strict=True)]
            strength, found = chosen_logistic(Blocks(both, rows.apply), won != turned, decided, self.params.C, inner)
        self.model_.margin_strength_ = strength
        self.model_.margin_ = np.zeros(rows.blocks[0].shape[1]) if found is None else found[:-1]

    def _take_tie(self, rows: Blocks, tied: Any, weights: Weights, inner: Ints) -> None:
        unseen = (float(weights.unseen[2]), float(weights.unseen[0] + weights.unseen[1]))
        strength, found = chosen_logistic(rows, tied, weights.rows, self.params.C, inner, unseen)
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

    def term_effects(self, battle: LearnerData, scale: float, most: int) -> list[tuple[str, float]]:
        """Return the terms that add most to the margin of one battle, times `scale`, the strongest first."""
        if not self.vectorisers_:
            return []
        difference = self.difference(battle)
        columns = difference.indices
        effects = difference.data * self.model_.margin_[columns] * scale
        order = np.lexsort((columns, -np.abs(effects)))[:most]
        names = self._names(set(columns[order].tolist()))
        return [(names[int(columns[at])], float(effects[at])) for at in order if effects[at]]

    def _names(self, columns: set[int]) -> dict[int, str]:
        """Return the terms of some columns; the vocabularies stand side by side in the learner's order."""
        names, start = {}, 0
        for vectoriser in self.vectorisers_.values():
            vocabulary = vectoriser.vocabulary_
            for term, place in vocabulary.items():
                if start + place in columns:
                    names[start + int(place)] = str(term)
            start += len(vocabulary)
        return names

    def _differences(self, data: LearnerData, threads: int = 1) -> Iterator[Any]:
        """Yield the difference block by block; one block without rows where there are no battles."""
        starts = range(0, max(len(data), 1), ROWS_AT_ONCE)
        if len(starts) == 1:
            yield self._block(data.texts)
            return
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
        for name in self.vectorisers_:
            both = sparse.csr_array(self._rows(name, [*a, *b]))
            part = both[: len(a)] - both[len(a) :]
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
        write_settings(folder, meta)
        save_file(numbers, folder / "sparse.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; a `DamagedError` where a file is missing or damaged."""
        path = folder / SETTINGS
        with checking(path):
            meta = _Saved.model_validate(read_object(path, MOST_WORDS_JSON))
            learner = cls(meta.params)
            learner.vectorisers_ = {}
            if meta.words is not None:
                vocabulary = {term: place for place, term in enumerate(meta.words)}
                learner.vectorisers_["words"] = learner._vectoriser("words", vocabulary)
            if meta.letters is not None:
                learner.vectorisers_["characters"] = learner._vectoriser("characters")
        stored = Tensors(folder / "sparse.safetensors", "margin|tie|keys|idf_(words|characters)")
        with checking(stored.path):
            learner._restore(stored, meta)
        return learner

    def _restore(self, stored: Tensors, meta: _Saved) -> None:
        terms = 0
        if meta.words is not None:
            terms += len(meta.words)
            self.vectorisers_["words"].idf_ = stored.floats("idf_words", len(meta.words), least=1e-9)
        if meta.letters is not None:
            keys = stored.keys("keys")
            terms += len(keys)
            idf = stored.floats("idf_characters", len(keys), least=1e-9)
            self.vectorisers_["characters"].restore(meta.letters, keys, idf)
        self.model_ = AntisymmetricLogistic(self.params.C)
        # Where no term is in enough answers, one that no answer has stands for all.
        self.model_.margin_, self.model_.tie_ = (stored.floats(name, max(terms, 1)) for name in ("margin", "tie"))
        self.model_.offset_ = meta.offset

    def _counts(self, name: str, data: LearnerData, threads: int) -> TermCounts | None:
        """Return the terms of all texts of the data set, where other fits have a use for them too."""
        p = self.params
        lengths = p.character_ngrams if name == "characters" else p.word_ngrams

        def make(texts: pd.DataFrame) -> TermCounts | None:
            a, b = self._answers(texts)
            if not fits_into_memory([*a, *b]):
                return None
            if name == "characters":
                return letter_counts([*a, *b], lengths, p.min_df, threads)
            return word_counts([*a, *b], lengths, p.min_df)

        if data.shared is None:
            return None
        return data.shared.of(f"{name} {lengths} {p.min_df} {p.max_characters}", make)

    def _choose(self, name: str, counts: TermCounts, texts: list[str]) -> None:
        """Choose the vocabulary and its weights from texts that were counted."""
        rows = counts.rows(texts)
        assert rows is not None  # they are of the data set
        often, holders = counts.frequencies(rows)
        if name == "characters":
            vectoriser, places = self._vectoriser(name).chosen(counts.keys, counts.letters, often, holders, len(texts))
        else:
            places = most_frequent(often, holders, self.params.words, self.params.min_df)
            vocabulary = {term: place for place, term in enumerate(counts.names(counts.keys[places]))}
            vectoriser = self._vectoriser(name, vocabulary)
            vectoriser.idf_ = smooth_idf(holders[places], len(texts))
        self.vectorisers_[name] = vectoriser
        columns = np.full(len(counts.keys), -1, dtype=np.int32)
        columns[places] = np.arange(len(places), dtype=np.int32)
        self._counted[name] = counts, columns

    def _rows(self, name: str, texts: list[str]) -> Any:
        """Return TF-IDF rows of texts, from their counts where these are known."""
        if name in self._counted:
            counts, columns = self._counted[name]
            rows = counts.rows(texts)
            if rows is not None:
                return counts.weighted(rows, columns, self.vectorisers_[name].idf_)
        return self.vectorisers_[name].transform(texts)

    def _kinds(self) -> list[str]:
        return [name for name in ("words", "characters") if getattr(self.params, name) > 0]

    def _vectoriser(self, name: str, vocabulary: dict[str, int] | None = None) -> Any:
        p = self.params
        if name == "characters":
            return CharTfidf(p.character_ngrams, p.characters, p.min_df)
        if vocabulary is not None:
            return WordTfidf(p.word_ngrams, vocabulary)
        return fitting_vectoriser(p.word_ngrams, p.words, p.min_df)

    def _answers(self, texts: pd.DataFrame) -> tuple[list[str], list[str]]:
        most = self.params.max_characters
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

"""The stages of a run, each as work on a number of battles, beside the plain way to the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from features.blocks.registry import switches
from features.build import FeatureParams, build_features
from features.encoder.embedding import Encoder
from features.fast.textstat_counts import token_table
from features.fast.vader import vader
from features.text import looks_english, remembered_sentences
from pipelines.battles.arrays import Floats, Floats32, Ints
from pipelines.battles.folds import grouped_folds, prompt_groups
from pipelines.battles.table import TEXT_COLUMNS
from stacker.bench import plain
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.stacking.stack import cross_fitted, fit_stack
from stacker.training.params import Params

_FEATURES = FeatureParams(embedding=False)
"""The text blocks of a run."""
_OF_LIBRARIES = {switch: any(block.library for block in blocks) for switch, blocks in switches().items()}
"""Those of them whose numbers the plain way computes too: readability and tone."""


@dataclass
class Bench:
    """Battles to measure on, and what a stage needs of the stages before it, made when first asked for."""

    battles: pd.DataFrame
    params: Params
    encoder: Encoder
    threads: int
    loaded: dict[str, Any] = field(default_factory=dict)
    """The yardstick's own model."""

    def __post_init__(self) -> None:
        self._pairs: LearnerData | None = None

    def first(self, rows: int) -> pd.DataFrame:
        """Return the first battles."""
        return self.battles.iloc[:rows]

    def text_features(self, rows: int, blocks: FeatureParams = _FEATURES) -> LearnerData:
        """Compute the text features of the first battles, with an empty cache."""
        built = build_features(self.first(rows), blocks, threads=self.threads)
        texts = self.first(rows)[list(TEXT_COLUMNS)].reset_index(drop=True)
        return LearnerData(texts, built.pairs, built.embeddings)

    def encoding(self, rows: int) -> Floats32:
        """Embed the distinct texts of the first battles."""
        return self.encoder.block.compute(list(dict.fromkeys(plain.all_texts(self.first(rows)))))

    def data(self, rows: int) -> LearnerData:
        """Return what learners see of the first battles: texts and text features, computed once for all of them."""
        if self._pairs is None or len(self._pairs) < rows:
            self._pairs = self.text_features(rows)
        return self._pairs.take(np.arange(rows))

    def fit(self, rows: int) -> Fit:
        """Return what a learner is told of the first battles."""
        battles = self.first(rows)
        outcome = battles["outcome"].to_numpy(dtype=np.int64)
        group = prompt_groups(battles["prompt"])
        return Fit(outcome, np.ones(rows), group, self.params.run.seed, self.threads)

    def folds(self, rows: int) -> Ints:
        """Return the outer fold of the first battles."""
        fit = self.fit(rows)
        return grouped_folds(fit.group, fit.outcome, self.params.folds.count, fit.seed)


Work = Callable[[], object]
"""What is timed."""
Prepare = Callable[[Bench, int], tuple[Work, Work]]


@dataclass(frozen=True)
class Stage:
    """Work of the project and the plain way to the same.

    Attributes
    ----------
    name : str
        As it is shown and asked for.
    prepare : callable
        Takes the bench and a number of rows, and returns the project's work and the plain one, ready to be timed.
    plain_rows : int
        The plain way is run on no more rows than this: it takes long.
    alike : callable or None
        As `prepare`, where the stage does more than the plain way: what of it the plain way does, too.
    """

    name: str
    prepare: Prepare
    plain_rows: int
    alike: Prepare | None = None


def _text(bench: Bench, rows: int, blocks: FeatureParams = _FEATURES) -> tuple[Work, Work]:
    def ours() -> None:
        for known in (token_table, vader, remembered_sentences, looks_english):
            known.cache_clear()  # a measurement must not profit from the words of the one before it
        bench.text_features(rows, blocks)

    return ours, lambda: plain.text_features(bench.first(rows))


def _encoding(bench: Bench, rows: int) -> tuple[Work, Work]:
    bench.encoder.block.compute(["Models are loaded before the clock starts."])
    plain.encoding(bench.first(1), bench.encoder.resolved, bench.loaded)
    by_libraries = partial(plain.encoding, bench.first(rows), bench.encoder.resolved, bench.loaded)
    return lambda: bench.encoding(rows), by_libraries


def _features(bench: Bench, rows: int, blocks: FeatureParams | None = None) -> tuple[Work, Work]:
    _, encoded = _encoding(bench, rows)
    settings: dict[str, Any] = {"encoder_block": bench.encoder.block, "threads": bench.threads}

    def by_libraries() -> None:
        plain.text_features(bench.first(rows))
        encoded()

    return lambda: build_features(bench.first(rows), blocks or bench.params.features, **settings), by_libraries


def _learner(kind: str, by_libraries: Callable[..., None]) -> Prepare:
    def prepare(bench: Bench, rows: int) -> tuple[Work, Work]:
        data, fit, settings = bench.data(rows), bench.fit(rows), getattr(bench.params.learners, kind)
        return (
            lambda: KINDS[kind](settings).fit(data, fit).predict_proba(data),
            lambda: by_libraries(data, fit, settings),
        )

    return prepare


def _stack(bench: Bench, rows: int) -> tuple[Work, Work]:
    fit, folds = bench.fit(rows), bench.folds(rows)
    probabilities = _verdicts(fit)

    def ours() -> None:
        cross_fitted(bench.params.stack, probabilities, fit, folds)
        fit_stack(bench.params.stack, probabilities, fit, folds)

    return ours, lambda: plain.stack(probabilities, fit, folds.tolist())


def _verdicts(fit: Fit, learners: int = 4) -> Floats:
    """Return (n, learners, 3) probabilities that know a little of the outcomes, as out-of-fold ones do."""
    random = np.random.default_rng(fit.seed)
    logs = random.normal(size=(len(fit.outcome), learners, 3))
    logs[np.arange(len(fit.outcome)), :, fit.outcome] += 0.5
    found: Floats = np.exp(logs) / np.exp(logs).sum(axis=2, keepdims=True)
    return found


STAGES: tuple[Stage, ...] = (
    Stage("text features", _text, 5000, partial(_text, blocks=FeatureParams(**_OF_LIBRARIES))),
    Stage("encoding", _encoding, 200),
    Stage(
        "all features", _features, 200, partial(_features, blocks=FeatureParams(**_OF_LIBRARIES | {"embedding": True}))
    ),
    *(Stage(kind, _learner(kind, by_libraries), 1000) for kind, by_libraries in plain.LEARNERS.items()),
    Stage("stack", _stack, 20000),
)

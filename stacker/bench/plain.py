"""The plain composition of the same libraries, in a few lines a stage: what each stage is measured against.

It is written as one would write it from the libraries' first pages, and does the same work: the same texts, rounds,
bags, both orders and candidate strengths. Readability and tone are also what the tests of `features.fast` compare with.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from features.blocks.readability import FORMULAS
from features.encoder.choice import ResolvedEncoder
from pipelines.battles.arrays import FLIP, Floats
from pipelines.battles.table import TEXT_COLUMNS, text_of
from pipelines.models.model_loading import OWN_FILES, SAFE_WEIGHTS, quiet
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.linear.sparse import SparseParams
from stacker.learners.trees.boosting import BoostingParams

_SYLLABLES = "textstat.backend.counts._count_syllables"


def all_texts(battles: pd.DataFrame) -> list[str]:
    """Return the 3n texts of n battles, each as often as it stands there."""
    return [text_of(turns) for column in TEXT_COLUMNS for turns in battles[column]]


def text_features(battles: pd.DataFrame) -> None:
    """Call textstat and vaderSentiment for each text."""
    texts = all_texts(battles)
    plain_readability(texts)
    plain_sentiment(texts)


@contextmanager
def pinned_textstat() -> Iterator[Any]:
    """Yield textstat counting syllables by Pyphen alone: cmudict, which it would download, counts as not there."""
    textstat = import_module("textstat").textstat
    module = sys.modules[_SYLLABLES]
    original = module.get_cmudict
    module.get_cmudict = lambda lang: None  # type: ignore[attr-defined]
    try:
        yield textstat
    finally:
        module.get_cmudict = original  # type: ignore[attr-defined]


def plain_readability(texts: Sequence[str]) -> Floats:
    """Return (len(texts), len(FORMULAS)) float64: what textstat says of each text, not clipped."""
    with pinned_textstat() as textstat:

        def share(count: float, text: str) -> float:
            words = textstat.lexicon_count(text)
            return count / words if words else 0.0

        rows = [
            [
                textstat.flesch_reading_ease(text),
                textstat.flesch_kincaid_grade(text),
                textstat.gunning_fog(text),
                textstat.smog_index(text),
                textstat.coleman_liau_index(text),
                textstat.automated_readability_index(text),
                textstat.dale_chall_readability_score(text),
                textstat.linsear_write_formula(text),
                textstat.spache_readability(text),
                textstat.lix(text),
                textstat.rix(text),
                textstat.mcalpine_eflaw(text),
                textstat.words_per_sentence(text),
                textstat.avg_syllables_per_word(text),
                share(textstat.difficult_words(text, unique=False), text),
                share(textstat.difficult_words(text, syllable_threshold=0, unique=False), text),
                share(textstat.polysyllabcount(text), text),
                share(textstat.monosyllabcount(text), text),
            ]
            for text in texts
        ]
    return np.array(rows, dtype=np.float64).reshape(len(texts), len(FORMULAS))


def plain_sentiment(texts: Sequence[str]) -> Floats:
    """Return (len(texts), 4) float64: negative, neutral, positive and compound of each whole text."""
    analyzer = import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    scores = (analyzer.polarity_scores(text) for text in texts)
    rows = [[score["neg"], score["neu"], score["pos"], score["compound"]] for score in scores]
    return np.array(rows, dtype=np.float64).reshape(len(texts), 4)


def encoding(battles: pd.DataFrame, encoder: ResolvedEncoder, loaded: dict[str, Any]) -> None:
    """Call sentence-transformers' `encode` with its defaults; the model is loaded once and kept in `loaded`."""
    if "model" not in loaded:
        from sentence_transformers import SentenceTransformer

        with quiet():
            folder = str(encoder.folder)
            loaded["model"] = SentenceTransformer(folder, device="cpu", **OWN_FILES, model_kwargs=SAFE_WEIGHTS)
    loaded["model"].encode(all_texts(battles), show_progress_bar=False)


def boosting(fit_one: Callable[..., Any], data: LearnerData, fit: Fit, params: BoostingParams) -> None:
    """Fit the library on a doubled matrix, once a bag with early stopping, and predict both orders."""
    from sklearn.model_selection import StratifiedGroupKFold

    straight, flipped = data.pairs.values, data.pairs.flip().values
    folds = StratifiedGroupKFold(max(params.bags, 2), shuffle=True, random_state=fit.seed)
    for train, held in folds.split(straight, fit.outcome, fit.group):
        x = np.concatenate([straight[train], flipped[train]])
        y = np.concatenate([fit.outcome[train], np.array(FLIP)[fit.outcome[train]]])
        model = fit_one(x, y, straight[held], fit.outcome[held], params, fit)
        (model(straight) + model(flipped)[:, FLIP]) / 2


def _lightgbm(x: Any, y: Any, held_x: Any, held_y: Any, params: BoostingParams, fit: Fit) -> Any:
    import lightgbm

    settings = {
        "objective": "multiclass",
        "num_class": 3,
        "learning_rate": params.learning_rate,
        "num_leaves": params.num_leaves,
        "max_depth": params.max_depth,
        "min_data_in_leaf": int(2 * params.min_child_samples),
        "bagging_fraction": params.subsample,
        "bagging_freq": 1,
        "feature_fraction": params.colsample_bytree,
        "lambda_l1": params.l1,
        "lambda_l2": params.l2,
        "num_threads": fit.threads,
        "seed": fit.seed,
        "verbosity": -1,
    }
    held = lightgbm.Dataset(held_x, held_y)
    stop = lightgbm.early_stopping(params.early_stopping_rounds, verbose=False)
    data, rounds = lightgbm.Dataset(x, y), params.n_estimators
    return lightgbm.train(settings, data, rounds, valid_sets=[held], callbacks=[stop]).predict


def _xgboost(x: Any, y: Any, held_x: Any, held_y: Any, params: BoostingParams, fit: Fit) -> Any:
    from xgboost import XGBClassifier

    model = XGBClassifier(
        n_estimators=params.n_estimators,
        learning_rate=params.learning_rate,
        max_depth=params.max_depth,
        max_leaves=params.num_leaves,
        grow_policy="lossguide",
        min_child_weight=2 * params.min_child_samples * 4 / 9,
        subsample=params.subsample,
        colsample_bytree=params.colsample_bytree,
        reg_alpha=params.l1,
        reg_lambda=params.l2,
        tree_method="hist",
        early_stopping_rounds=params.early_stopping_rounds,
        n_jobs=fit.threads,
        random_state=fit.seed,
    )
    return model.fit(x, y, eval_set=[(held_x, held_y)], verbose=False).predict_proba


def sparse(data: LearnerData, fit: Fit, params: SparseParams) -> None:
    """Fit TF-IDF on the answers and a logistic regression on both orders of the difference, strength by grid search."""
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_union

    a, b = ([text_of(turns) for turns in data.texts[side]] for side in ("response_a", "response_b"))
    shared: dict[str, Any] = {"sublinear_tf": True, "min_df": params.min_df}
    union = make_union(
        TfidfVectorizer(ngram_range=params.word_ngrams, max_features=params.words, **shared),
        TfidfVectorizer(
            analyzer="char_wb", ngram_range=params.character_ngrams, max_features=params.characters, **shared
        ),
    ).fit([*a, *b])
    difference = union.transform(a) - union.transform(b)
    both = vstack([difference, -difference]).tocsr()
    y = np.concatenate([fit.outcome, np.array(FLIP)[fit.outcome]])
    search = GridSearchCV(
        LogisticRegression(max_iter=300), {"C": list(params.C)}, cv=params.inner_folds, scoring="neg_log_loss"
    )
    search.fit(both, y).predict_proba(difference)


LEARNERS: dict[str, Callable[..., None]] = {
    "lightgbm": partial(boosting, _lightgbm),
    "xgboost": partial(boosting, _xgboost),
    "sparse": sparse,
}
"""The plain way of the learners that have one, by kind."""


def stack(probabilities: Floats, fit: Fit, folds: Sequence[int]) -> None:
    """Cross-fit scikit-learn's logistic regression on the log probabilities, both orders, and fit it on all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    n = len(fit.outcome)
    straight = np.log(np.clip(probabilities, 1e-9, 1)).reshape(n, -1)
    flipped = np.log(np.clip(probabilities[:, :, FLIP], 1e-9, 1)).reshape(n, -1)
    x, y = np.concatenate([straight, flipped]), np.concatenate([fit.outcome, np.array(FLIP)[fit.outcome]])
    split = PredefinedSplit(np.concatenate([folds, folds]))
    model = LogisticRegression(max_iter=1000)
    cross_val_predict(model, x, y, cv=split, method="predict_proba")
    model.fit(x, y)

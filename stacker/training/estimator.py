"""The whole stack as one scikit-learn classifier over a frame of battles."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from features.remote_cache import block_cache
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.files.object_storage import any_folder
from pipelines.terminal.processes import usable_cores
from stacker.evaluate.metrics import most_probable
from stacker.judge.input_texts import battles_of
from stacker.training.params import LearnersParams, Params, parse_params
from stacker.training.train import train

VOCABULARIES: tuple[tuple[Any, Any, Any], ...] = (OUTCOMES, ("A", "B", "tie"), ("model_a", "model_b", "tie"), (0, 1, 2))
"""Ways to write the outcomes A, B and tie; the labels of one fit are of one of them."""


class PreferenceStacker(ClassifierMixin, BaseEstimator):
    """Learns from votes which of two answers a person prefers: level-0 learners under a calibrated level-1 model.

    A battle is a row of a frame with the columns `prompt`, `response_a` and `response_b`, each a str (one turn) or a
    sequence of str; a column of JSON lists, as `pandas.read_csv` reads Kaggle's, is parsed. Other columns are not
    looked at. Labels are those of one of `VOCABULARIES`.

    Parameters
    ----------
    learners : sequence of str or None
        Keys of the section `learners` in params.yaml; None for those that are on there by default.
    transformer : bool
        Whether transformers are fine-tuned too, as the section `transformer` says: hours on a CPU, minutes on a GPU.
    embedding : bool
        Whether the frozen encoder is used; without transformers it takes most of the time.
    encoder : str
        Its Hub name or folder, from this disk; where it is not there, the built-in one is used.
    folds : int
        Folds by prompt for the level-1 model.
    settings : mapping of str to Any, or None
        Other parameters by the dotted keys of params.yaml (`{"learners.lightgbm.n_estimators": 500}`); they go before.
    cache : path, URL or None
        A folder that keeps features of texts and finished fits; None keeps nothing.
    n_jobs : int or None
        Processes for the text features and threads for the learners; None means 1, -1 every core.
    random_state : int
        Seed of everything random.

    Attributes
    ----------
    judge_ : Judge
        The fitted judge; `judge_.save(folder)` keeps it, `judge_.explain(...)` tells why.
    classes_ : (c,) array
        Labels met in `fit`, sorted; A and B are both among them, since the sides are interchangeable.
    n_features_in_, feature_names_in_
        3, and the columns that are read.

    Examples
    --------
    >>> import pandas as pd
    >>> from stacker import PreferenceStacker
    >>> short, long = ["So.", "No, never at all."], ["Long, long ago.", "So"]
    >>> frame = pd.DataFrame({"prompt": ["Why?", "How?"] * 6, "response_a": short * 6, "response_b": long * 6})
    >>> stacker = PreferenceStacker(learners=["linear"], embedding=False, folds=2)
    >>> stacker.fit(frame, ["B", "A"] * 6).predict(frame[:2]).tolist()
    ['B', 'A']
    """

    def __init__(
        self,
        *,
        learners: Sequence[str] | None = None,
        transformer: bool = False,
        embedding: bool = True,
        encoder: str = "distilbert-base-uncased",
        folds: int = 5,
        settings: Mapping[str, Any] | None = None,
        cache: str | Path | None = None,
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.learners = learners
        self.transformer = transformer
        self.embedding = embedding
        self.encoder = encoder
        self.folds = folds
        self.settings = settings
        self.cache = cache
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803  (scikit-learn's names)
        """Fit every learner fold by fold and on all battles, and the level-1 model to the held-out probabilities.

        Parameters
        ----------
        X : DataFrame, n rows
            Battles.
        y : (n,) labels
            What people voted.
        sample_weight : (n,) float or None
            How much each vote counts, at least 0; battles of weight 0 are left out.

        Raises
        ------
        ValueError
            When battles, labels, weights or parameters cannot be used; the sentence says what to do.
        """
        try:
            battles, outcome, weight, self._vocabulary = _checked(X, y, sample_weight)
            params = self._params()
            if len(np.unique(prompt_groups(battles["prompt"]))) < 2:
                many = f"{len(battles)} sample{'' if len(battles) == 1 else 's'}"
                raise UserError(f"X: has {many} of one prompt, so none can be held out; give battles of more prompts.")
            battles = battles.assign(outcome=outcome, weight=weight / weight.mean())
            with tempfile.TemporaryDirectory(prefix="preference-stacker-") as temporary:
                kept = params.run.model_copy(update={"cache": any_folder(self.cache or temporary)})
                params = params.model_copy(update={"run": kept})
                self.judge_ = train(battles, params, {"seed": params.run.seed}).judge
        except UserError as fault:
            raise ValueError(str(fault)) from fault
        seen = sorted({0, 1, *np.unique(outcome).tolist()})
        self.classes_ = np.unique([self._vocabulary[place] for place in seen])
        self.n_features_in_ = len(TEXT_COLUMNS)
        self.feature_names_in_ = np.array(TEXT_COLUMNS, dtype=object)
        return self

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return (n, c) probabilities in the order of `classes_`; without ties among them, those of A and B alone."""
        return self._probabilities(self._battles(X))

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return the (n,) most probable labels.

        Where A and B are alike it is a tie, if ties are among `classes_`, else the answer whose text comes first in
        the alphabet: the label swaps with the sides.
        """
        battles = self._battles(X)
        found = self._probabilities(battles)
        names = self.classes_.tolist()
        order = np.array([names.index(label) for label in self._vocabulary if label in names])
        if len(order) == len(OUTCOMES):
            return self.classes_[order[most_probable(found[:, order])]]
        a, b = found[:, order].T
        first = (battles["response_a"] <= battles["response_b"]).to_numpy(dtype=bool)
        return self.classes_[order[np.where((a > b) | ((a == b) & first), 0, 1)]]

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: rows of texts, no numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = False
        tags.target_tags.required = True
        return tags

    def _battles(self, X: Any) -> pd.DataFrame:  # noqa: N803
        check_is_fitted(self, "judge_")
        try:
            return battles_of(_frame(X))
        except UserError as fault:
            raise ValueError(str(fault)) from fault

    def _probabilities(self, battles: pd.DataFrame) -> Floats:
        cache = None if self.cache is None else block_cache(any_folder(self.cache) / "blocks")
        probabilities = self.judge_.predict_proba(battles, cache=cache, threads=self._threads())
        if cache is not None:
            cache.close()
        names = list(self._vocabulary)
        found = probabilities[:, [names.index(label) for label in self.classes_.tolist()]]
        return found if len(self.classes_) == 3 else found / (found[:, :1] + found[:, 1:])

    def _threads(self) -> int:
        return usable_cores() if self.n_jobs == -1 else max(self.n_jobs or 1, 1)

    def _params(self) -> Params:
        content: dict[str, Any] = {
            "features": {"embedding": self.embedding},
            "encoder": {"model": self.encoder},
            "transformer": {"enabled": self.transformer},
            "folds": {"count": self.folds},
            "run": {"seed": self.random_state, "threads": self._threads()},
        }
        if self.learners is not None:
            names = [name for name, field in LearnersParams.model_fields.items() if hasattr(field.default, "enabled")]
            unknown = [name for name in self.learners if name not in names]
            if unknown or not (self.learners or self.transformer):
                raise UserError(f"learners: holds {unknown[:1] or 'nothing'}; choose among {', '.join(names)}.")
            content["learners"] = {name: {"enabled": name in self.learners} for name in names}
        for key, value in (self.settings or {}).items():
            *sections, last = key.split(".")
            place = content
            for section in sections:
                place = place.setdefault(section, {})
            place[last] = value
        return parse_params(content, "settings")


def _checked(battles: Any, labels: Any, weights: Any) -> tuple[pd.DataFrame, Ints, Floats, tuple[Any, ...]]:
    """Return battles, outcomes and weights without those of weight 0, and the vocabulary of the labels."""
    if labels is None:
        raise UserError("fit requires y to be passed, but the target y is None; give one label for each battle.")
    frame = battles_of(_frame(battles))
    votes = column_or_1d(labels, warn=True)
    assert_all_finite(votes, input_name="y")
    check_classification_targets(votes)
    weight = np.ones(len(frame)) if weights is None else np.asarray(weights, dtype=np.float64)
    for name, values in (("y", votes), ("sample_weight", weight)):
        if values.shape != (len(frame),):
            raise UserError(f"{name}: has the shape {values.shape}, X has {len(frame)} rows; give one value a row.")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise UserError("sample_weight: holds a value that is negative or no number; give weights of at least 0.")
    if not weight.any():
        raise UserError("sample_weight: every weight is zero; give at least some votes a weight above 0.")
    vocabulary = _vocabulary(votes)
    outcome = np.array([vocabulary.index(vote) for vote in votes.tolist()], dtype=np.int64)
    counts = weight > 0
    return frame[counts].reset_index(drop=True), outcome[counts], weight[counts], vocabulary


def _frame(battles: Any) -> Any:
    """Give an (n, 3) array its column names; what is anything else stays as it is."""
    if isinstance(battles, np.ndarray) and battles.ndim == 2 and battles.shape[1] == len(TEXT_COLUMNS):
        return pd.DataFrame(battles.astype(object), columns=list(TEXT_COLUMNS))
    return battles


def _vocabulary(votes: np.ndarray) -> tuple[Any, ...]:
    met = set(votes.tolist())
    for vocabulary in VOCABULARIES:
        if all(vote in vocabulary and not isinstance(vote, bool) for vote in met):  # True equals 1
            if vocabulary[0] == 0 and 0 not in met:
                raise UserError(
                    f"y: holds the numbers {', '.join(str(int(vote)) for vote in sorted(met))} and no 0, and 0 means "
                    f"that A wins, 1 that B wins, 2 a tie; write these numbers, or the labels A, B and tie."
                )
            return vocabulary
    strange = sorted(map(repr, met))[0]
    spelled = "; ".join(", ".join(map(str, vocabulary)) for vocabulary in VOCABULARIES)
    raise UserError(f"y: holds labels such as {strange}; write the outcomes in one of these ways: {spelled}.")

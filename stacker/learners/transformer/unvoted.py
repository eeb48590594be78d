"""Battles without a vote that a transformer also learns from (pseudo-labels; Lee, 2013).

In every fit they are labelled anew, by a learner that is fitted to the voted battles of that fit alone, so that a label
holds nothing of the battles that the fit is held out from. Their prompts are none of the run's.
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.build import FeatureParams, build_features
from features.cache import BlockCache
from features.remote_cache import block_cache
from pipelines.battles.arrays import Floats
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.files.object_storage import AnyFolder
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.linear.linear import LinearLearner, LinearParams
from stacker.learners.soft_votes import SoftVotes
from stacker.learners.transformer.params import UnvotedParams
from stacker.learners.trees.boosting import LightGBMParams
from stacker.learners.trees.lightgbm_trees import LightGBMLearner

SEEN = FeatureParams(embedding=False)
"""What the labelling learner sees: the text features of the default."""


@dataclass(frozen=True)
class Unvoted:
    """Battles without a vote, and the rule by which they are labelled.

    Attributes
    ----------
    texts : DataFrame, m rows
        Columns `prompt`, `response_a`, `response_b`: tuples of turns.
    cache : Path, RemoteFolder or None
        Where text features are kept, as `run.cache`/blocks.
    """

    texts: pd.DataFrame
    params: UnvotedParams
    cache: AnyFolder | None = None

    @property
    def identity(self) -> str:
        """What a fit depends on: the rule, and the texts."""
        digest = hashlib.sha256(self.params.model_dump_json(exclude={"source"}).encode())
        for row in zip(*(self.texts[name] for name in TEXT_COLUMNS), strict=True):
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
        return f"unvoted {digest.hexdigest()}"

    def joined(self, data: LearnerData, fit: Fit) -> tuple[LearnerData, Fit]:
        """Return the battles of a fit with those without a vote that the rule keeps, after them.

        What is returned has texts alone, as a transformer needs no more. The weight of a battle without a vote is a
        part of the mean weight; `SoftVotes.unvoted` tells which these are.
        """
        labels = self._labels(data, fit)
        rows = chosen(labels, self.params)
        n, m = len(data), len(rows)
        texts = pd.concat([data.texts[list(TEXT_COLUMNS)], self.texts.iloc[rows]], ignore_index=True)
        known = fit.soft or SoftVotes(np.eye(3)[fit.outcome], fit.weight, np.full((n, 3), np.nan))
        mean = float(fit.weight.mean())
        weight = np.concatenate([fit.weight, np.full(m, self.params.weight * mean)])
        offset = None if known.tie_offset is None else np.concatenate([known.tie_offset, np.zeros(m)])
        soft = replace(
            known,
            shares=np.concatenate([known.shares, labels[rows]]),
            weight=np.concatenate([known.weight, np.full(m, self.params.weight * float(known.weight.mean()))]),
            teacher=np.concatenate([known.teacher, np.full((m, 3), np.nan)]),
            tie_offset=offset,
            unvoted=np.arange(n + m) >= n,
        )
        groups = prompt_groups(self.texts["prompt"])[rows] + int(fit.group.max(initial=-1)) + 1
        whole = replace(
            fit,
            outcome=np.concatenate([fit.outcome, labels[rows].argmax(axis=1)]),
            weight=weight,
            group=np.concatenate([fit.group, groups]),
            soft=soft,
        )
        return replace(data, texts=texts), whole

    def _labels(self, data: LearnerData, fit: Fit) -> Floats:
        """Return (m, 3) probabilities by a learner that is fitted to the battles of a fit."""
        cache = None if self.cache is None else block_cache(self.cache)
        try:
            voted, others = (self._seen(texts, cache, fit) for texts in (data.texts, self.texts))
        finally:
            if cache is not None:
                cache.close()
        plain = replace(fit, soft=None, workdir=None)
        if self.params.by == "linear":
            return LinearLearner(LinearParams()).fit(voted, plain).predict_proba(others)
        return LightGBMLearner(LightGBMParams()).fit(voted, plain).predict_proba(others)

    def _seen(self, texts: pd.DataFrame, cache: BlockCache | None, fit: Fit) -> LearnerData:
        return LearnerData(texts, build_features(texts, SEEN, cache=cache, threads=max(fit.threads, 1)).pairs, None)


def chosen(labels: Floats, params: UnvotedParams) -> np.ndarray:
    """Return the places of the battles that are kept, rising: sure enough, and the surest where there are too many.

    Swapping the sides of a battle changes nothing.
    """
    sure = labels.max(axis=1)
    places = np.flatnonzero(sure >= params.confidence)
    return np.sort(places[np.argsort(-sure[places], kind="stable")[: params.most]])

"""A reward model as a learner: its scores stay as they are; their temperature and how ties go with them are fitted."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field

from features.cache import BlockCache, key_of
from features.remote_cache import block_cache
from pipelines.battles.arrays import Floats
from pipelines.battles.table import text_of
from pipelines.files.object_storage import AnyFolder
from pipelines.files.saved_files import Number, read_model
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.learner_interface import SETTINGS, Fit, LearnerData, LearnerFile, write_settings
from stacker.learners.learner_registry import Configured
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic
from stacker.learners.rewards.reward_params import RewardParams
from stacker.learners.rewards.reward_reader import RewardReader

KIND = "reward"
_STRENGTH = 10.0
"""Inverse penalty of three numbers that hundreds of votes tell: hardly one."""
_AT_ONCE = 64
"""Answers that are scored before they are kept on disk."""


class RewardRecord(LearnerFile):
    """What learner.json of such a learner holds."""

    params: RewardParams
    scale: Annotated[float, Field(gt=0, strict=True)]
    margin: tuple[Number]
    tie: tuple[Number, Number]
    offset: Number


class Scores:
    """Scores of a reward model that are kept for all folds, and on disk where there is a cache."""

    def __init__(
        self, params: RewardParams, cache: BlockCache | None = None, threads: int = 1, progress: Progress = silent
    ) -> None:
        self.reader = RewardReader(params, threads)
        self.cache = cache
        self.progress = progress
        self._kept: dict[bytes, float] = {}

    def of(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
        """Return (n,) scores of n answers."""
        texts = dict(zip(map(key_of, prompts, answers), zip(prompts, answers, strict=True), strict=True))
        missing = [key for key in texts if key not in self._kept]
        if self.cache is not None and missing:
            rows, known = self.cache.get(self.reader, missing)
            self._kept.update({key: float(row[0]) for key, row, has in zip(missing, rows, known, strict=True) if has})
            missing = [key for key in missing if key not in self._kept]
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE]
            self.progress(f"{self.reader.params.name}: answers", start, len(missing))
            rows = self.reader.compute(*zip(*(texts[key] for key in part), strict=True))
            self._kept.update(zip(part, rows[:, 0].astype(float).tolist(), strict=True))
            if self.cache is not None:
                self.cache.put(self.reader, part, rows)
        if missing:
            self.progress(f"{self.reader.params.name}: answers", len(missing), len(missing))
            if self.cache is not None:
                self.cache.close()  # a shared one sends what is new; a later call opens it again
        return np.array([self._kept[key] for key in map(key_of, prompts, answers)], dtype=np.float64)


class RewardLearner:
    """The margin is the difference of two scores by a temperature; the tie log-odds are linear in its size.

    Parameters
    ----------
    scores : Scores
        May be shared by the fits of a run.
    """

    def __init__(self, params: RewardParams, scores: Callable[[], Scores]) -> None:
        self.name = params.name
        self.params = params
        self._open = scores
        self._scores: Scores | None = None

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fit the temperature and how likely a tie is, by how far the scores are apart."""
        gap = self._gap(data)
        self.scale_ = max(float(np.sqrt(np.average(gap**2, weights=fit.weight))), 1e-6)
        self.model_ = AntisymmetricLogistic((_STRENGTH,)).fit(
            *self._features(gap), fit.outcome, fit.weight, np.zeros(len(gap), dtype=np.int64)
        )
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; exact under swapping of the sides."""
        return self.model_.predict_proba(*self._features(self._gap(data)))

    def _gap(self, data: LearnerData) -> Floats:
        if self._scores is None:
            self._scores = self._open()
        prompts = [text_of(turns) for turns in data.texts["prompt"]]
        a, b = (
            self._scores.of(prompts, [text_of(turns) for turns in data.texts[side]])
            for side in ("response_a", "response_b")
        )
        return a - b

    def _features(self, gap: Floats) -> tuple[Floats, Floats]:
        odd = (gap / self.scale_)[:, None]
        return odd, np.concatenate([np.abs(odd), np.sqrt(np.abs(odd))], axis=1)

    def save(self, folder: Path) -> None:
        """Write it into an empty folder; the model stays where it is and is known by the hash of its weights."""
        model = self.model_
        write_settings(
            folder,
            {
                "params": self.params.pinned().model_dump(mode="json"),
                "scale": self.scale_,
                "margin": model.margin_.tolist(),
                "tie": model.tie_.tolist(),
                "offset": model.offset_,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; a `UserError` where the model is not there or has other weights."""
        record = read_model(folder / SETTINGS, RewardRecord)
        scores = Scores(record.params)
        found = cls(record.params, lambda: scores)
        found.scale_ = record.scale
        found.model_ = AntisymmetricLogistic((_STRENGTH,))
        found.model_.margin_, found.model_.tie_ = np.array(record.margin), np.array(record.tie)
        found.model_.offset_ = record.offset
        return found


def configured_rewards(
    params: Sequence[RewardParams], cache: AnyFolder | None = None, threads: int = 1, progress: Progress = silent
) -> list[Configured]:
    """Return the switched-on reward models as learners; each scores an answer once for all folds.

    Raises
    ------
    UserError
        When a folder holds no model.
    """
    return [_configured(each, cache, threads, progress) for each in params if each.enabled]


def _configured(params: RewardParams, cache: AnyFolder | None, threads: int, progress: Progress) -> Configured:
    scores = Scores(params, None if cache is None else block_cache(cache), threads, progress)
    pinned = scores.reader.params
    identity = f"{pinned.model_dump_json(exclude={'name', 'model'})} {scores.reader.version}"
    return Configured(params.name, KIND, identity, lambda: RewardLearner(pinned, lambda: scores))

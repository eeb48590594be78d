"""A worker of a study on a node of a cluster: it has what travelled there, the study's database, and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.build import FeatureParams
from features.cache import BlockCache
from features.encoder.choice import ResolvedEncoder
from features.encoder.embedding import EmbeddingBlock, Encoder
from features.encoder.travelling_model import TravellingModel
from pipelines.battles.arrays import Ints
from pipelines.models.model_files import BUILTIN
from pipelines.terminal.cluster.tasks import Shared
from stacker.learners.learner_interface import Fit
from stacker.study.nested import Outer
from stacker.study.objective import CrossFitted, Report
from stacker.study.space import read_space
from stacker.study.storage import open_storage
from stacker.study.study_log import About, StudyLog, work
from stacker.study.tuning import Job
from stacker.training.cross_fitting import FitStore
from stacker.training.data_set import Prepared, prepare
from stacker.training.params import Params, parse_params
from stacker.training.spread_fits import TravellingData

CACHE = Path("cache")
"""A worker's `run.cache`, in the folder of the job's code."""
Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class StudyParts:
    """What a worker needs.

    Attributes
    ----------
    params : Params
        As the command has them; `run.threads` is that of a worker.
    battles : Shared of DataFrame
        In their canonical order.
    models : mapping of str to TravellingModel
        Every model that a point may name, by that name.
    data, fit, folds, prints, encoder
        What was prepared by the encoder that is not tuned.
    studies : sequence of (About, Outer or None)
        The studies in their order.
    """

    params: Params
    widest: FeatureParams
    battles: Shared[pd.DataFrame]
    models: Mapping[str, TravellingModel]
    data: TravellingData
    fit: Shared[Fit]
    folds: Shared[Ints]
    prints: Shared[Sequence[str]]
    encoder: ResolvedEncoder | None
    studies: Sequence[tuple[About, Outer | None]]


@dataclass(frozen=True)
class Step:
    """What a worker did when it was asked for a trial: whether there was one, and the fits that it did."""

    some: bool
    fits: Mapping[str, Arrays] = field(default_factory=dict)


class NotedFits(FitStore):
    """A store on a node that remembers which fits are new."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.new: dict[str, Arrays] = {}

    def keep_arrays(self, key: str, arrays: Arrays) -> None:
        """Keep arrays under a key, and remember them."""
        super().keep_arrays(key, arrays)
        self.new[key] = dict(arrays)


class StudyWorker:
    """A worker on a node."""

    def __init__(self, parts: StudyParts) -> None:
        self._parts = parts
        self._store = NotedFits(CACHE / "fits")
        self._names = {name: _name_here(model) for name, model in parts.models.items()}
        params, study = self._moved(parts.params), parts.params.study
        self._base = params.encoder
        self._space = read_space(parts.params, study.space, study.sampler == "grid")
        whole = CrossFitted(self._prepared, parts.widest, study.target)
        storage, self._lock = open_storage(study.storage, CACHE, study.name)
        self._jobs = [self._job(whole, storage, about, outer) for about, outer in parts.studies]

    def name(self) -> str:
        """Return what the studies call this worker."""
        return self._lock.worker

    def trial(self, others: Mapping[str, Arrays]) -> Step:
        """Do the next trial of the first study that has one.

        Parameters
        ----------
        others : mapping
            Fits that other workers did since this one was asked last.
        """
        for key, arrays in others.items():
            FitStore.keep_arrays(self._store, key, arrays)
        ended: list[bool] = []
        for job in self._jobs:
            moved = _Moved(job.objective, self._moved)
            work(job.log, moved, lambda: bool(ended), lambda: ended.append(True))
            if ended:
                break
        new, self._store.new = self._store.new, {}
        return Step(bool(ended), new)

    def _job(self, whole: CrossFitted, storage: Any, about: About, outer: Outer | None) -> Job:
        study = self._parts.params.study
        name = study.name if outer is None else f"{study.name}, outer fold {outer.number + 1}"
        log = StudyLog(storage, self._lock, name, study, self._space, self._parts.params.run.seed)
        # What came with this worker is what the study was compared with.
        return Job(log.open(about, True), whole if outer is None else whole.part(outer.train), outer, about)

    def _prepared(self, params: Params) -> Prepared:
        parts = self._parts
        if params.encoder != self._base:
            found = prepare(params, parts.battles.get())
            return replace(found, store=self._store)
        encoder = None
        if parts.encoder is not None:
            here = parts.models[parts.encoder.wanted].here()
            encoder = Encoder(self._base, here, EmbeddingBlock(here, self._base, params.run.threads))
        battles = parts.battles.get()
        return Prepared(
            battles,
            np.arange(len(battles)),
            parts.fit.get(),
            parts.folds.get(),
            parts.data.whole(),
            parts.prints.get(),
            encoder,
            BlockCache(CACHE / "blocks"),
            self._store,
        )

    def _moved(self, params: Params) -> Params:
        """Return parameters that name models as this node has them."""
        return _renamed(params, self._names, CACHE)


@dataclass(frozen=True)
class _Moved:
    """An objective that is asked for points as they are on the machine of the study."""

    objective: CrossFitted
    moved: Callable[[Params], Params]

    def evaluate(self, params: Params, report: Report) -> dict[str, float] | None:
        return self.objective.evaluate(self.moved(params), report)


def _name_here(model: TravellingModel) -> str:
    here = model.here()
    return BUILTIN if model.weights is None else str(here.folder)


def _renamed(params: Params, names: Mapping[str, str], cache: Path) -> Params:
    content = params.model_dump(mode="json")
    encoder, transformer = content["encoder"], content["transformer"]
    encoder |= {"model": names.get(encoder["model"], encoder["model"]), "fallback": None, "models_dir": "models"}
    transformer["models"] = [
        {**each, "model": names.get(each["model"], each["model"])} if isinstance(each, dict) else names.get(each, each)
        for each in transformer["models"]
    ]
    content["run"] |= {"cache": str(cache), "cluster": None}
    return parse_params(content)

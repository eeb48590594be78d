"""Fits of learners on the nodes of a cluster: what a run fits one after the other, at once and into the same store.

Nothing else changes: the run then finds every fit on disk, as after a run that was stopped. Each is kept as it comes,
so that the same command resumes. Fits by what only this machine has, such as a server that is asked or a store of
replies, stay here.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from filelock import Timeout

from features.encoder.travelling_model import TravellingModel, travelling_model
from features.pairs import Embeddings, PairMatrix
from pipelines.battles.arrays import Ints
from pipelines.battles.folds import splits
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.terminal.cluster.tasks import Shared, Task, Tasks
from pipelines.terminal.command_line import Progress
from stacker.learners.learner_interface import Fit, LearnerData, SharedWork
from stacker.learners.learner_registry import KINDS, SWITCHED, Configured, configured_learners
from stacker.learners.transformer.chosen import KIND as TRANSFORMER
from stacker.learners.transformer.chosen import TREES_KIND, ChosenTransformer, configured_transformers
from stacker.training.cross_fitting import FitStore, all_battles_key, fit_and_predict, fit_learner, held_out_key
from stacker.training.data_set import Prepared
from stacker.training.params import Params

STAGE = "fits on the cluster"
TRAVELLING = (*SWITCHED, TRANSFORMER, TREES_KIND)
"""Kinds of learners that are fitted from what travels: battles, features, settings and the weights of a model."""
SPARSE = "sparse"
"""A kind whose fits share the counts of terms, so that one process does them all."""
SHARING = ("frozen", "top_k")
"""Tunings of transformers whose fits share the work of the frozen layers, as well."""
COPIES = 4
"""Memory that is declared for a fit, in sizes of the data that it sees: a copy, both orders, and the library's own."""


@dataclass(frozen=True)
class TravellingData:
    """What learners see of n battles, in parts that travel by themselves; learners get those that their kind sees."""

    n: int
    texts: Shared[pd.DataFrame]
    pairs: Shared[PairMatrix]
    embeddings: Shared[Embeddings | None]

    @classmethod
    def sent(cls, tasks: Tasks, data: LearnerData) -> "TravellingData":
        """Put them where tasks find them."""
        return cls(len(data), tasks.share(data.texts), tasks.share(data.pairs), tasks.share(data.embeddings))

    def whole(self) -> LearnerData:
        """Return all of it, as a copy."""
        texts = self.texts.get()
        return LearnerData(texts, deepcopy(self.pairs.get()), deepcopy(self.embeddings.get()), SharedWork(texts))

    def of(self, kind: str) -> LearnerData:
        """Return what a kind of learner sees, as its own copy: what is shared is read-only."""
        sees = KINDS[kind].sees
        nothing = PairMatrix(np.zeros((self.n, 0), np.float32), (), np.zeros(0, np.int64), np.zeros(0, np.float32))
        reads = "texts" in sees
        texts = self.texts.get() if reads else pd.DataFrame({each: [()] * self.n for each in TEXT_COLUMNS})
        return LearnerData(
            texts,
            deepcopy(self.pairs.get()) if "pairs" in sees else nothing,
            deepcopy(self.embeddings.get()) if "embeddings" in sees else None,
            SharedWork(texts) if reads else None,
        )


@dataclass(frozen=True)
class _Recipe:
    """How learners are made where a task runs; `models` are those of the transformers."""

    params: Params
    transformers: tuple[ChosenTransformer, ...]
    models: tuple[TravellingModel, ...]

    def learner(self, name: str, kind: str) -> Configured:
        """Return a learner by its name and kind."""
        params = self.params
        if kind not in (TRANSFORMER, TREES_KIND):
            return next(each for each in configured_learners(params.learners, params.balance) if each.name == name)
        moved = [replace(one, encoder=model.here()) for one, model in zip(self.transformers, self.models, strict=True)]
        trees, lightgbm = params.transformer.trees, params.learners.lightgbm
        own = configured_transformers(moved, trees=trees, lightgbm=lightgbm, balance=params.balance)
        return next(each for each in own if each.name == name)


@dataclass(frozen=True)
class _Wanted:
    """A fit that is not on disk: its key, the battles that it is trained on, and those held out; None for no fold."""

    key: str
    train: Ints
    held: Ints | None


def fit_on_cluster(
    tasks: Tasks,
    params: Params,
    transformers: Sequence[ChosenTransformer],
    learners: Sequence[Configured],
    prepared: Prepared,
    progress: Progress,
) -> float:
    """Fit learners to the battles without each fold and to all of them, as far as the store has not got that.

    Parameters
    ----------
    transformers : sequence of ChosenTransformer
        Those among the learners.
    learners : sequence of Configured
        Of a kind that does not travel, none is fitted here.

    Returns
    -------
    float
        Seconds, 0 where work is not done elsewhere.

    Raises
    ------
    UserError
        When the cluster is gone, or a learner cannot be fitted; what was fitted until then is kept.
    """
    if not tasks.elsewhere:
        return 0.0
    begun = time.perf_counter()
    with ExitStack() as held:
        wanted = {
            learner: [one for one in _missing(learner, prepared) if _taken(held, prepared.store, one.key)]
            for learner in learners
            if learner.kind in TRAVELLING
        }
        groups = list(_groups(wanted, params))
        total, done = sum(len(group) for _, group in groups), 0
        progress(STAGE, 0, total)
        if groups:
            for number, results in tasks.run(_tasks(tasks, groups, params, transformers, prepared)):
                for one, result in zip(groups[number][1], results, strict=True):
                    _keep(prepared.store, one, result)
                    done += 1
                    progress(STAGE, done, total)
    return time.perf_counter() - begun


def _missing(learner: Configured, prepared: Prepared) -> Iterator[_Wanted]:
    fit, prints, store = prepared.fit, prepared.prints, prepared.store
    for train, out in splits(prepared.folds):
        key = held_out_key(learner, fit, train, out, prints, store)
        if store.arrays(key) is None:
            yield _Wanted(key, train, out)
    key = all_battles_key(learner, fit, prints, store)
    if store.learner(learner.kind, key) is None:
        yield _Wanted(key, np.arange(len(prints)), None)


def _taken(held: ExitStack, store: FitStore, key: str) -> bool:
    """Take the lock of a fit; where another command is at it the run waits for that in the end, and not here."""
    try:
        held.enter_context(store.fitting(key, wait=False))
    except Timeout:
        return False
    return True


def _groups(wanted: Mapping[Configured, list[_Wanted]], params: Params) -> Iterator[tuple[Configured, list[_Wanted]]]:
    """Yield the fits that one process does, the longest first, so that none is left alone at the end."""
    frozen = params.transformer.tuning in SHARING
    together = {kind: frozen if kind in (TRANSFORMER, TREES_KIND) else kind == SPARSE for kind in TRAVELLING}
    yield from ((learner, fits) for learner, fits in wanted.items() if fits and together[learner.kind])
    alone = [(learner, one) for learner, fits in wanted.items() if not together[learner.kind] for one in fits]
    yield from ((learner, [one]) for learner, one in sorted(alone, key=lambda pair: -len(pair[1].train)))


def _tasks(
    tasks: Tasks,
    groups: Sequence[tuple[Configured, list[_Wanted]]],
    params: Params,
    transformers: Sequence[ChosenTransformer],
    prepared: Prepared,
) -> Iterator[Task]:
    data, fit = prepared.data, prepared.fit
    kinds = {learner.kind for learner, _ in groups}
    used = tuple(transformers) if kinds & {TRANSFORMER, TREES_KIND} else ()
    models = tuple(travelling_model(tasks, one.encoder, one.params.precision) for one in used)
    recipe, told = tasks.share(_Recipe(params, used, models)), tasks.share(fit)
    parts, bytes_of = TravellingData.sent(tasks, data), bytes_by_part(data)
    for learner, group in groups:
        memory = COPIES * sum(bytes_of[part] for part in KINDS[learner.kind].sees)
        places = [(one.train, one.held) for one in group]
        work = (recipe, (learner.name, learner.kind), parts, told, places)
        gpu = learner.kind in (TRANSFORMER, TREES_KIND) and params.transformer.device != "cpu"
        yield Task(_fitted, work, fit.threads, memory, gpu)


def bytes_by_part(data: LearnerData) -> dict[str, int]:
    """Return how large what learners see is, by the names that kinds of learners give it."""
    texts = (len(turn) for column in TEXT_COLUMNS for turns in data.texts[column] for turn in turns)
    embeddings = 0 if data.embeddings is None else 3 * data.embeddings.a.nbytes
    return {"pairs": data.pairs.values.nbytes, "texts": sum(texts), "embeddings": embeddings}


def _fitted(
    recipe: Shared[_Recipe],
    named: tuple[str, str],
    parts: TravellingData,
    told: Shared[Fit],
    places: Sequence[tuple[Ints, Ints | None]],
) -> list[dict[str, Any]]:
    """Do some fits of one learner, and return for each its arrays, or the files of the saved learner."""
    learner = recipe.get().learner(*named)
    data, fit = parts.of(learner.kind), deepcopy(told.get())
    found = []
    for train, held in places:
        with TemporaryDirectory() as scratch:
            own = fit.take(train, Path(scratch))
            if held is not None:
                found.append(fit_and_predict(learner, data, own, train, held))
                continue
            with TemporaryDirectory() as saved:
                fit_learner(learner, data, own).save(Path(saved))
                files = sorted(path for path in Path(saved).rglob("*") if path.is_file())
                found.append({path.relative_to(saved).as_posix(): path.read_bytes() for path in files})
    return found


def _keep(store: FitStore, one: _Wanted, result: Mapping[str, Any]) -> None:
    if one.held is not None:
        store.keep_arrays(one.key, result)
        return

    def write(part: Path) -> None:
        for name, content in result.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)

    store.keep_folder(one.key, write)

"""A study's workers on the nodes of a cluster: what each needs travels there, and its fits come back.

Every worker asks the study's PostgreSQL database for points and tells it what came of them, as workers of one machine
do. What dies is known from Ray at once: its trial is failed, so that its point is somebody's again, and nothing that
has ended is done twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from optuna.trial import TrialState

from features.encoder.choice import ResolvedEncoder, resolve
from features.encoder.travelling_model import travelling_model
from pipelines.errors import UserError
from pipelines.files.database_urls import database_address
from pipelines.terminal.cluster.tasks import LOCAL, Died, Task, Tasks
from pipelines.terminal.machine import usable_cores
from stacker.study.study_log import STOPPED, StudyLog
from stacker.study.study_worker import Arrays, Step, StudyParts, StudyWorker
from stacker.study.tuning import Tuning
from stacker.training.cross_fitting import FitStore
from stacker.training.params import Params
from stacker.training.spread_fits import COPIES, TravellingData, bytes_by_part

POLL_S = 0.5
MOST_IN_VAIN = 3
"""Times that every worker may die before a trial ends."""


def is_spread(params: Params) -> bool:
    """Tell whether a study's trials are done on the nodes of a cluster.

    One worker without a database that nodes can reach is this process, as it is without a cluster.

    Raises
    ------
    UserError
        When several workers are wanted there that could not share the study, or a learner needs this machine.
    """
    cluster, storage = params.run.cluster, params.study.storage
    if cluster in (None, LOCAL):
        return False
    shared = storage is not None and database_address(storage, "study.storage").get_backend_name() == "postgresql"
    if not shared and params.study.workers == 1:
        return False
    if not shared:
        raise UserError(
            f"run.cluster {cluster}: workers on its nodes share a study by PostgreSQL alone; set study.storage to "
            "postgresql://USER@HOST/DATABASE, or study.workers to 1 for trials on this machine."
        )
    for section in ("outside", "judges", "rewards"):
        here = [each.name for each in getattr(params.learners, section) if each.enabled]
        if here:
            raise UserError(
                f"run.cluster {cluster}: the learner {here[0]} asks files, servers or models that this machine alone "
                "has; switch it off for the study, or set run.cluster to local."
            )
    return True


def tune_on_cluster(tuning: Tuning, tasks: Tasks, look: Callable[[], None], stop: Callable[[], bool]) -> None:
    """Have workers on the nodes of a cluster do the trials that are missing.

    Parameters
    ----------
    look : callable
        Called again and again, to say what is new.
    stop : callable
        Whether to begin no further trial.

    Raises
    ------
    UserError
        When the cluster is gone, a worker cannot go on, or workers die again and again; what has ended is kept.
    """
    count = tuning.params.study.workers
    prepared = tuning.whole.prepared(tuning.params)
    threads = tuning.params.run.threads or max(usable_cores() // count, 1)
    memory = COPIES * sum(bytes_by_part(prepared.data).values())
    parts = _parts(tuning, tasks, threads)
    with closing(tasks.workers(Task(StudyWorker, (parts,), threads, memory), count)) as workers:
        team = _Team(count, [job.log for job in tuning.jobs], prepared.store)
        try:
            while team.at_work(stop()):
                for number, method, arguments in team.orders():
                    workers.begin(number, method, *arguments)
                for number, came in workers.ended(POLL_S):
                    team.hear(number, came)
                look()
        finally:
            workers.close()
            team.leave()


class _Team:
    """Which worker is at what, and the fits that they did."""

    def __init__(self, count: int, logs: Sequence[StudyLog], store: FitStore) -> None:
        self._count = count
        self._logs = logs
        self._store = store
        self._ready, self._busy, self._resting = set(range(count)), set[int](), set[int]()
        self._names: dict[int, str] = {}
        self._fits: list[tuple[str, Arrays]] = []
        self._told = dict.fromkeys(range(count), 0)
        self._in_vain = 0
        self._looked = time.monotonic()

    def at_work(self, stopped: bool) -> bool:
        """Return whether something may still come.

        A worker that found nothing to do gets something where another has died since; one for which there never was
        room on the cluster is not waited for.
        """
        if stopped:
            self._resting |= self._ready
            self._ready.clear()
        if self._resting and time.monotonic() - self._looked > POLL_S:
            self._looked = time.monotonic()
            more = not stopped and any(log.unfinished() for log in self._logs)
            if more:
                self._ready |= self._resting
                self._resting.clear()
            elif not any(log.count(TrialState.RUNNING) for log in self._logs):
                return False
        return bool(self._ready or self._busy)

    def orders(self) -> Iterator[tuple[int, str, tuple[Any, ...]]]:
        """Yield what workers that wait are told: their number, a method and its arguments."""
        for number in sorted(self._ready):
            self._busy.add(number)
            if number not in self._names:
                yield number, "name", ()
            else:
                first, self._told[number] = self._told[number], len(self._fits)
                yield number, "trial", (dict(self._fits[first:]),)
        self._ready.clear()

    def hear(self, number: int, came: str | Step | Died) -> None:
        """Take in what came of an order."""
        self._busy.discard(number)
        (self._resting if isinstance(came, Step) and not came.some else self._ready).add(number)
        if isinstance(came, Died):
            self._bury(number, came)
        elif isinstance(came, str):
            self._names[number] = came
        else:
            self._in_vain = 0 if came.some else self._in_vain
            self._keep(came.fits)

    def leave(self) -> None:
        """Fail the trials that workers are at, which have ended."""
        for name in self._names.values():
            for log in self._logs:
                log.fail_trials_of(name, STOPPED)

    def _bury(self, number: int, came: Died) -> None:
        if number in self._names:
            name = self._names.pop(number)
            for log in self._logs:
                log.fail_trials_of(name)
        self._told[number] = 0
        self._in_vain += 1
        if self._in_vain == MOST_IN_VAIN * self._count:
            raise UserError(
                f"study.workers {self._count}: processes on the nodes died {self._in_vain} times before a trial ended "
                f"({came.why}), perhaps for want of memory; use fewer workers or larger nodes."
            )

    def _keep(self, fits: Mapping[str, Arrays]) -> None:
        for key, arrays in fits.items():
            if self._store.arrays(key) is None:
                self._store.keep_arrays(key, arrays)
            self._fits.append((key, arrays))


def _parts(tuning: Tuning, tasks: Tasks, threads: int) -> StudyParts:
    params, prepared = tuning.params, tuning.whole.prepared(tuning.params)
    return StudyParts(
        params.model_copy(update={"run": params.run.model_copy(update={"threads": threads})}),
        tuning.whole.widest,
        tasks.share(prepared.battles),
        {name: travelling_model(tasks, found, "auto") for name, found in _models(tuning)},
        TravellingData.sent(tasks, prepared.data),
        tasks.share(replace(prepared.fit, threads=threads)),
        tasks.share(prepared.folds),
        tasks.share(prepared.prints),
        None if prepared.encoder is None else prepared.encoder.resolved,
        [(job.about, job.outer) for job in tuning.jobs],
    )


def _models(tuning: Tuning) -> Iterator[tuple[str, ResolvedEncoder]]:
    """Yield every model that a point of the studies may name, by that name, as it is found on this disk."""
    params, seen = tuning.params, set()
    listed: list[Any] = [params.encoder.model] if tuning.whole.widest.embedding else []
    for name, value in [("transformer.enabled", params.transformer.enabled), *tuning.space.choices()]:
        if name == "encoder.model":
            listed.append(value)
        if name == "transformer.models" or (name == "transformer.enabled" and value):
            listed += params.transformer.models if name == "transformer.enabled" else value
    for each in listed:
        model = each["model"] if isinstance(each, dict) else each
        if model not in seen:
            seen.add(model)
            yield model, resolve(model, params.encoder.fallback, params.encoder.models_dir)

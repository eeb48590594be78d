"""Pieces of work on the nodes of a Ray cluster. This file and `ray_workers` alone know Ray (extra `ray`).

Ray does again what a dying process or node had begun. What it cannot do, because the head or this process died, the
same command does: whoever gives tasks keeps each result on disk as it comes.

Tasks and not Ray Data (2.60), which cannot execute from a client of "ray://", and puts a table from memory into the
object store whole; stacker/README.md says more.

This project's code travels with the job (`shipped_code`), so that a node needs its dependencies and nothing else. The
threads of OpenMP and BLAS are set as they are in this process: sums over other numbers of threads differ in their last
bits, and a tree turns a last bit into another leaf.
"""

import atexit
import hashlib
import logging
import os
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import ray
from ray import exceptions
from ray._private.services import find_gcs_addresses

from pipelines.errors import AbruptEndError, UserError, shown
from pipelines.files.atomic_files import atomic_folder, sha256_of
from pipelines.terminal.cluster.ray_nodes import LOOK_S, Nodes, bound_to, say_nothing
from pipelines.terminal.cluster.ray_workers import RayWorkers
from pipelines.terminal.cluster.shipped_code import shipped_code
from pipelines.terminal.cluster.tasks import CLIENT, Shared, Task, Tasks, Workers
from pipelines.terminal.machine import usable_cores

T = TypeVar("T")

MOST_TRIES = 10
"""Times that a task is begun again when its process or its node dies."""
PATIENCE_S = 10.0
"""Seconds without an answer after which the head is taken for dead; Ray itself ends this process after a minute."""
RECEIVED = "received"
"""Folder of a node's copies of folders."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY")
_ALSO = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
_LOST = (ConnectionError, exceptions.RaySystemError, exceptions.LocalRayletDiedError, exceptions.RpcError)
_DIED = (exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.OutOfMemoryError)


@dataclass(frozen=True)
class _InStore(Shared[T]):
    """A value in the object store; a node that asks for it first copies it."""

    value: Any  # its reference

    def get(self) -> T:
        """Return the value, its arrays read-only."""
        found: T = ray.get(self.value)
        return found


@dataclass(frozen=True)
class _FolderInStore(Shared[Path]):
    """A folder in the object store, by the paths and bytes of its files."""

    value: Any
    name: str

    def get(self) -> Path:
        """Return this node's copy, in the folder of the job's code, which Ray removes some time after the job."""
        copy = Path.cwd() / RECEIVED / self.name
        if not copy.is_dir():
            with atomic_folder(copy, keep=True) as part:
                for path, content in ray.get(self.value).items():
                    (part / path).parent.mkdir(parents=True, exist_ok=True)
                    (part / path).write_bytes(content)
        return copy


def _do(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return work(*arguments)


def connect(address: str) -> "RayTasks":
    """Connect this process to a cluster, as `pipelines.terminal.cluster.tasks.tasks_at` says."""
    return RayTasks(address)


class RayTasks(Tasks):
    """Does pieces of work by Ray's tasks.

    Parameters
    ----------
    address : str
        "auto", or "ray://HOST:PORT".

    Raises
    ------
    UserError
        When there is no such cluster, or it refuses this process.
    """

    elsewhere = True

    def __init__(self, address: str) -> None:
        bound = bound_to(address, find_gcs_addresses)
        self.address = address if bound == address else f"{address} ({bound})"
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        own = {name: os.environ[name] for name in _THREADS if name in os.environ}
        settings = {"OMP_NUM_THREADS": str(usable_cores()), **own, **_ALSO}
        # Of the client: that it waits, which the sentence below says, and that texts are more than 10 MB.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.util\.client")
        hook = sys.excepthook  # Ray's waits for a head that may be dead
        with shipped_code() as folder:
            environment = {"working_dir": str(folder), "env_vars": settings}
            try:
                ray.init(bound, runtime_env=environment, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as fault:  # each of its layers has its own; all of them mean that it is not reached
                raise UserError(
                    f"run.cluster {self.address}: cannot be used ({_first_line(fault)}); check that its head is up, "
                    "that RAY_AUTH_TOKEN is its token, and that Ray and Python have its versions."
                ) from fault
            finally:
                sys.excepthook = hook
        say_nothing()
        self._lost = False
        self._note: Callable[[str], None] = lambda _: None
        self._head = None if bound.startswith(CLIENT) else str(ray.get_runtime_context().gcs_address)
        self._silent_since: float | None = None
        self._folders: dict[Path, _FolderInStore] = {}
        self._nodes = Nodes(lambda: list(self.reached(ray.nodes)))
        if not self._nodes.cores:
            raise UserError(
                f"run.cluster {self.address}: none of its {len(self._nodes)} nodes has a CPU for tasks; add one."
            )

    def announce(self, note: Callable[[str], None]) -> None:
        """Say the address, the nodes and their cores, and from now on each node that is lost."""
        self._note = note
        nodes = f"{len(self._nodes)} nodes" if len(self._nodes) != 1 else "1 node"
        note(f"Cluster: {self.address}, {nodes}, {self._nodes.cores} cores.")

    def share(self, value: T) -> Shared[T]:
        """Put a value into the object store."""
        return _InStore(self.reached(ray.put, value))

    def share_folder(self, folder: Path) -> Shared[Path]:
        """Put the files of a folder into the object store, once for all that ask for it."""
        if folder not in self._folders:
            files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
            digest = hashlib.sha256()
            for name, path in files.items():
                digest.update(f"{name} {sha256_of(path)}\n".encode())
            content = {name: path.read_bytes() for name, path in files.items()}
            reference = self.reached(ray.put, content)
            self._folders[folder] = _FolderInStore(reference, digest.hexdigest()[:32])
        return self._folders[folder]

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Any]]:
        """Yield each task's number and result as they come, with some more tasks waiting than there are cores."""
        waiting = enumerate(tasks)
        pending: dict[Any, int] = {}
        drawn = False
        try:
            while pending or not drawn:
                while not drawn and len(pending) < 2 * self._nodes.cores + 2:
                    number, task = next(waiting, (-1, None))
                    drawn = task is None
                    if task is not None:
                        pending[self.reached(self._begun, task)] = number
                self.look_at_nodes()
                for reference in self._ready(list(pending)):
                    result = self.reached(ray.get, reference)
                    yield pending.pop(reference), result
        finally:
            for reference in () if self._lost else pending:  # nobody waits for them any more
                with suppress(Exception):
                    ray.cancel(reference, force=True)

    def workers(self, made: Task, count: int) -> Workers:
        """Return actors that each hold what a task returns."""
        return RayWorkers(self, made, self._needs(made))

    def close(self) -> None:
        """End the connection."""
        if not self._lost:
            ray.shutdown()

    def _begun(self, task: Task) -> Any:
        options = {"max_retries": MOST_TRIES, **self._needs(task)}
        return ray.remote(**options)(_do).remote(task.work, task.arguments)

    def _needs(self, task: Task) -> dict[str, Any]:
        """Return cores and memory as Ray takes them; more than any node has would wait for a node that never comes."""
        found: dict[str, Any] = {
            "num_cpus": min(max(task.threads, 1), self._nodes.most_cores),
            "scheduling_strategy": "SPREAD",
        }
        # Where they ask for none, all tasks of a node would take its first GPU.
        found |= {"num_gpus": 1} if task.gpu and self._nodes.has_gpu else {}
        return found | ({"memory": min(task.memory, self._nodes.most_memory)} if task.memory else {})

    @property
    def lost(self) -> bool:
        """Whether the cluster is gone."""
        return self._lost

    def _ready(self, references: list[Any]) -> list[Any]:
        """Return those that are done, at least one, unless there is none to wait for."""
        while references:
            done, _ = self.reached(ray.wait, references, timeout=LOOK_S)
            if done:
                return list(done)
            self.look()
        return []

    def reached(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Return what a call of Ray returns; what it raises becomes what the task raised, or a `UserError`."""
        try:
            return self._answered(call, arguments, more)
        except UserError:
            raise
        except Exception as fault:
            explained = self._explained(fault)
            if explained is fault:
                raise
            raise explained from fault

    def _explained(self, fault: Exception) -> Exception:
        """Return what a fault of a call means: the task's own, or a sentence."""
        where, said = f"run.cluster {self.address}", _first_line(fault)
        if isinstance(fault, _LOST) or (self._head is not None and not _answers(self._head)):
            return self._gone(said)
        if isinstance(fault, exceptions.RayTaskError):
            return fault.cause if isinstance(fault.cause, UserError) else fault
        if isinstance(fault, _DIED):
            return UserError(
                f"{where}: a piece of work ended its process {MOST_TRIES + 1} times ({said}), perhaps for want of "
                "memory; give the nodes more, or fewer CPUs. What is done is kept."
            )
        if isinstance(fault, exceptions.RuntimeEnvSetupError):
            return UserError(
                f"{where}: a node cannot set up this project's code ({said}); look into its disk and Ray's logs."
            )
        return fault

    def _answered(self, call: Callable[..., Any], arguments: tuple[Any, ...], more: Mapping[str, Any]) -> Any:
        """Return what a call returns, unless the head dies meanwhile.

        In a thread of its own: where the head is dead, calls wait for it inside Ray, whatever timeout they are given,
        until Ray ends this process a minute later without a word to its user.
        """
        if self._head is None:  # Ray's client raises by itself
            return call(*arguments, **more)
        found: Future[Any] = Future()

        def answer() -> None:
            try:
                found.set_result(call(*arguments, **more))
            except BaseException as fault:
                found.set_exception(fault)

        Thread(target=answer, daemon=True, name="ray").start()
        while True:
            try:
                return found.result(2 * LOOK_S)
            except FutureTimeout:
                if found.done():
                    raise
            self.look()

    def look_at_nodes(self, now: bool = False) -> None:
        """Say which nodes are lost since this was called, if that is some time ago."""
        for sentence in self._nodes.look(now):
            self._note(sentence)

    def look(self) -> None:
        """Look whether the head is there, and raise what says that it is gone when it has not been for a while."""
        if self._head is None or _answers(self._head):
            self._silent_since = None
            return
        self._silent_since = self._silent_since or time.monotonic()
        if time.monotonic() - self._silent_since > PATIENCE_S:
            raise self._gone(f"{self._head} does not answer")

    def _gone(self, why: str) -> AbruptEndError:
        self._lost = True
        atexit.unregister(ray.shutdown)  # it would wait for the dead
        return AbruptEndError(
            f"run.cluster {self.address}: the cluster is gone ({why}); start it and run the same command again, what "
            "is done is kept."
        )


def _answers(head: str) -> bool:
    """Tell whether the head's port takes connections."""
    host, _, port = head.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=LOOK_S):
            return True
    except OSError:
        return False


def _first_line(fault: BaseException) -> str:
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    told = [line for line in lines if not line.endswith(":")][-1:] if lines and lines[0].endswith(":") else lines[:1]
    return shown(told[0] if told else type(fault).__name__, 200).rstrip(".")

"""Pieces of work that need nothing from each other: done one by one here, or at once on the nodes of a cluster.

Whoever has work to spread sees this file alone; `ray_tasks` and `ray_workers` alone know Ray, and nothing loads it
unless a cluster is named. A piece of work is an importable function with its arguments. It gets whatever it needs by
its arguments: another node has neither the files nor the working directory of this one.
"""

import atexit
from abc import ABC, abstractmethod
from argparse import ArgumentParser, ArgumentTypeError
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import AfterValidator

from pipelines.errors import UserError

T = TypeVar("T")

LOCAL, AUTO, CLIENT = "local", "auto", "ray://"
"""This machine alone; the cluster that this machine is a node of; the beginning of the address of any other."""
# Named like this so that hashes of code, which follow imports, stay the same whether or not Ray is installed: where
# work is done makes no difference to what it gives.
_RAY = "pipelines.terminal.cluster." + "ray_tasks"


@dataclass(frozen=True)
class Task:
    """A piece of work.

    Attributes
    ----------
    work : callable
        A function of a module of this project.
    arguments : tuple
        What it is called with; values that many tasks need are shared once, by `Tasks.share`.
    threads : int
        Cores that it keeps busy.
    memory : int
        Bytes that it needs besides; 0 where it is little.
    gpu : bool
        Whether it has a GPU to itself, where the cluster has any.
    """

    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    threads: int = 1
    memory: int = 0
    gpu: bool = False


@dataclass(frozen=True)
class Shared(Generic[T]):
    """A value that many tasks need; where they run, `get` returns it."""

    value: T

    def get(self) -> T:
        """Return the value. It must not be changed, as other tasks get the same one."""
        return self.value


@dataclass(frozen=True)
class Died:
    """What comes of a call whose process died before it answered; `why` is half a sentence."""

    why: str


class Workers(ABC):
    """Processes that each hold an object, made once, and do what they are told one thing after the other.

    Unlike a task, a call is not begun again where its process dies: only who gave it knows what it had done by then.
    """

    @abstractmethod
    def begin(self, number: int, method: str, *arguments: Any) -> None:
        """Have a worker call a method of its object; the first call also makes that.

        A worker that died is another process from then on, with an object of its own.
        """

    @abstractmethod
    def ended(self, seconds: float) -> list[tuple[int, Any]]:
        """Wait for calls that have ended, and return the number of each one's worker, and its result or `Died`.

        Raises
        ------
        UserError
            When the cluster is gone, or as the call raised it.
        """

    @abstractmethod
    def close(self) -> None:
        """End the processes, whatever they are at."""


class Tasks(ABC):
    """Does pieces of work.

    Attributes
    ----------
    elsewhere : bool
        Whether they are done by other processes, so that it pays to give them many at once.
    """

    elsewhere: bool

    @abstractmethod
    def share(self, value: T) -> Shared[T]:
        """Return a value as arguments may hold it; it is sent to a node once, however many tasks there need it."""

    @abstractmethod
    def share_folder(self, folder: Path) -> Shared[Path]:
        """Return a folder of files, such as a model's, as arguments may hold it; where tasks run it is a copy."""

    @abstractmethod
    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Any]]:
        """Yield each task's number and result as they come; tasks are drawn no faster than they are done.

        What is lost with a process or a node is done again elsewhere.

        Raises
        ------
        UserError
            When the cluster is gone, or a task's processes die again and again.
        """

    def in_order(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """Yield each task's result in the order of the tasks."""
        early: dict[int, Any] = {}
        following = 0
        for number, result in self.run(tasks):
            early[number] = result
            while following in early:
                yield early.pop(following)
                following += 1

    @abstractmethod
    def workers(self, made: Task, count: int) -> Workers:
        """Return processes that each hold what a task returns, with its cores and memory as long as they live.

        One for which there is no room waits for some.
        """

    @abstractmethod
    def close(self) -> None:
        """End the connection to a cluster."""

    @abstractmethod
    def announce(self, note: Callable[[str], None]) -> None:
        """Say where work is done, and from then on what becomes of nodes there; nothing of this machine alone."""


@runtime_checkable
class Spreads(Protocol):
    """What computes rows of texts, and may have others do so."""

    def spread(self, tasks: Tasks) -> Callable[[Sequence[str]], Task] | None:
        """Return what makes of some texts the task that computes their rows; None where only this process can."""


class LocalTasks(Tasks):
    """Does each piece of work in this process, when its result is asked for."""

    elsewhere = False

    def share(self, value: T) -> Shared[T]:
        """Return the value as it is."""
        return Shared(value)

    def share_folder(self, folder: Path) -> Shared[Path]:
        """Return the folder itself."""
        return Shared(folder)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Any]]:
        """Yield each task's number and result in their order."""
        for number, task in enumerate(tasks):
            yield number, task.work(*task.arguments)

    def workers(self, made: Task, count: int) -> Workers:
        """Return objects in this process."""
        return _LocalWorkers(made)

    def close(self) -> None:
        """Do nothing."""

    def announce(self, note: Callable[[str], None]) -> None:
        """Say nothing."""


class _LocalWorkers(Workers):
    """Objects in this process, each of which does what it is told when somebody waits for it."""

    def __init__(self, made: Task) -> None:
        self._made = made
        self._held: dict[int, Any] = {}
        self._told: deque[tuple[int, str, tuple[Any, ...]]] = deque()

    def begin(self, number: int, method: str, *arguments: Any) -> None:
        """Note what to do."""
        self._told.append((number, method, arguments))

    def ended(self, seconds: float) -> list[tuple[int, Any]]:
        """Do what was noted first, and return what came of it."""
        if not self._told:
            return []
        number, method, arguments = self._told.popleft()
        if number not in self._held:
            self._held[number] = self._made.work(*self._made.arguments)
        return [(number, getattr(self._held[number], method)(*arguments))]

    def close(self) -> None:
        """Forget what was not done yet."""
        self._told.clear()


def tasks_at(address: str | None) -> Tasks:
    """Return what does work at an address; a cluster is connected once for the whole process.

    Parameters
    ----------
    address : str or None
        None or "local" is this machine, without Ray; "auto" the cluster that this machine is a node of, or that
        `RAY_ADDRESS` in the environment names; "ray://HOST:PORT" any other, by Ray's client.

    Raises
    ------
    UserError
        When Ray is not installed, there is no such cluster, "auto" may be several, or its token or version is another.
    """
    return LocalTasks() if address in (None, LOCAL) else _connected(str(address))


@cache
def _connected(address: str) -> Tasks:
    if find_spec("ray") is None:
        raise UserError(f'run.cluster {address}: needs the package ray; `pip install -e ".[ray]"` brings it.')
    connected: Tasks = import_module(_RAY).connect(address)
    atexit.register(connected.close)
    return connected


def check_address(value: str | None) -> str | None:
    """Return an address of a cluster; a ValueError where it has no form that `tasks_at` takes."""
    if value is None or value in (LOCAL, AUTO) or (value.startswith(CLIENT) and len(value) > len(CLIENT)):
        return value
    raise ValueError("must be null, local, auto (the cluster that this machine is a node of) or ray://HOST:PORT")


def add_cluster_argument(parser: ArgumentParser) -> None:
    """Give a parser `--cluster ADDRESS`, a str or None."""
    parser.add_argument(
        "--cluster",
        type=_argument,
        metavar="ADDRESS",
        help="have the nodes of a Ray cluster do the work: auto, of the cluster that this machine is a node of, or "
        "ray://HOST:PORT (extra ray)",
    )


def _argument(value: str) -> str | None:
    try:
        return check_address(value)
    except ValueError as fault:
        raise ArgumentTypeError(str(fault)) from fault


ClusterAddress = Annotated[str | None, AfterValidator(check_address)]
"""Where work is done, as params.yaml and commands name it."""

"""A discrete-event simulation of tasks on the nodes of a cluster, with nodes, processes and the driver failing.

It is a simulation and says nothing of Ray's own limits; `real_scheduler` runs the same tasks, asleep, on a real
cluster, and the two are held against each other. The rules are those of `pipelines.terminal.cluster`: tasks go to the
node with most free cores, a lost one is begun again, a result that is done is on object storage and is not lost, and
stages begin when those before them are done.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np

from pipelines.battles.arrays import Floats

DIES_AT = 0.5
"""Part of its length after which a task whose process dies is lost."""


@dataclass(frozen=True)
class Stage:
    """Tasks that need nothing from each other.

    Attributes
    ----------
    seconds : float
        Mean length of one task.
    spread : float
        Standard deviation of the logarithm of a length.
    cores : int
        Cores that a task keeps busy.
    after : tuple of str
        Stages that must be done before.
    """

    name: str
    tasks: int
    seconds: float
    spread: float = 0.0
    cores: int = 1
    after: tuple[str, ...] = ()

    def lengths(self, seed: int) -> Floats:
        """Return (tasks,) lengths in seconds, log-normal with the stage's mean; the same for the same seed."""
        random = np.random.default_rng([seed, *self.name.encode()])
        found: Floats = self.seconds * np.exp(random.normal(-(self.spread**2) / 2, self.spread, self.tasks))
        return found

    def dying(self, seed: int, share: float) -> np.ndarray:
        """Return (tasks,) bool: whose process dies the first time."""
        return np.random.default_rng([seed, 1, *self.name.encode()]).random(self.tasks) < share


@dataclass(frozen=True)
class Cluster:
    """Nodes, and how they fail. Times are in seconds.

    Attributes
    ----------
    between_failures : float
        Mean time between two failures of one node, exponentially distributed; such as spot nodes taken back.
    until_replaced : float
        Until another node is there.
    between_driver_failures, until_resumed : float
        The same of the driver; what runs is lost with it, what is done is not.
    process_deaths : float
        Share of tasks whose process dies once, half way.
    slow_nodes, slowness : float
        Share of nodes on which a task takes so many times as long.
    dispatch : float
        Time of the one scheduler for each task that it begins.
    """

    nodes: int
    cores: int
    between_failures: float = inf
    until_replaced: float = 180.0
    between_driver_failures: float = inf
    until_resumed: float = 300.0
    process_deaths: float = 0.0
    slow_nodes: float = 0.0
    slowness: float = 1.0
    dispatch: float = 0.0


@dataclass
class Outcome:
    """What came of it. `spans` are beginning and end of each stage; `lost_core_seconds` were spent on lost tasks."""

    seconds: float = 0.0
    done: int = 0
    lost: int = 0
    failures: int = 0
    driver_failures: int = 0
    core_seconds: float = 0.0
    lost_core_seconds: float = 0.0
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)

    def busy(self, cluster: Cluster) -> float:
        """Return the share of all cores' time that went into tasks that were done."""
        return self.core_seconds / max(self.seconds * cluster.nodes * cluster.cores, 1e-9)


def simulate(stages: Sequence[Stage], cluster: Cluster, seed: int = 0) -> Outcome:
    """Simulate all stages.

    Raises
    ------
    ValueError
        When a task needs more cores than a node has, or a stage waits for one that is not there.
    """
    return _Run(stages, cluster, seed).run()


@dataclass
class _Node:
    free: int
    speed: float
    epoch: int = 0
    up: bool = True
    running: dict[tuple[int, int], float] = field(default_factory=dict)


class _Run:
    """The state of one simulation; events are (time, number, kind, what)."""

    def __init__(self, stages: Sequence[Stage], cluster: Cluster, seed: int) -> None:
        names = [stage.name for stage in stages]
        for stage in stages:
            if stage.cores > cluster.cores:
                raise ValueError(f"{stage.name}: needs {stage.cores} cores, a node has {cluster.cores}")
            if missing := set(stage.after) - set(names[: names.index(stage.name)]):
                raise ValueError(f"{stage.name}: comes after {', '.join(sorted(missing))}, which is not before it")
        self.stages, self.cluster = stages, cluster
        self.random = np.random.default_rng(seed)
        slow = self.random.random(cluster.nodes) < cluster.slow_nodes
        self.nodes = [_Node(cluster.cores, cluster.slowness if each else 1.0) for each in slow]
        self.lengths = [stage.lengths(seed) for stage in stages]
        self.dies = [stage.dying(seed, cluster.process_deaths) for stage in stages]
        self.left = [stage.tasks for stage in stages]
        self.waiting: dict[int, deque[tuple[int, int]]] = {}
        self.begun: set[int] = set()
        self.out = Outcome()
        self.now = self.scheduler_free = self.driver_back = 0.0
        self.events: list[tuple[float, int, str, tuple[int, ...]]] = []
        self.most: list[tuple[int, int, int]] = []
        self.count = 0

    def run(self) -> Outcome:
        for number in range(len(self.nodes)):
            self._offer(number)
            self._fail_later(number)
        self._driver_fails_later()
        self._begin_stages()
        self._dispatch()
        while any(self.left):
            self.now, _, kind, what = heapq.heappop(self.events)
            getattr(self, f"_on_{kind}")(*what)
            self._dispatch()
        self.out.seconds = self.now
        return self.out

    def _later(self, seconds: float, kind: str, *what: int) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + seconds, self.count, kind, what))

    def _offer(self, number: int) -> None:
        heapq.heappush(self.most, (-self.nodes[number].free, number, self.nodes[number].epoch))

    def _fail_later(self, number: int) -> None:
        if self.cluster.between_failures < inf:
            self._later(self.random.exponential(self.cluster.between_failures), "failure", number)

    def _driver_fails_later(self) -> None:
        if self.cluster.between_driver_failures < inf:
            self._later(self.random.exponential(self.cluster.between_driver_failures), "driver")

    def _begin_stages(self) -> None:
        names = {stage.name: number for number, stage in enumerate(self.stages)}
        for number, stage in enumerate(self.stages):
            if number not in self.begun and not any(self.left[names[each]] for each in stage.after):
                self.begun.add(number)
                self.out.spans[stage.name] = (self.now, self.now)
                line = self.waiting.setdefault(stage.cores, deque())
                line.extend((number, task) for task in range(stage.tasks))

    def _dispatch(self) -> None:
        """Begin tasks as long as a node has room, those that need most cores first."""
        if self.now < self.driver_back:
            return
        for cores in sorted(self.waiting, reverse=True):
            line = self.waiting[cores]
            while line and (number := self._roomiest(cores)) is not None:
                self._begin(number, line.popleft())

    def _roomiest(self, cores: int) -> int | None:
        while self.most:
            free, number, epoch = self.most[0]
            node = self.nodes[number]
            if not node.up or epoch != node.epoch or -free != node.free:
                heapq.heappop(self.most)  # it has changed since
                continue
            return number if node.free >= cores else None
        return None

    def _begin(self, number: int, task: tuple[int, int]) -> None:
        node, (stage, place) = self.nodes[number], task
        node.free -= self.stages[stage].cores
        self._offer(number)
        self.scheduler_free = max(self.scheduler_free, self.now) + self.cluster.dispatch
        begins = self.scheduler_free
        node.running[task] = begins
        length = float(self.lengths[stage][place]) * node.speed
        dies = bool(self.dies[stage][place])
        wait = begins - self.now + length * (DIES_AT if dies else 1.0)
        self._later(wait, "death" if dies else "end", number, node.epoch, stage, place)

    def _on_end(self, number: int, epoch: int, stage: int, place: int) -> None:
        spent = self._freed(number, epoch, stage, place)
        if spent is None:
            return
        self.out.core_seconds += spent
        self.out.done += 1
        self.left[stage] -= 1
        name = self.stages[stage].name
        self.out.spans[name] = (self.out.spans[name][0], self.now)
        if not self.left[stage]:
            self._begin_stages()

    def _on_death(self, number: int, epoch: int, stage: int, place: int) -> None:
        self.dies[stage][place] = False
        spent = self._freed(number, epoch, stage, place)
        if spent is not None:
            self._lose((stage, place), spent)

    def _on_failure(self, number: int) -> None:
        node = self.nodes[number]
        self.out.failures += 1
        self._empty(node)
        node.up = False
        self._later(self.cluster.until_replaced, "replaced", number)

    def _on_replaced(self, number: int) -> None:
        self.nodes[number].up = True
        self._offer(number)
        self._fail_later(number)

    def _on_driver(self) -> None:
        self.out.driver_failures += 1
        self.driver_back = self.now + self.cluster.until_resumed
        for number, node in enumerate(self.nodes):
            self._empty(node)
            self._offer(number)
        self._later(self.cluster.until_resumed, "back")
        self._driver_fails_later()

    def _on_back(self) -> None:
        """Do nothing: what waits is begun after every event."""

    def _empty(self, node: _Node) -> None:
        """Lose all that runs on a node."""
        for task, begun in sorted(node.running.items(), reverse=True):
            self._lose(task, max(self.now - begun, 0.0) * self.stages[task[0]].cores)
        node.running.clear()
        node.epoch += 1
        node.free = self.cluster.cores

    def _lose(self, task: tuple[int, int], core_seconds: float) -> None:
        self.out.lost += 1
        self.out.lost_core_seconds += core_seconds
        self.waiting[self.stages[task[0]].cores].appendleft(task)

    def _freed(self, number: int, epoch: int, stage: int, place: int) -> float | None:
        """Free the cores of a task that ends, and return what it spent; None where its node is another by now."""
        node = self.nodes[number]
        if epoch != node.epoch:
            return None
        cores = self.stages[stage].cores
        node.free += cores
        self._offer(number)
        return (self.now - node.running.pop((stage, place))) * cores

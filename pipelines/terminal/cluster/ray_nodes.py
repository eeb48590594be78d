"""Which Ray cluster is meant, what its nodes have, and which of them are lost, in sentences instead of Ray's lines."""

import os
import time
from collections.abc import Callable, Collection
from typing import Any

from pipelines.errors import UserError, shown
from pipelines.terminal.cluster.tasks import AUTO

LOOK_S = 2.0
"""Seconds after which the nodes, and without a result the head, are looked at again."""

NAMED = "RAY_ADDRESS"
"""Ray's variable of the environment, which says what "auto" is."""


def bound_to(address: str, running: Callable[[], Collection[str]]) -> str:
    """Return the address that an address of `run.cluster` stands for.

    Ray itself takes the cluster that was started last, or any of those that it finds, without a word.

    Parameters
    ----------
    address : str
        "auto", or an address, which is returned as it is.
    running : callable
        Returns the addresses of the heads of all nodes on this machine.

    Raises
    ------
    UserError
        When this machine is a node of several clusters, and `RAY_ADDRESS` names none.
    """
    if address != AUTO:
        return address
    named = os.environ.get(NAMED) or AUTO
    if named != AUTO:
        return named
    found = sorted(running())
    if len(found) > 1:
        raise UserError(
            f"run.cluster {AUTO}: this machine is a node of {len(found)} clusters ({shown(', '.join(found), 200)}); "
            f"say which by {NAMED}=HOST:PORT in the environment."
        )
    return found[0] if found else AUTO  # where there is none Ray says so


class Nodes:
    """The nodes of a cluster that are there.

    Parameters
    ----------
    ask : callable
        Returns what `ray.nodes` does.
    """

    def __init__(self, ask: Callable[[], list[dict[str, Any]]]) -> None:
        self._ask = ask
        self._there: dict[str, dict[str, Any]] = {}
        self._looked = 0.0
        self.look()

    def look(self, now: bool = False) -> list[str]:
        """Look at the nodes, if that is some time ago or `now`, and return a sentence for each that is lost since."""
        if self._there and not now and time.monotonic() - self._looked < LOOK_S:
            return []
        self._looked = time.monotonic()
        there = {node["NodeID"]: node for node in self._ask() if node["Alive"]}
        gone = [node for name, node in self._there.items() if name not in there]
        self._there = there or self._there  # a dying head may name none
        return [
            f"Cluster: the node {node['NodeManagerAddress']} is lost; what it was at is done again by the others."
            for node in gone
        ]

    def __len__(self) -> int:
        return len(self._there)

    @property
    def cores(self) -> int:
        """Cores of all of them."""
        return sum(self._of("CPU"))

    @property
    def most_cores(self) -> int:
        """Cores of the one with the most."""
        return max(self._of("CPU"), default=0)

    @property
    def has_gpu(self) -> bool:
        """Whether one of them has a whole GPU."""
        return any(self._of("GPU"))

    @property
    def most_memory(self) -> int:
        """Bytes of the one with the most."""
        return max(self._of("memory"), default=0)

    def _of(self, resource: str) -> list[int]:
        return [int(node["Resources"].get(resource, 0)) for node in self._there.values()]


def say_nothing() -> None:
    """Keep Ray from writing to this process's screen what it says of nodes and tasks that died.

    It does so whatever `log_to_driver` and `logging_level` are, in paragraphs about its own tools.
    """
    from ray._private import worker

    worker.print_to_stdstream = _unsaid


def _unsaid(data: Any, ignore_prefix: bool = False) -> None:
    pass

"""Processes on the nodes of a Ray cluster that each hold an object: Ray's actors."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import ray
from ray import exceptions

from pipelines.terminal.cluster.tasks import Died, Task, Workers


class Connection(Protocol):
    """What calls Ray, and turns what is raised into sentences."""

    @property
    def lost(self) -> bool: ...  # noqa: D102
    def reached(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any: ...  # noqa: D102
    def look(self) -> None: ...  # noqa: D102
    def look_at_nodes(self, now: bool = False) -> None: ...  # noqa: D102


class _Holder:
    """An actor; its object is made by the first call, so that what hinders that is raised by a call."""

    def __init__(self, made: Task) -> None:
        self._made = made
        self._held: Any = None

    def call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        if self._held is None:
            self._held = self._made.work(*self._made.arguments)
        return getattr(self._held, method)(*arguments)


class RayWorkers(Workers):
    """Actors, made when they are told something first, and again when they have died.

    Parameters
    ----------
    needs : mapping
        Cores and memory of each, as Ray's options.
    """

    def __init__(self, connection: Connection, made: Task, needs: Mapping[str, Any]) -> None:
        self._connection = connection
        self._made = made
        self._needs = dict(needs)
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, int] = {}

    def begin(self, number: int, method: str, *arguments: Any) -> None:
        """Have an actor call a method of its object."""
        self._pending[self._connection.reached(self._called, number, method, arguments)] = number

    def ended(self, seconds: float) -> list[tuple[int, Any]]:
        """Return what came of calls that have ended."""
        if not self._pending:
            return []
        self._connection.look_at_nodes()
        done, _ = self._connection.reached(ray.wait, list(self._pending), timeout=seconds)
        if not done:
            self._connection.look()
        return [self._result(self._pending.pop(reference), reference) for reference in done]

    def close(self) -> None:
        """Kill the actors."""
        for actor in () if self._connection.lost else self._actors.values():
            with suppress(Exception):
                ray.kill(actor)

    def _called(self, number: int, method: str, arguments: tuple[Any, ...]) -> Any:
        if number not in self._actors:
            self._actors[number] = ray.remote(**self._needs)(_Holder).remote(self._made)
        return self._actors[number].call.remote(method, arguments)

    def _result(self, number: int, reference: Any) -> tuple[int, Any]:
        try:
            return number, self._connection.reached(ray.get, reference)
        except exceptions.RayActorError as fault:
            self._actors.pop(number, None)
            self._connection.look_at_nodes(now=True)
            return number, Died(type(fault).__name__)

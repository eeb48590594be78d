"""A queue in which people take turns: however much one of them asks for, everybody else comes next."""

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

Job = TypeVar("Job")


class FairQueue(Generic[Job]):
    """Jobs by person, handed out to several threads: person after person, and to one thread a person at a time."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Job]] = {}
        self._served: set[str] = set()
        self._change = Condition()
        self._closed = False

    def put(self, person: str, job: Job) -> bool:
        """Add a job at the end of a person's own line; return False where the queue is closed."""
        with self._change:
            if not self._closed:
                self._waiting.setdefault(person, deque()).append(job)
                self._change.notify()
            return not self._closed

    def take(self) -> tuple[str, Job] | None:
        """Wait for the next job and whose it is; `done` must follow. None once the queue is closed."""
        with self._change:
            while not self._closed:
                person = next((each for each in self._waiting if each not in self._served), None)
                if person is not None:
                    return person, self._take_of(person)
                self._change.wait()
            return None

    def done(self, person: str) -> None:
        """Say that a person's job has been done, so that the next of hers may be taken."""
        with self._change:
            self._served.discard(person)
            self._change.notify()

    def close(self) -> list[Job]:
        """Let all threads go, and return the jobs that nobody took."""
        with self._change:
            self._closed = True
            left = [job for line in self._waiting.values() for job in line]
            self._waiting.clear()
            self._change.notify_all()
            return left

    def _take_of(self, person: str) -> Job:
        line = self._waiting.pop(person)
        job = line.popleft()
        if line:
            self._waiting[person] = line  # at the end: everybody else comes first
        self._served.add(person)
        return job

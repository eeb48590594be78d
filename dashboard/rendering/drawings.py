"""Draws untrusted texts within bounds, whatever they hold: in a few processes, for all people of the server.

A text is tried once with everything, and where it takes too long or too much memory once more without formulas and
colours in code; then it is shown as it was written. What came of it is remembered, so that nobody has to wait for the
same text twice. One person's texts are drawn one after another, so that they keep one process busy and no more.
"""

import atexit
import json
import logging
import signal
import sys
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

from dashboard.rendering.rendered import TOO_LARGE, Rendered, cut, joined, source_of
from pipelines.terminal.machine import usable_cores
from pipelines.terminal.processes import WorkerProcess

PROCESSES = max(2, min(4, usable_cores()))
"""Two at least: one that a hostile text holds up must leave another to everybody else."""
SECONDS, AGAIN_SECONDS = 1.0, 0.4
"""Of processor time, for a text and for another try without marks (see `rendering_worker`); the slowest of real texts,
55,000 characters of code in five blocks, takes .1."""
BY_ITS_BOUNDS = (-getattr(signal, "SIGPROF", 0), TOO_LARGE)
"""Exit codes of a process that its text has ended."""
STARVED = 1
"""Exit code of a process whose watchdog ended it: much time went by, but little of it was the process's."""
PATIENCE = 20.0
"""Seconds that a text may wait for its turn (its page shows it as it was written meanwhile); later it is given up, and
tried when it is asked for again."""
MOST_REMEMBERED = 32_000_000
"""Characters of HTML that are remembered."""
_MARKED = ("```", "~~~", "$", "\\(", "\\[")
"""What code and formulas begin with."""
_log = logging.getLogger(__name__)
Job = TypeVar("Job")


@dataclass(frozen=True)
class _Drawing:
    """A prompt or an answer to be drawn."""

    key: bytes
    turns: list[str]
    left_out: int
    marks: bool
    expires: float
    found: "Future[Rendered]" = field(default_factory=Future)


class Drawings:
    """Draws texts in processes of its own, which are started with the first text or by `start`."""

    def __init__(self, processes: int = PROCESSES) -> None:
        self._queue: FairQueue[_Drawing] = FairQueue()
        self._painters = [_Painter() for _ in range(processes)]
        self._remembered: OrderedDict[bytes, Rendered] = OrderedDict()
        self._characters = 0
        self._under_way: dict[bytes, Future[Rendered]] = {}
        self._lock = Lock()
        self._threads: list[Thread] = []

    def start(self) -> None:
        """Start the processes, without waiting for them."""
        with self._lock:
            if not self._threads:
                for painter in self._painters:
                    self._threads.append(Thread(target=self._serve, args=(painter,), daemon=True, name="drawing"))
                    self._threads[-1].start()

    def submit(self, turns: Sequence[str], person: str = "", marks: bool = True) -> "Future[Rendered]":
        """Have a prompt or an answer drawn; the future never fails, and comes within some seconds whatever it holds.

        Parameters
        ----------
        turns : sequence of str
            Its turns, untrusted.
        person : str
            For whom; people take turns.
        marks : bool
            False to leave formulas and colours in code out, of a text that is known to take long with them.
        """
        shown, left_out = cut(turns)
        key = sha256(json.dumps([marks, left_out, shown]).encode()).digest()
        with self._lock:
            if (known := self._known(key)) is not None:
                return known
            drawing = _Drawing(key, shown, left_out, marks, monotonic() + PATIENCE)
            drawing.found.set_running_or_notify_cancel()  # several may wait for it: who leaves takes it from nobody
            self._under_way[key] = drawing.found
        self.start()
        if not self._queue.put(person, drawing):
            drawing.found.set_result(source_of(shown, left_out))
        return drawing.found

    def close(self) -> None:
        """End the processes; texts that wait are shown as they were written."""
        for drawing in self._queue.close():
            drawing.found.set_result(source_of(drawing.turns, drawing.left_out))
        for painter in self._painters:
            painter.interrupt()
        for thread in self._threads:
            thread.join()

    def _known(self, key: bytes) -> "Future[Rendered] | None":
        if (under_way := self._under_way.get(key)) is not None:
            return under_way
        if key not in self._remembered:
            return None
        self._remembered.move_to_end(key)
        found: Future[Rendered] = Future()
        found.set_result(self._remembered[key])
        return found

    def _serve(self, painter: "_Painter") -> None:
        painter.start()
        while (taken := self._queue.take()) is not None:
            person, drawing = taken
            tried = monotonic() < drawing.expires
            try:
                shown = painter.draw(drawing) if tried else None
            except TimeoutError:
                shown, tried = None, sys.platform == "win32"  # where processor time has no bound of its own
            except Exception:
                # a page waits for each text; whatever breaks, the next one is to be drawn, and this one to be read
                _log.exception("a text was not drawn")
                shown = None
            shown = shown or source_of(drawing.turns, drawing.left_out)
            with self._lock:
                del self._under_way[drawing.key]
                if tried:
                    self._remember(drawing.key, shown)
            self._queue.done(person)
            drawing.found.set_result(shown)
        painter.close()

    def _remember(self, key: bytes, shown: Rendered) -> None:
        self._remembered[key] = shown
        self._characters += len(shown.html)
        while self._characters > MOST_REMEMBERED:
            self._characters -= len(self._remembered.popitem(last=False)[1].html)


class FairQueue(Generic[Job]):
    """Jobs of people who take turns, handed out to several threads; of one person to one thread at a time.

    However much somebody asks for, everybody else comes next.
    """

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


class _Painter:
    """A process that draws; when a text has ended it, another takes its place."""

    def __init__(self) -> None:
        self._process: WorkerProcess | None = None

    def start(self) -> None:
        """Start the process, in the place of one that has ended."""
        self.close()
        try:
            self._process = WorkerProcess("dashboard.rendering.rendering_worker")
        except OSError as fault:
            _log.error("texts are shown as they were written: no process can be started (%s)", fault.strerror)

    def draw(self, drawing: _Drawing) -> Rendered | None:
        """Return what could be drawn of a text, None where nothing could.

        Raises
        ------
        TimeoutError
            When the machine is so busy that the process got too little of it.
        """
        tries = [(drawing.marks, SECONDS)]
        if drawing.marks and any(sign in turn for turn in drawing.turns for sign in _MARKED):
            tries.append((False, AGAIN_SECONDS))
        for marks, seconds in tries:
            answer = self._ask(json.dumps([seconds, marks, drawing.turns]).encode())
            if answer is not None:
                return joined([(html, as_written) for html, as_written in json.loads(answer)], drawing.left_out, marks)
        _log.warning("a text of %d characters cannot be drawn within bounds", sum(map(len, drawing.turns)))
        return None

    def _ask(self, request: bytes) -> bytes | None:
        """Return the answer to a request, None where it has ended the process; one that ended by itself is replaced."""
        for _ in range(2):
            if self._process is None or self._process.ended:
                self.start()
            if self._process is None:
                return None
            answer = self._process.ask(request)
            if answer is not None:
                return answer
            ended = self._process.exit_code
            self.start()
            if ended == STARVED:
                raise TimeoutError
            if ended in BY_ITS_BOUNDS:
                return None
        return None

    def interrupt(self) -> None:
        """End what is being drawn; from another thread."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
            self._process = None


@cache
def drawings() -> Drawings:
    """Return those that all pages of this process use."""
    shared = Drawings()
    atexit.register(shared.close)
    return shared

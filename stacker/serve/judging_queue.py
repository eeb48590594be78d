"""Judges what many clients ask at once: battles that wait are put together, and shared out to a few processes.

A judge's verdict on a battle is bitwise the same whatever battles it comes with, so that batches change no number. They
save time: what one call costs besides its battles is paid once. Nothing here computes; the event loop only passes on.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError
from stacker.serve.judge_process import Battle, JudgeProcess, ProcessEndedError, ServedJudge

GATHER_S = 0.002
"""Seconds for which the first battle waits for others, where a process is idle."""
BATCH = 64
"""Battles of one call at most: behind a request of thousands, one battle waits for a tenth of a second."""
CHARACTERS = 300_000
"""Characters of one call at most, where it holds more than one battle."""
TURN = 8
"""Battles that a request gets at a time into a batch, while others wait."""
LEAST_PART = 4
"""Battles below which a batch is not shared out: one call costs as much as four battles more."""
SECONDS = 60.0
"""What one call may take; a process that takes longer is ended and started again."""
_LOG = logging.getLogger(__name__)


class TooManyWaitingError(Exception):
    """More battles wait already than may."""


class JudgeGoneError(Exception):
    """The process that judges has ended and could not be started again, as where memory is short."""


@dataclass(eq=False)
class _Request:
    """What one client asks: battles to compare, or one `value` that is asked for alone."""

    future: "asyncio.Future[Any]"
    battles: Sequence[Battle] = ()
    value: dict[str, Any] | None = None
    next: int = 0
    done: int = 0
    found: Floats = field(default_factory=lambda: np.empty((0, 3)))

    @property
    def left(self) -> int:
        return len(self.battles) - self.next if self.value is None else 1 - self.next


@dataclass(frozen=True)
class _Piece:
    """Battles `start` to `end` of a request; a request for a value is one piece."""

    request: _Request
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def battles(self) -> list[Battle]:
        return list(self.request.battles[self.start : self.end])


class JudgingQueue:
    """Passes requests to the processes that judge, and their answers back; all of it on one event loop.

    Parameters
    ----------
    folder : Path
        The judge's.
    processes : int
        How many judge at the same time; a judge that uses every core for one verdict gets one.
    most_waiting : int
        Battles that may wait; a request that comes on top is refused.
    seconds : float
        What one call may take.
    """

    def __init__(self, folder: Path, processes: int, most_waiting: int, seconds: float = SECONDS) -> None:
        self.folder = folder
        self.most_waiting = most_waiting
        self.seconds = seconds
        self.waiting = 0
        self._requests: deque[_Request] = deque()
        self._suspects: deque[_Piece] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(processes, "judging")
        self._wanted = processes
        self._all: list[JudgeProcess] = []
        self._idle: list[JudgeProcess] = []
        self._closed = False

    def open(self) -> ServedJudge:
        """Start the processes and wait until the judge is loaded in all; call it before the event loop needs them.

        Raises
        ------
        UserError
            When the folder holds no judge that can be used.
        """
        self._all = [JudgeProcess(self.folder) for _ in range(self._wanted)]
        try:
            judge = self._all[0].open()
            if judge.many_cores:
                for process in self._all[1:]:
                    process.close()
                del self._all[1:]
            for process in self._all[1:]:
                process.open()
        except ProcessEndedError as fault:
            self.close()
            raise UserError(f"{self.folder}: the process that loads the judge has ended; free some memory.") from fault
        except BaseException:
            self.close()
            raise
        self._idle = list(self._all)
        return judge

    async def compare(self, battles: Sequence[Battle]) -> Floats:
        """Return (n, 3) probabilities of A, B and tie.

        Raises
        ------
        TooManyWaitingError
            When too many battles wait.
        UserError
            When the judge cannot judge one of them, or not in time.
        JudgeGoneError
            When the process that judges cannot be started again.
        """
        request = _Request(asyncio.get_running_loop().create_future(), battles, found=np.empty((len(battles), 3)))
        found: Floats = await self._asked(request, len(battles))
        return found

    async def value(self, request: dict[str, Any]) -> Any:
        """Return the JSON value that a request to a `JudgeProcess` asks for; raises as `compare` does."""
        return await self._asked(_Request(asyncio.get_running_loop().create_future(), value=request), 1)

    async def _asked(self, request: _Request, count: int) -> Any:
        if count == 0:
            return request.found
        # One request alone is never refused, however many battles it holds: that is bounded elsewhere.
        if self.waiting and self.waiting + count > self.most_waiting:
            raise TooManyWaitingError
        self.waiting += count
        self._requests.append(request)
        if self._idle and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)
        try:
            return await request.future
        finally:
            self.waiting -= count

    def _gathered(self) -> None:
        self._timer = None
        self._dispatch()

    def _dispatch(self) -> None:
        """Give idle processes something to do."""
        while self._idle and (batch := self._next_batch()):
            task = asyncio.get_running_loop().create_task(self._judge(self._idle.pop(), batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next_batch(self) -> list[_Piece]:
        """Return what one call judges: one suspect, one value, or battles of the requests that wait, in turn."""
        while self._suspects:
            piece = self._suspects.popleft()
            if not piece.request.future.done():
                return [piece]
        while self._requests and self._requests[0].future.done():
            self._requests.popleft()
        if self._requests and self._requests[0].value is not None:
            self._requests[0].next = 1
            return [_Piece(self._requests.popleft(), 0, 1)]
        waiting = sum(each.left for each in self._requests)
        room = min(BATCH, max(LEAST_PART, math.ceil(waiting / max(1, len(self._idle)))))
        characters = 0
        batch: dict[_Request, _Piece] = {}
        passed: list[_Request] = []
        while room and characters < CHARACTERS and self._requests:
            request = self._requests.popleft()
            if request.future.done():
                continue
            if request.value is not None:
                passed.append(request)
                continue
            start = batch[request].start if request in batch else request.next
            for _ in range(min(room, request.left, TURN)):
                size = sum(len(turn) for text in request.battles[request.next][:3] for turn in text)
                if batch and characters + size > CHARACTERS:
                    characters = CHARACTERS
                    break
                characters += size
                request.next += 1
                room -= 1
                batch[request] = _Piece(request, start, request.next)
            if request.left:
                self._requests.append(request)
        self._requests.extendleft(reversed(passed))
        return list(batch.values())

    async def _judge(self, process: JudgeProcess, batch: list[_Piece]) -> None:
        """Have a process judge a batch; where that fails each battle of it is judged alone, to find which it is."""
        loop = asyncio.get_running_loop()
        if not process.ready:
            process = await self._replaced(process)
        timer = loop.call_later(self.seconds, process.kill)
        try:
            found = await loop.run_in_executor(self._threads, _answered, process, batch)
            self._deliver(batch, found)
        except UserError as fault:
            self._suspect(batch, fault)
        except ProcessEndedError:
            late = loop.time() >= timer.when()
            why = f"takes more than {self.seconds:g} seconds" if late else "ends the process that judges it"
            broken = UserError(f"the request: {why}; shorten its texts.") if process.ready else JudgeGoneError()
            self._suspect(batch, broken)
            process = await self._replaced(process)
        except Exception as fault:  # a fault of the program: whoever asked is told, and the queue goes on
            self._suspect(batch, fault)
        finally:
            timer.cancel()
        if not self._closed:
            self._idle.append(process)
            self._dispatch()

    def _deliver(self, batch: Sequence[_Piece], found: Any) -> None:
        start = 0
        for piece in batch:
            request = piece.request
            if request.value is not None:
                _settle(request, found)
                continue
            request.found[piece.start : piece.end] = found[start : start + len(piece)]
            request.done += len(piece)
            start += len(piece)
            if request.done == len(request.battles):
                _settle(request, request.found)

    def _suspect(self, batch: Sequence[_Piece], fault: Exception) -> None:
        """Tell who asked for the one battle of a batch what is wrong with it; of more, have each judged alone."""
        if len(batch) == 1 and len(batch[0]) == 1:
            if not batch[0].request.future.done():
                batch[0].request.future.set_exception(fault)
            return
        for piece in batch:
            self._suspects.extend(_Piece(piece.request, row, row + 1) for row in range(piece.start, piece.end))

    async def _replaced(self, process: JudgeProcess) -> JudgeProcess:
        """Return a new process in place of one that has ended; it is not `ready` where the judge cannot be loaded."""

        def opened() -> JudgeProcess:
            process.close()
            new = JudgeProcess(self.folder)
            self._all[self._all.index(process)] = new
            if self._closed:
                new.close()
                return new
            try:
                new.open()
            except (UserError, ProcessEndedError):
                _LOG.exception("the process that judges could not be started again")
            return new

        return await asyncio.get_running_loop().run_in_executor(self._threads, opened)

    def close(self) -> None:
        """End all processes; what still waits is not answered."""
        self._closed = True
        for process in self._all:
            process.close()
        self._threads.shutdown(cancel_futures=True)


def _answered(process: JudgeProcess, batch: Sequence[_Piece]) -> Any:
    value = batch[0].request.value
    if value is not None:
        return process.value(value)
    return process.probabilities([battle for piece in batch for battle in piece.battles])


def _settle(request: _Request, found: Any) -> None:
    if not request.future.done():
        request.future.set_result(found)

"""Work in processes of its own: one run to its end within bounds, one that answers messages, one writer at a time.

Processes that are started here end with the process that started them. Not made with multiprocessing: its `fork` is
unsafe next to torch's threads, its `spawn` and `forkserver` import the caller's main program again in each process
(under `panel serve` that is Panel: 2.6 s instead of .15 s for each start, with Pebble's pool too, which is broken for
good when an idle process dies), and its children outlive a killed parent. loky 3.7 was tried too: 16 seconds after its
parent was killed both idle workers and both trackers still ran, and where one worker dies the work of all others is
lost (`TerminatedWorkerError`), as it must not be when a hostile text ends the process that draws it.
"""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from pipelines.errors import UserError
from pipelines.files.atomic_files import parents_made
from pipelines.terminal.machine import usable_cores as usable_cores

ROOT = Path(__file__).resolve().parents[2]
LOOK_S = 0.05
"""Seconds between two looks at a process."""


class Stopped(Exception):  # noqa: N818 - no fault: nobody waits for the work any more
    """The work is not done to its end, because `stop` was set."""


class TooMuch(Exception):  # noqa: N818 - a bound, said by whoever set it
    """The work took more than it may; the text says what, as in "2,400,000,000 bytes of memory"."""


@dataclass(frozen=True)
class Bounds:
    """What a process may take: bytes of memory, and seconds."""

    memory: int
    seconds: float


def run_apart(
    module: str, arguments: Sequence[str], bounds: Bounds, log: Path, stop: threading.Event | None = None
) -> tuple[int, bytes]:
    """Run `python -m module` to its end, and return its status and what it wrote to standard output.

    Parameters
    ----------
    module : str
        A module of this project. Its standard input is closed when this process ends, so that it can end too.
    log : Path
        File for what it writes to standard error.
    stop : Event or None
        Ends the process at once when it is set.

    Raises
    ------
    Stopped
        When `stop` is set.
    TooMuch
        When it takes more than `bounds`.
    """
    with log.open("wb") as errors:
        process = _started(module, *arguments, stderr=errors)
    with process:
        try:
            _watch(process, bounds, stop or threading.Event())
            assert process.stdout is not None
            return process.returncode, process.stdout.read()
        finally:
            process.kill()


def _started(module: str, *arguments: str, stderr: IO[bytes] | None = None, **also: str) -> "subprocess.Popen[bytes]":
    """Start `python -m module` of this project with one thread; `also` is added to its environment."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"} | also,
    )


def end_with_the_parent() -> None:
    """End this process when its standard input is closed, as it is when the one that started it ends."""

    def wait() -> None:
        while os.read(0, 4096):  # not through sys.stdin, whose lock would be held when Python ends
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _watch(process: "subprocess.Popen[bytes]", bounds: Bounds, stop: threading.Event) -> None:
    """Return when a process has ended."""
    import psutil

    seen = psutil.Process(process.pid)
    end = time.monotonic() + bounds.seconds
    while True:
        try:
            process.wait(LOOK_S)
            return
        except subprocess.TimeoutExpired:
            pass
        if stop.is_set():
            raise Stopped
        try:
            memory = seen.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        if memory > bounds.memory:
            raise TooMuch(f"{memory:,} bytes of memory, and {bounds.memory:,} are the most that it may")
        if time.monotonic() > end:
            raise TooMuch(f"more than {bounds.seconds:g} seconds")


class WorkerProcess:
    """A process started by `python -m MODULE`, whose program is `run_worker`; for work that can be killed.

    A message is eight bytes of length and the content, over the standard streams.

    Parameters
    ----------
    module : str
        Importable from the folder of this package or from the caller's `PYTHONPATH`.
    arguments : str
        Of its command line.

    Raises
    ------
    OSError
        When no process can be started.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = _started(module, *arguments, OPENBLAS_NUM_THREADS="1")

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def exit_code(self) -> int:
        """What the process ended with, once it has; that of a signal is negative."""
        return self._process.wait()

    def ask(self, message: bytes) -> bytes | None:
        """Return the answer to a message, None where the process has died before it was complete."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            send(self._process.stdin, message)  # type: ignore[arg-type]
            return receive(self._process.stdout)  # type: ignore[arg-type]
        except OSError:
            return None

    def close(self) -> None:
        """Close the process's input, by which it ends, and wait until it has."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass  # it had died with a message half sent
        self._process.stdout.close()
        self._process.wait()

    def kill(self) -> None:
        """End the process at once; whoever waits for its answer gets None."""
        self._process.kill()


def send(stream: BinaryIO, content: bytes) -> None:
    """Write one message."""
    stream.write(len(content).to_bytes(8, "little"))
    stream.write(content)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message, None where the stream has ended."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    length = int.from_bytes(head, "little")
    content = stream.read(length)
    return content if len(content) == length else None


def serve(requests: BinaryIO, answers: BinaryIO, answer: Callable[[bytes], bytes]) -> None:
    """Answer messages until there are no more."""
    while (message := receive(requests)) is not None:
        send(answers, answer(message))


def run_worker(answer: Callable[[bytes], bytes]) -> None:
    """Be such a process: serve on the standard streams; whatever a library prints goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent, interrupted, closes our input
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin.buffer, answers, answer)
    except BrokenPipeError:
        os._exit(0)


@contextmanager
def one_writer(lock: Path, name: str) -> Iterator[None]:
    """Hold a lock file inside the block, made together with its folder and removed afterwards.

    Parameters
    ----------
    lock : Path
        The same for all writers of the thing.
    name : str
        What is written, for the sentence: a path, perhaps with its parameter before it.

    Raises
    ------
    UserError
        When another process holds it, or it cannot be made.
    """
    from filelock import FileLock, Timeout  # brings asyncio, which workers do without

    holder = FileLock(lock, timeout=0)
    with ExitStack() as stack:
        try:
            stack.enter_context(parents_made(lock))
            holder.acquire()
        except Timeout as fault:
            raise UserError(f"{name}: another command is writing it; wait for it or name another.") from fault
        except OSError as fault:
            raise UserError(
                f"{name}: cannot be written ({fault.strerror or fault}); fix permissions or name another."
            ) from fault
        stack.callback(_release, holder, lock)
        yield


def _release(holder: Any, lock: Path) -> None:
    with suppress(OSError):  # Windows removes no open file, and an empty one does no harm
        lock.unlink()  # while it is held: who waits for it finds out, and makes a new one
    holder.release()


def release_memory() -> None:
    """Free what is unreachable, and have glibc return the pages that it kept for later; elsewhere the first alone."""
    gc.collect()
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # another C library, such as musl
        return

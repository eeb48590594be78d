"""A process that answers messages of another one, over its standard streams; it ends when its input ends.

Made for work that needs more cores, or that must be able to be killed. Not made with multiprocessing: its `fork` is
unsafe beside torch's threads, its `spawn` and `forkserver` import the caller's main program again in each process
(under `panel serve` that is Panel: 2.6 s instead of .15 s for each start, with Pebble's pool too, which moreover is
broken for good when a process dies that has nothing to do), and its children outlive a killed parent.

A message is eight bytes of length and the content.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class WorkerProcess:
    """A process started by `python -m MODULE`, whose program is `run_worker`.

    Parameters
    ----------
    module : str
        Importable from the folder of this package or from the caller's `PYTHONPATH`.

    Raises
    ------
    OSError
        When no process can be started.
    """

    def __init__(self, module: str) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path} | _ONE_THREAD,
        )

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

"""Work on what strangers made, in a process of its own: bounded in memory and time, ended when nobody waits for it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    arguments : sequence of str
        Of its command line.
    bounds : Bounds
        What it may take.
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
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
    with process:
        try:
            _watch(process, bounds, stop or threading.Event())
            assert process.stdout is not None
            return process.returncode, process.stdout.read()
        finally:
            process.kill()


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

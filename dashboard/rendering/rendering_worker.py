"""The process that draws strangers' texts, and ends when one takes too long or too much memory.

A request is JSON `[seconds, marks, [turn, …]]`, an answer JSON `[[html, as_written], …]`; see `markdown.drawn`. JSON's
escapes carry lone surrogates too.
"""

import faulthandler
import json
import os
import signal
import sys
from functools import partial

from dashboard.rendering.markdown import drawn
from dashboard.rendering.rendered import TOO_LARGE
from pipelines.terminal.processes import run_worker

MEGABYTES = 384
"""Address space of the process: 180 of it are there or reserved by the system from the first text on, 35 are taken by
all lexers of Pygments, and up to 35 by 60,000 characters."""
PATIENCE = 5
"""How many times longer than its processor time a text may take."""
TOO_MUCH = (MemoryError, RecursionError)
"""What a text that is too large raises. Made beforehand: where no memory is left, a tuple cannot be made either."""
_WARM = "```python\nx = 1\n```\n\n$x^2$"


def answer(message: bytes, nowhere: int) -> bytes:
    """Draw what a request holds, or end the process.

    The system ends it when it has used its seconds of processor time, and a watchdog when so many times more have gone
    by: a busy machine must not make an ordinary text a hostile one. Neither waits for any lock of Python's.

    Parameters
    ----------
    nowhere : int
        Descriptor of a file for what the watchdog tells.
    """
    seconds, marks, turns = json.loads(message)
    faulthandler.dump_traceback_later(PATIENCE * seconds, exit=True, file=nowhere)
    _bound_processor_time(seconds)
    try:
        return json.dumps([drawn(turn, marks) for turn in turns]).encode("ascii")
    except TOO_MUCH:
        os._exit(TOO_LARGE)
    finally:
        _bound_processor_time(0)
        faulthandler.cancel_dump_traceback_later()


def _bound_processor_time(seconds: float) -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal is handled by nobody, so it ends the process


def limit_memory() -> None:
    """Bound this process's memory; where the system has no such bound, time alone is bounded."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    drawn(_WARM)  # libraries are loaded before the first text's time begins
    limit_memory()
    run_worker(partial(answer, nowhere=os.open(os.devnull, os.O_WRONLY)))

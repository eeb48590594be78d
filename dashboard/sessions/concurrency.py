"""How pages wait: whatever takes a while is done in threads, and what was begun for a person ends when she leaves.

One event loop serves all people; nothing that reads a file, asks the vote store or a judge may be called on it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Found = TypeVar("Found")
_log = logging.getLogger(__name__)
_WORK = ThreadPoolExecutor(max_workers=4, thread_name_prefix="page work")
_WAITING = ThreadPoolExecutor(max_workers=64, thread_name_prefix="waiting")
_STORE = ThreadPoolExecutor(max_workers=16, thread_name_prefix="vote store")


async def in_thread(work: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found:
    """Return what `work` returns, done in a thread; cancelled before its turn, it is not done at all."""
    return await asyncio.get_running_loop().run_in_executor(_WORK, partial(work, *given, **named))


async def in_waiting_thread(wait: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found:
    """Return what comes of waiting for another process: the thread does nothing else, so many of them do no harm."""
    return await asyncio.get_running_loop().run_in_executor(_WAITING, partial(wait, *given, **named))


async def in_store_thread(call: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found:
    """Return what a call to the vote store returns.

    Its threads are its own: calls that wait for a locked database hold up each other, and no other work.
    """
    return await asyncio.get_running_loop().run_in_executor(_STORE, partial(call, *given, **named))


class Tasks:
    """What was begun on the loop for one person.

    Parameters
    ----------
    broke : function
        Called after something broke that nobody expected; it is in the log by then.

    Attributes
    ----------
    running : set of Task
        What has not ended yet.
    """

    def __init__(self, broke: Callable[[], None] = lambda: None) -> None:
        self.running: set[asyncio.Task[None]] = set()
        self._broke = broke

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[None]":
        """Begin; needs a running event loop."""
        task = asyncio.get_running_loop().create_task(work)
        self.running.add(task)
        task.add_done_callback(self._ended)
        return task

    def end(self) -> None:
        """Cancel what has not ended."""
        for task in self.running:
            task.cancel()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.running.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error("what was begun for a person was not carried through", exc_info=fault)
            self._broke()

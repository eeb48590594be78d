"""Work that takes a while, done beside the server's loop, so that the other people's pages go on."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import panel as pn

Found = TypeVar("Found")
log = logging.getLogger(__name__)
_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="beside the pages")


def aside(work: Callable[[], Found], then: Callable[[Found], None], threads: ThreadPoolExecutor = _THREADS) -> None:
    """Do `work` in one of the threads and give what it returns to `then`, which may change the page.

    Without a page (in a test, say) both happen at once. What `work` does not catch is logged, and `then` not called;
    nor is it when the person has gone meanwhile.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        then(work())
        return

    def run() -> None:
        try:
            found = work()
        except Exception:
            # any work of any page: what fails in a thread is heard of by nobody else, so all of it is logged
            log.exception("work beside a page failed")
            return
        if document.session_context is not None and not document.session_context.destroyed:
            document.add_next_tick_callback(lambda: then(found))

    threads.submit(run)

"""Whether the dashboard works, for a monitor: GET /health gives 200 or 503 and a few facts, none of them private."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from tornado.web import RequestHandler

from dashboard.server.services import Services, shared_services
from dashboard.votes.downloads import ROUTES as DOWNLOADS
from dashboard.votes.store import VoteStore

PATIENCE_S = 0.5
"""How long an answer waits for the store; a store that takes longer is said to be out of order."""
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health")
_asked: WeakKeyDictionary[VoteStore, "Future[dict[str, Any]]"] = WeakKeyDictionary()
"""What a store has been asked and has not answered: it is asked again only once it has."""


class HealthHandler(RequestHandler):
    """Answers `{"ok": …, "store": {…}, "judge": {…}}`."""

    def initialize(self, services: Services | None = None) -> None:
        """Take the services to ask; None takes the process's."""
        self.given = services

    async def get(self) -> None:
        """Ask the store for the right to write, and the judge how it stands."""
        services = self.given if self.given is not None else await asyncio.to_thread(shared_services)
        found = await store_health(services.store)
        current = services.judges.current
        self.set_status(200 if found["ok"] else 503)
        self.set_header("Cache-Control", "no-store")
        self.write(
            {
                "ok": found["ok"],
                "store": {key: found[key] for key in ("ok", "backend", "schema", "milliseconds")},
                "judge": {"state": services.judges.state, "version": "" if current is None else current.version},
            }
        )


async def store_health(store: VoteStore) -> dict[str, Any]:
    """Return what `VoteStore.health` says; within `PATIENCE_S` also where the store hangs, which is then not `ok`."""
    began = perf_counter()
    asked = _asked.get(store)
    if asked is None or asked.done():
        asked = _asked[store] = _THREADS.submit(store.health)
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(asked)), PATIENCE_S)
    except TimeoutError:
        took = round(1000 * (perf_counter() - began), 1)
        return {"ok": False, "backend": store.backend, "schema": None, "milliseconds": took}


ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [("/health", HealthHandler, {}), *DOWNLOADS]
"""What is served besides the pages; for `panel serve dashboard --plugins dashboard.server.health` too."""

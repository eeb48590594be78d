"""Whether the dashboard works, for a monitor: GET /health gives 200 or 503 and a few facts, none of them private."""

import asyncio
from typing import Any

from tornado.web import RequestHandler

from dashboard.services import Services, shared_services


class HealthHandler(RequestHandler):
    """Answers `{"ok": …, "store": {…}, "judge": {…}}`."""

    def initialize(self, services: Services | None = None) -> None:
        """Take the services to ask; None takes the process's."""
        self.given = services

    async def get(self) -> None:
        """Ask the store for the right to write, and the judge how it stands."""
        services = self.given if self.given is not None else await asyncio.to_thread(shared_services)
        found: dict[str, Any] = await asyncio.to_thread(services.store.health)
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


ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [("/health", HealthHandler, {})]
"""For `panel serve dashboard --plugins dashboard.health`."""

"""Files that `dashboard.sessions.offers` has for a person, made piece by piece in threads and sent as they come.

When she leaves, or her browser does not want the file any longer, what is still to be made of it is given up.
"""

import asyncio
import logging
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from dashboard.server.concurrency import in_thread
from dashboard.server.services import Services, shared_services

_log = logging.getLogger(__name__)


class DownloadHandler(RequestHandler):
    """Sends a file as it is being made."""

    def initialize(self, services: Services | None = None) -> None:
        """Take the services that offer; None takes the process's."""
        self.given = services

    async def get(self, place: str, name: str) -> None:
        """Send it; the connection is cut where the rest does not come, so that no part is taken for the whole."""
        services = self.given if self.given is not None else await asyncio.to_thread(shared_services)
        make = services.offers.find(place, name)
        if make is None:
            self.set_status(404)
            self.finish("This file is not offered any longer; open the page again.")
            return
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        pieces = await in_thread(make)
        try:
            while (piece := await in_thread(next, pieces, None)) is not None:
                if services.offers.find(place, name) is None:
                    break
                if piece:
                    self.write(piece)
                    await self.flush()
            else:
                return
        except StreamClosedError:
            pass  # the browser does not want it any longer
        except Exception:
            # votes of any kind are written here; what breaks must not end as a file that looks whole
            _log.exception("the file %s could not be made", name)
        finally:
            await in_thread(pieces.close)  # and not when nothing refers to it any longer: a log may, for good
        self.detach().close()


ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [
    (r"/download/([\w-]+)/([\w.-]+)", DownloadHandler, {}),
]

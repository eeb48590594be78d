"""What is served besides the pages: `/health` for a monitor, the leaderboard, the way to the admins, and downloads.

GET /health gives 200 or 503 and a few facts, none of them private. Downloads are what `dashboard.votes.exports.Offers`
has for a person, made piece by piece in threads and sent as they come; when she leaves, or her browser does not want
the file any longer, what is still to be made of it is given up.
"""

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler, decode_signed_value

from dashboard.pages.leaderboard.leaderboard import ADDRESS, Of
from dashboard.server.addresses import reached_from_here_alone
from dashboard.server.services import Services, shared_services
from dashboard.sessions.concurrency import in_thread
from dashboard.texts import LANGUAGES, Texts, best_language
from dashboard.votes.store import StoreFault, VoteStore

PATIENCE_S = 0.5
"""How long an answer waits for the store; a store that takes longer is said to be out of order."""
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health")
_asked: WeakKeyDictionary[VoteStore, "Future[dict[str, Any]]"] = WeakKeyDictionary()
"""What a store has been asked and has not answered: it is asked again only once it has."""


class _Handler(RequestHandler):
    def initialize(self, services: Services | None = None) -> None:
        """Take the services to ask; None takes the process's."""
        self.given = services

    async def services(self) -> Services:
        return self.given if self.given is not None else await asyncio.to_thread(shared_services)


class HealthHandler(_Handler):
    """Answers `{"ok": …, "store": {…}, "judge": {…}}`."""

    async def get(self) -> None:
        """Ask the store for the right to write, and the judge how it stands."""
        services = await self.services()
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


_log = logging.getLogger(__name__)


class DownloadHandler(_Handler):
    """Sends a file as it is being made."""

    async def get(self, place: str, name: str) -> None:
        """Send it; the connection is cut where the rest does not come, so that no part is taken for the whole."""
        services = await self.services()
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


class LeaderboardHandler(_Handler):
    """Shows the ranking to others, where it may be shown: `dashboard.share_leaderboard`, or nobody needs an account."""

    async def get(self) -> None:
        """Send the page in the language and of the kind that the address or the browser asks for."""
        services = await self.services()
        params = services.params
        if (params.server.accounts or params.server.oauth_provider) and not params.share_leaderboard:
            self.set_status(404)
            self.finish("This leaderboard is not shared; dashboard.share_leaderboard in params.yaml shares it.")
            return
        fixed = "" if params.language == "auto" else params.language
        asked = self.get_query_argument("language", "")[:20]
        accepted = self.request.headers.get("Accept-Language", "")[:1000]
        language = next((code for code in LANGUAGES if code == (asked or fixed)), best_language(accepted))
        of: Of = "model" if self.get_query_argument("of", "") == "model" else "style"
        try:
            page = await services.leaderboards.page(of, language)
        except StoreFault:
            self.set_status(503)
            self.finish("The votes cannot be read just now; try again.")
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.finish(page)


class AdminHandler(_Handler):
    """Leads to the page of admins, and refuses it to others: 403 without the right, 404 where there is none."""

    async def get(self) -> None:
        """Send on whoever has the right, and whoever has not signed in to where she does."""
        services = await self.services()
        server = services.params.server
        say = Texts(best_language(self.request.headers.get("Accept-Language", "")[:1000]))
        if server.accounts or server.oauth_provider:
            secret = await in_thread(services.secret)
            user = decode_signed_value(secret.decode(), "user", self.get_cookie("user"))
            if user is None or user.decode("utf-8", "replace") in services.params.accounts.admins:
                self.redirect("./#admin")
                return
            self.set_status(403)
            self.finish(say("admin.refused"))
        elif reached_from_here_alone(server.address, server.origins, server.trusted_proxies):
            self.redirect("./#admin")
        else:
            self.set_status(404)
            self.finish(say("admin.absent"))


ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [
    ("/health", HealthHandler, {}),
    (f"/{ADDRESS}", LeaderboardHandler, {}),
    ("/admin", AdminHandler, {}),
    (r"/download/([\w-]+)/([\w.-]+)", DownloadHandler, {}),
]
"""What is served besides the pages; for `panel serve dashboard --plugins dashboard.server.routes` too."""

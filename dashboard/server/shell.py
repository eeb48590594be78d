"""One tab of one person: who has opened it, the bar, and the pages that come into view."""

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import panel as pn
from tornado.web import decode_signed_value

from dashboard.components.look import card_pane, note
from dashboard.components.top_bar import TopBar
from dashboard.judges.judge_service import judge_line
from dashboard.pages.page import Context, Page
from dashboard.server.addresses import UNKNOWN, counted_as, network_of, reached_from_here_alone
from dashboard.server.services import Services
from dashboard.sessions.concurrency import Tasks
from dashboard.texts import LANGUAGES, Language, Texts, best_language
from dashboard.votes.vote_records import new_session

_TOKEN = re.compile("[0-9a-f]{16,64}")


@dataclass(frozen=True)
class Visitor:
    """A person before a tab.

    Attributes
    ----------
    session : str
        Her pseudonym, the same for all her tabs and after a reload.
    user : str
        Her account's name, "" where nobody needs one.
    token : str
        What her browser keeps in a cookie, "" with an account.
    address : str or None
        What limits by address count her under (see `dashboard.server.addresses`); None with an account, which stays.
    admin : bool
        Whether she may switch the judge, start and stop the learning, and export everybody's votes: anybody where
        nobody needs an account, else those that `dashboard.accounts.admins` names.
    upkeep : "", "look" or "full"
        What she may do on the page `admin`: all with an account that is named there. Without accounts nobody is known,
        so that whoever sits at this machine may look and make copies, where nobody else can open the pages.
    """

    session: str
    user: str = ""
    token: str = ""
    address: str | None = None
    admin: bool = True
    upkeep: Literal["", "look", "full"] = ""


def visitor(services: Services) -> Visitor:
    """Return who has opened the present tab."""
    params = services.params
    user, known = _account()
    admin = known and user in params.accounts.admins
    if user:
        return Visitor(services.pseudonym(user), user=user, admin=admin, upkeep="full" if admin else "")
    token = pn.state.cookies.get("person", "")
    token = token if _TOKEN.fullmatch(token) else new_session()
    server = params.server
    open_to_all = not (server.accounts or server.oauth_provider)
    here = open_to_all and reached_from_here_alone(server.address, server.origins, server.trusted_proxies)
    return Visitor(
        session_of(token),
        token=token,
        address=_address(server.trusted_proxies),
        admin=open_to_all,
        upkeep="look" if here else "",
    )


def _account() -> tuple[str, bool]:
    """Return the name of the account that opened the tab, "" for none, and whether she has signed in to it.

    Whoever sends a cookie `is_guest`, signed in or not, Panel calls "guest": it is believed only of who has no account.
    """
    user, signed = pn.state.user or "", pn.state.cookies.get("user")
    if not pn.state.cookies.get("is_guest"):
        return user, bool(user)
    secret = pn.config.cookie_secret
    name = decode_signed_value(secret, "user", signed) if secret and signed else None
    return (user, False) if name is None else (name.decode("utf-8"), True)


def session_of(token: str) -> str:
    """Return the pseudonym for a cookie's token; from the pseudonym, which stands in exports, nobody gets the token."""
    return hashlib.sha256(f"person {token}".encode()).hexdigest()[:16]


def _address(trusted: tuple[str, ...]) -> str:
    document = pn.state.curdoc
    context: Any = None if document is None else document.session_context
    if context is None:
        return UNKNOWN
    # The request itself: the headers that Bokeh gives come from a token, which a browser could have written.
    request: Any = getattr(context.request, "_request", None)
    headers: Mapping[str, str] = getattr(request, "headers", {})
    forwarded = headers.get("X-Forwarded-For", "")
    return counted_as(getattr(request, "remote_ip", None) or "", [forwarded], [network_of(each) for each in trusted])


PAGES = {
    "ask": "dashboard.pages.ask.ask:AskPage",
    "file": "dashboard.pages.file.file:FileVotesPage",
    "history": "dashboard.pages.history.history:HistoryPage",
    "model": "dashboard.pages.model.model:ModelPage",
    "admin": "dashboard.pages.admin.admin:AdminPage",
}
"""The menu: a page's name, and where its class is. Adding a page is a file, its texts, and a line here."""
_log = logging.getLogger(__name__)


class Shell:
    """One tab."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.visitor = visitor(services)
        self.memory: dict[str, Any] = {}
        self._document = pn.state.curdoc
        self._pages: dict[str, tuple[Page, Tasks]] = {}
        self._notes = {name: card_pane(visible=False) for name in PAGES if name != "admin" or self.visitor.upkeep}
        # without gaps: as long as nothing in it is visible, a place has no height, by which the browser knows
        look = {"sizing_mode": "stretch_width", "margin": 0}
        self.places = {name: pn.Column(note, **look) for name, note in self._notes.items()}
        self.say = Texts(self._first_language())
        self.bar = TopBar(
            languages=[[code, name] for code, name in LANGUAGES.items()],
            language=self.say.language,
            active="ask",
            session=self.visitor.token,
            user=self.visitor.user,
        )
        self._word()
        self._unfollow = services.judges.follow(self._judge_changed)
        self.bar.param.watch(lambda event: self.open(event.new), "active")
        self.bar.param.watch(self._language_chosen, "language")
        self.open("ask")

    def open(self, name: str) -> None:
        """Bring a page into view; an unknown name is passed over.

        The browser swaps the pages by itself (`components/scripts/pages.js`); here a page is made and told.
        """
        if name not in self.places:
            return
        if self.bar.active != name:
            self.bar.active = name  # comes back here by its watcher
            return
        self._notes[name].visible = False
        if name not in self._pages:
            self._make(name)
        self._pages[name][0].opened()

    def close(self) -> None:
        """End what runs for this tab."""
        self._unfollow()
        self._end_pages()
        one = self.memory.get("ask", {}).get("round")
        if one is not None:
            one.close()

    def _end_pages(self) -> None:
        for page, tasks in self._pages.values():
            page.closed()
            tasks.end()

    def _make(self, name: str) -> None:
        module, _, kind = PAGES[name].partition(":")
        tasks = Tasks(lambda: self._tell(name, "shell.broke"))
        try:
            page: Page = getattr(import_module(module), kind)(self._context(tasks))
            self.places[name].append(page.panel())
        except Exception:
            # the page asked for says that it broke (files, store, widgets: anything); the other pages go on
            _log.exception("the page %s could not be opened", name)
            page = _Broken()
            self._tell(name, "shell.failed")
        self._pages[name] = (page, tasks)

    def _tell(self, name: str, key: str) -> None:
        self._notes[name].param.update(object=note(self.say(key), role="alert"), visible=True)

    def _context(self, tasks: Tasks) -> Context:
        return Context(
            params=self.services.params,
            store=self.services.store,
            judges=self.services.judges,
            learning=self.services.learning,
            say=self.say,
            session=self.visitor.session,
            admin=self.visitor.admin,
            user=self.visitor.user,
            upkeep=self.services.upkeep,
            upkeep_rights=self.visitor.upkeep,
            limits=self.services.limits.of(self.visitor.session, self.visitor.address),
            slots=self.services.slots,
            zone=self.bar.zone,
            memory=self.memory,
            tasks=tasks,
            offers=self.services.offers,
            sources=self.services.sources,
            own_prompts=self.services.own_prompts,
        )

    def _language_chosen(self, event: Any) -> None:
        if event.new not in LANGUAGES:
            return
        self._end_pages()
        self._pages.clear()
        self.say = Texts(event.new)
        self._word()
        for name, place in self.places.items():
            place.objects = [self._notes[name]]
        self.open(self.bar.active)

    def _judge_changed(self) -> None:
        """Say which judge is in use now, here and on the page in view; called from any thread."""
        document = self._document
        if document is None or document.session_context is None:
            self._show_judge()
        elif not document.session_context.destroyed:
            document.add_next_tick_callback(self._show_judge)

    def _show_judge(self) -> None:
        self._say_judge()
        if self.bar.active in self._pages:
            self._pages[self.bar.active][0].opened()

    def _say_judge(self) -> None:
        line, warns = judge_line(self.services.judges, self.say)
        if self.services.made_up_votes:
            line, warns = self.say("shell.made_up_votes", judge=line), True
        self.bar.param.update(judge=line, judge_warns=warns)

    def _word(self) -> None:
        self._say_judge()
        words = {key: self.say(f"shell.{key}") for key in ("menu", "theme", "leave", "lost", "opening")}
        titles = [[name, self.say(f"{name}.title")] for name in self.places if f"{name}.title" in self.say]
        self.bar.param.update(brand=self.say("shell.brand"), words=words, pages=titles)

    def _first_language(self) -> Language:
        fixed, chosen = self.services.params.language, pn.state.cookies.get("language", "")
        for code in LANGUAGES:
            if code == (chosen or fixed):
                return code
        accepted = pn.state.headers.get("Accept-Language", "")
        return best_language(accepted if isinstance(accepted, str) else ",".join(accepted))


class _Broken:
    name = ""

    def __init__(self, context: Context | None = None) -> None:
        pass

    def panel(self) -> pn.viewable.Viewable:
        return pn.pane.HTML()

    def opened(self) -> None:
        pass

    def closed(self) -> None:
        pass

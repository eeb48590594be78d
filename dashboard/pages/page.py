"""What every page gets and gives.

A page is a class; one object of it serves one person in one language:

    class HistoryPage:
        name = "history"                      # in the address (#history), and the beginning of its texts' keys

        def __init__(self, context: Context) -> None: ...   # cheap: no file is read, no widget made
        def panel(self) -> pn.viewable.Viewable: ...        # called once, at the first opening
        def opened(self) -> None: ...                       # called each time it comes into view, also the first,
                                                            # and when another judge is used while it is in view;
                                                            # never waits: it starts tasks
        def closed(self) -> None: ...                       # called when the person leaves or changes the language

The menu shows `context.say("<name>.title")`. Texts live in `dashboard/texts/<language>/<name>.yaml`, one file a page
and language; keys that several pages use (`choice.a` … `choice.both_bad`, `language.<code>`, `group.<name>`) stand in
`common.yaml`. When the person changes the language, the shell closes the pages and makes new ones with a new context:
what shall survive that goes into `context.memory[<name>]`.

One event loop serves all people, so nothing that takes a while is called on it: files, judges' tables and figures go
through `await in_thread(...)`, the vote store through `await in_store_thread(...)` (both of
`dashboard.sessions.concurrency`), a judge through `context.judges`. What awaits them is begun by
`context.tasks.start(...)` and ended by the shell when the person leaves. As long as nothing of a page is visible, the
browser says that it is being opened: what is not ready yet stays `visible=False`. What breaks in a task is logged, and
the page says that something did not work.

Sheets follow light and dark by CSS alone: `color-scheme` is set on the root, so `light-dark(#fff, #1d2127)` and the
variables of `dashboard.components.look` are right in both.

Adding a page
-------------
1. Its class, as above: one file in `dashboard/pages`, or a folder with a file or two more. Cards, buttons and rows of
   them are made by `dashboard.components.look`; HTML is a template next to the page, `macros("<page>/<name>.html")`,
   which escapes by itself; texts of strangers go through `dashboard.components.drawn_texts`.
2. Its line in `PAGES` of `dashboard/server/shell.py`.
3. Its words: `dashboard/texts/en/<name>.yaml` and `dashboard/texts/zh-Hant/<name>.yaml`, with `<name>: {title: ...}`.

And its test in `tests/dashboard/pages`, with a `context` of `page_contexts`.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dashboard.params import DashboardParams
from dashboard.sessions.concurrency import Tasks
from dashboard.sessions.own_prompts import OwnPrompts
from dashboard.texts import Texts
from dashboard.votes.exports import Offers

if TYPE_CHECKING:
    import panel as pn

    from dashboard.generators.answer_sources import AnswerSources
    from dashboard.judges.judge_service import JudgeService
    from dashboard.judges.learning_service import LearningService
    from dashboard.sessions.answer_slots import AnswerSlots
    from dashboard.sessions.limits import SessionLimits
    from dashboard.votes.store import VoteStore
    from dashboard.votes.upkeep.upkeep import Upkeep


@dataclass(frozen=True)
class Context:
    """What a page may use.

    Attributes
    ----------
    store : VoteStore
        Where votes are kept; shared by all people.
    judges : JudgeService
        The judge in use, warm, in its own thread; shared by all people.
    say : Texts
        `say("history.title")`, `say("history.judged", count=3)`; also `say.language` and `say.language_name(code)`.
    session : str
        The person's pseudonym: the same after a reload (a cookie, or the account's).
    admin : bool
        Whether this person may switch the judge, start and stop the learning, and export everybody's votes. Whatever a
        browser sends, a page does none of it for others, and tells them why.
    limits : SessionLimits
        Counts this person's questions and votes; `limits.vote()` raises `LimitReached`.
    slots : AnswerSlots
        How many answers are written at a time, over all people.
    zone : str
        The browser's time zone, e.g. `Asia/Taipei`.
    memory : dict
        Per page name, what outlives a change of language; lives as long as the browser's tab.
    learning : LearningService or None
        Makes a judge from the votes; shared by all people.
    tasks : Tasks
        Begins what takes a while; ended after `closed`.
    sources : AnswerSources or None
        The models that can answer in place of what is recorded, and the one in use; shared by all people.
    own_prompts : OwnPrompts
        What each person tells all models; shared by all people.
    offers : Offers
        Offers files to the browser, under addresses that nobody can guess; `closed` withdraws them.
    user : str
        The name of the person's account; "" where nobody needs one.
    upkeep : Upkeep or None
        What the page of admins works with; shared by all people.
    upkeep_rights : "", "look" or "full"
        What this person may do there; see `dashboard.server.shell.Visitor`.
    """

    params: DashboardParams
    store: "VoteStore"
    judges: "JudgeService"
    say: Texts
    session: str
    limits: "SessionLimits"
    slots: "AnswerSlots"
    zone: str = "UTC"
    memory: dict[str, Any] = field(default_factory=dict)
    learning: "LearningService | None" = None
    tasks: Tasks = field(default_factory=Tasks)
    offers: Offers = field(default_factory=Offers)
    sources: "AnswerSources | None" = None
    admin: bool = True
    own_prompts: OwnPrompts = field(default_factory=OwnPrompts)
    user: str = ""
    upkeep: "Upkeep | None" = None
    upkeep_rights: Literal["", "look", "full"] = ""

    def write_down(self, action: str, **details: str | int) -> None:
        """Write down what an admin with an account is about to do for all; call it from a thread.

        Raises
        ------
        UserError
            When it cannot be written: then it is not to be done.
        """
        if self.user and self.upkeep is not None:
            self.upkeep.log.add(self.user, action, **details)


class Page(Protocol):
    """A page; see the module's text."""

    name: str

    def __init__(self, context: Context) -> None: ...

    def panel(self) -> "pn.viewable.Viewable":
        """Return what is shown; called once."""

    def opened(self) -> None:
        """Take note that the page has come into view, or that another judge is in use."""

    def closed(self) -> None:
        """End what runs for the page."""

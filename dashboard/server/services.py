"""What all people of one process share: the parameters, the vote store, the judge, the limits, the secret."""

import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from os import environ
from pathlib import Path
from threading import Lock

from dashboard.generators import GENERATORS, close_generators
from dashboard.generators.answer_sources import REMEMBERED, AnswerSources
from dashboard.judges.judge_service import JudgeService
from dashboard.judges.learning_service import LearningService
from dashboard.params import DashboardParams, ServerParams, parse_dashboard
from dashboard.rendering.drawings import drawings
from dashboard.server.account_files import checked_accounts
from dashboard.server.leaderboards import Leaderboards
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.sessions.limits import Limits
from dashboard.sessions.own_prompts import OwnPrompts
from dashboard.votes.database import KEY
from dashboard.votes.exports import Offers
from dashboard.votes.store import VoteStore
from dashboard.votes.upkeep.upkeep import Upkeep
from dashboard.votes.vote_records import StoreFault, pseudonym
from pipelines.errors import UserError
from pipelines.files.saved_files import DamagedError, read_bytes
from stacker.learners.judges.starter_prior import starter_folder
from stacker.training.params import Params, read_params

SHORTEST_SECRET = 32
MOST_SEEN = 100_000
"""Accounts whose names are remembered."""
MOST_SECRET = 1 << 16
"""Bytes of a file with a secret."""


def kept_secret(server: ServerParams) -> bytes:
    """Return the secret.

    Parameters
    ----------
    server : ServerParams
        `cookie_secret_env` names a variable; without it `secret_file` is read, and made (mode 600) where there is none.

    Raises
    ------
    UserError
        When the variable is not set or too short, or the file cannot be read or made.
    """
    if server.cookie_secret_env:
        value = os.environ.get(server.cookie_secret_env, "")
        if len(value) < SHORTEST_SECRET:
            raise UserError(
                f"dashboard.server.cookie_secret_env: the variable {server.cookie_secret_env} has {len(value)} "
                f"characters; set it to a random text of at least {SHORTEST_SECRET}."
            )
        return value.encode()
    path = Path(server.secret_file)
    try:
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:
                made.write(secrets.token_hex(32))
        except FileExistsError:
            pass
        value = read_bytes(path, MOST_SECRET).decode("ascii").strip()
    except (OSError, UnicodeDecodeError, DamagedError) as fault:
        raise UserError(f"{path}: cannot be read or made ({fault}); correct dashboard.server.secret_file.") from fault
    if len(value) < SHORTEST_SECRET:
        raise UserError(
            f"{path}: holds {len(value)} characters, too few for a secret; name another by "
            "dashboard.server.secret_file, or delete it to have one made."
        )
    return value.encode()


PARAMS_VARIABLE = "DASHBOARD_PARAMS"
"""Environment variable with the path of params.yaml, for `panel serve dashboard`."""


class Services:
    """Opened once in a process.

    Parameters
    ----------
    whole : Params or None
        All sections, by which a judge learns from the votes; None has their defaults.

    Attributes
    ----------
    made_up_votes : bool
        Whether the store was filled for a demonstration, which every page then says.

    Raises
    ------
    UserError
        When the vote store cannot be opened, or a folder or judge that is named is not there.
    """

    def __init__(self, params: DashboardParams, whole: Params | None = None) -> None:
        self.params = params
        self.made_up_votes = False
        for key in ("judges", "files"):
            _check_folder(f"dashboard.{key}", getattr(params, key), needed=key == "files")
        self.judges = JudgeService(Path(params.judges), starter_folder() if params.starter else None, params.judge)
        store = params.store
        try:
            self.store = VoteStore.open(store.url, password=store.password, undo_seconds=store.undo_seconds)
        except StoreFault as fault:
            said = str(fault)
            raise UserError(said if KEY in said else f"{KEY}: {said[:1].lower()}{said[1:]}") from fault
        self.learning = LearningService(whole or Params(), self.store, self.judges, params.leave_out_named)
        self.sources = AnswerSources((whole or Params()).encoder.models_dir, Path(params.judges) / REMEMBERED)
        self.slots = AnswerSlots(params.limits.answers_at_once)
        self.offers = Offers()
        self.own_prompts = OwnPrompts()
        self.leaderboards = Leaderboards(self.store, params.leave_out_named, made_up=lambda: self.made_up_votes)
        self._secret = b""
        self._seen: dict[str, str] = {}
        cache = (whole or Params()).run.cache
        places = {"judges": Path(params.judges), "models": self.sources.models_dir}
        places |= {"cache": cache} if isinstance(cache, Path) else {}  # none of this disk where it is in object storage
        self.upkeep = Upkeep(self.store, params, self.names, places)
        self._warming = ThreadPoolExecutor(max_workers=1, thread_name_prefix="warming")
        self.limits = Limits(params.limits)

    def start(self) -> None:
        """Load the judge and what drawing texts and the generators need, without waiting for them."""
        drawings().start()
        self.judges.start()
        if GENERATORS[self.params.styles.a.generator].recorded:
            self._warming.submit(self.sources.load)  # first: who answers is to be known when the first page opens
        for kind in {style.generator for style in self.params.styles.every}:
            for load in GENERATORS[kind].warmups():
                self._warming.submit(load)

    def secret(self) -> bytes:
        """Return what signs the cookies of people with accounts and makes their pseudonyms; its file is read once."""
        self._secret = self._secret or kept_secret(self.params.server)
        return self._secret

    def pseudonym(self, user: str) -> str:
        """Return the pseudonym of a person with an account, and remember whose it is."""
        session = pseudonym(user, self.secret())
        if len(self._seen) < MOST_SEEN:
            self._seen[session] = user
        return session

    def names(self) -> dict[str, str]:
        """Return the names of accounts by their pseudonyms: those of the file, and who has come since the start."""
        path = self.params.server.accounts
        with suppress(UserError):  # a file that was spoilt since the start, which whoever signs in is told
            for user in checked_accounts(Path(path)) if path else ():
                self.pseudonym(user)
        return dict(self._seen)

    def close(self) -> None:
        """Close the store, and end the judge's thread, what learns from the votes, and what is loaded or written.

        Threads end by themselves, each after what it is about: one that the interpreter's end meets inside torch aborts
        the process.
        """
        self._warming.shutdown(wait=False, cancel_futures=True)
        self.sources.fetch.stop()
        close_generators()
        self.learning.stop()
        self.judges.close()
        self.store.close()


def _check_folder(key: str, folder: str, needed: bool) -> None:
    path = Path(folder)
    if folder and (path.exists() or needed) and not path.is_dir():
        what = "is no folder" if path.exists() else "is not there"
        raise UserError(f"{key} {folder}: {what}; name a folder.")


def open_services(
    path: Path, overrides: Sequence[str] = (), check: Callable[[DashboardParams], None] = lambda params: None
) -> Services:
    """Return the services that params.yaml asks for, not started.

    Parameters
    ----------
    overrides : sequence of str
        `section.key=value`.
    check : function
        Refuses parameters by a `UserError` before anything is opened or made.

    Raises
    ------
    UserError
        As `read_dashboard`, `check` and `Services`.
    """
    whole = read_params(path, overrides)
    section = parse_dashboard(whole.dashboard, str(path))
    check(section)
    return Services(section, whole)


_opening = Lock()


def shared_services() -> Services:
    """Return the process's services by the file that `DASHBOARD_PARAMS` names, else params.yaml here, else defaults."""
    with _opening:
        return _shared(environ.get(PARAMS_VARIABLE, ""))


@lru_cache(maxsize=1)
def _shared(named: str) -> Services:
    path = Path(named or "params.yaml")
    services = open_services(path) if named or path.exists() else Services(DashboardParams())
    services.start()
    return services

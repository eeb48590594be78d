"""What all people of one process share: the parameters, the vote store, the judge, the limits."""

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from os import environ
from pathlib import Path
from threading import Lock, Thread

from dashboard.judge_service import JudgeService
from dashboard.limits import AnswerSlots, SessionLimits
from dashboard.params import DashboardParams, parse_dashboard
from dashboard.secret import kept_secret
from dashboard.store import VoteStore
from stacker.params import read_params
from stacker.starter import starter_folder

PARAMS_VARIABLE = "DASHBOARD_PARAMS"
"""Environment variable with the path of params.yaml, for `panel serve dashboard`."""
MOST_SESSIONS = 10_000
"""Sessions whose limits are remembered; the longest unseen are forgotten first."""


class Services:
    """Opened once in a process.

    Parameters
    ----------
    params : DashboardParams
        The dashboard's section.

    Raises
    ------
    UserError
        When the vote store cannot be opened.
    """

    def __init__(self, params: DashboardParams) -> None:
        self.params = params
        store = params.store
        password = environ.get(store.password_env, "") if store.password_env else ""
        self.store = VoteStore.open(store.url, password=password, undo_seconds=store.undo_seconds)
        self.judges = JudgeService(Path(params.judges), starter_folder() if params.starter else None)
        self.slots = AnswerSlots(params.limits.answers_at_once)
        self._limits: OrderedDict[str, SessionLimits] = OrderedDict()

    def start(self) -> None:
        """Load the judge and what the recorded answers need, without waiting for them."""
        self.judges.start()
        if self.params.styles.a.generator == "recorded":
            Thread(target=_warm_recorded, daemon=True).start()

    def limits_of(self, session: str) -> SessionLimits:
        """Return the counts of a session: the same object for all its tabs, also after a reload."""
        found = self._limits.setdefault(session, SessionLimits(self.params.limits))
        self._limits.move_to_end(session)
        while len(self._limits) > MOST_SESSIONS:
            self._limits.popitem(last=False)
        return found

    def secret(self) -> bytes:
        """Return what signs the cookies of people with accounts and makes their pseudonyms."""
        return kept_secret(self.params.server)

    def close(self) -> None:
        """Close the store and end the judge's thread."""
        self.judges.close()
        self.store.close()


def read_dashboard(path: Path, overrides: Sequence[str] = ()) -> DashboardParams:
    """Return the dashboard's section of params.yaml.

    Raises
    ------
    UserError
        When the file cannot be read or a key is wrong; the sentence names it.
    """
    return parse_dashboard(read_params(path, overrides).dashboard, str(path))


_opening = Lock()


def shared_services() -> Services:
    """Return the process's services by the file that `DASHBOARD_PARAMS` names, else params.yaml here, else defaults."""
    with _opening:
        return _shared(environ.get(PARAMS_VARIABLE, ""))


@lru_cache(maxsize=1)
def _shared(named: str) -> Services:
    path = Path(named or "params.yaml")
    services = Services(read_dashboard(path) if named or path.exists() else DashboardParams())
    services.start()
    return services


def _warm_recorded() -> None:
    from dashboard.generators.recorded import nearest

    for question in ("Why is the sky blue?", "為什麼天空是藍色的？"):
        nearest(question)

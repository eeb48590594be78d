"""A battle that is judged and stored before its vote opens: the hidden verdict, and what explains it afterwards."""

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING

from dashboard.sessions.concurrency import Tasks, in_store_thread, in_thread
from dashboard.sessions.limits import SessionLimits
from dashboard.sessions.vote_session import VoteSession
from dashboard.votes.store import StoreFault, VoteStore
from dashboard.votes.vote_records import Battle, new_battle_id
from pipelines.errors import UserError
from stacker.judge.explain.observations import Observation, observations

if TYPE_CHECKING:
    from dashboard.judges.judge_service import JudgeService, LoadedJudge
    from stacker.judge.explain.explanation import Explanation
    from stacker.judge.verdict import Verdict

_log = logging.getLogger(__name__)


class JudgedSession(VoteSession):
    """Has what is on the page judged, stores it with the verdict, and opens the vote.

    Parameters
    ----------
    store, limits, session
        See `VoteSession`.
    judges : JudgeService
        Gives the verdict.

    Attributes
    ----------
    verdict, judge, judge_fault : Verdict or None, LoadedJudge or None, str
        What the judge said before the vote; a fault where it could not.
    even_style, explanation : Verdict or None, Explanation or None
        What the judge says with style held equal, and why it said what it said, as soon as they are known.
    observed : tuple of Observation
        What anybody can check of the answers, as soon as it is known; it needs no judge.
    explained : bool
        Whether nothing more of it will come.
    """

    def __init__(self, store: VoteStore, limits: SessionLimits, session: str, judges: "JudgeService") -> None:
        super().__init__(store, limits, session, "answering")
        self.judges = judges
        self.verdict: Verdict | None = None
        self.judge: LoadedJudge | None = None
        self.judge_fault = ""
        self.even_style: Verdict | None = None
        self.explanation: Explanation | None = None
        self.observed: tuple[Observation, ...] = ()
        self.explained = False
        self._tasks = Tasks()

    def store_again(self) -> None:
        """Try once more to store a battle that the store did not take."""
        if self.stage == "unstored":
            self._tasks.start(self._judge())

    @abstractmethod
    def _texts(self) -> tuple[list[str], list[str], list[str]]:
        """Return the turns of the prompt and of both answers."""

    @abstractmethod
    def _battle(self) -> Battle:
        """Return what is stored, under `battle_id`."""

    async def _judge(self) -> None:
        self.battle_id = ""
        self._to("judging")
        self.verdict, self.judge, self.explanation, self.explained, self.judge_fault = None, None, None, False, ""
        self.even_style, self.observed = None, ()
        texts = self._texts()
        try:
            said = await self.judges.compare(*texts)
            if said is not None:
                self.verdict, self.judge = said
        except UserError as fault:
            self.judge_fault = str(fault)
        except Exception as fault:
            # a judge is three libraries and what somebody trained: whatever breaks in it must not take the vote with it
            _log.exception("the judge failed")
            self.judge_fault = type(fault).__name__
        self.battle_id = new_battle_id()
        try:
            await in_store_thread(self.store.add_battle, self._battle())
        except StoreFault as fault:
            self.fault = fault
            self._to("unstored")
            return
        self.fault = None
        self._to("open")
        await self._explain(*texts)

    async def _explain(self, *texts: list[str]) -> None:
        judge, battle = self.judge, self.battle_id
        observed = await in_thread(observations, *(turns[-1] for turns in texts))
        if battle != self.battle_id:
            return  # it was asked on, or written anew
        self.observed = tuple(observed)
        if judge is not None:
            try:
                even_style = await self.judges.even_style(judge, *texts)
                if battle == self.battle_id:
                    self.even_style = even_style
                found = await self.judges.explain(judge, *texts)
                if battle == self.battle_id:
                    self.explanation = found
            except UserError:
                pass  # a judge without a baseline: the page says that there is nothing to explain from
            except Exception:
                # as above; the vote is open already, and the page says that there are no reasons
                _log.exception("the judge could not explain itself")
        if battle == self.battle_id:
            self.explained = True
            self.on_stage()

"""The card on which a person says why she voted as she did, once she has voted; she need not."""

from collections.abc import Callable, Coroutine
from typing import Any

from dashboard.components.voting import Reasons
from dashboard.sessions.vote_session import VoteSession
from dashboard.texts import Say
from dashboard.votes.vote_records import LONGEST_REMARK, REASONS


class VoteReasons:
    """The card, for one battle after another.

    Parameters
    ----------
    begin : function
        Begins what is awaited, e.g. `Tasks.start`.

    Attributes
    ----------
    view : Reasons
        What stands on the page; visible only next to a vote that holds.
    """

    def __init__(self, say: Say, begin: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self.say, self._begin = say, begin
        self._session: VoteSession | None = None
        words = {"label": say("reasons.label"), "own": say("reasons.own")}
        self.view = Reasons(words=words, most=LONGEST_REMARK, visible=False)
        self.view.param.watch(lambda event: self._said(event.new), "said")

    def show(self, session: VoteSession | None) -> None:
        """Show what was said of the vote of a session that holds, or nothing where there is none."""
        self._session = session
        if session is None or session.stage != "voted" or session.vote is None:
            self.view.visible = False
            return
        session.on_reasons = self._told
        vote = session.vote
        self.view.param.update(
            choices=[[code, self.say(f"reasons.{code}")] for code in REASONS[vote.choice]],
            chosen=list(session.reasons),
            remark=session.remark,
        )
        self.view.param.update(battle=f"{vote.battle_id} {vote.voted_at.isoformat()}", visible=True)
        self._told()

    def _said(self, said: dict[str, Any]) -> None:
        """Take what comes from the browser, which may be anything."""
        session, reasons, remark = self._session, said.get("reasons"), said.get("remark")
        if session is not None and isinstance(reasons, list) and isinstance(remark, str):
            self._begin(session.give_reasons([each for each in reasons if isinstance(each, str)], remark))

    def _told(self) -> None:
        session = self._session
        if session is None:
            return
        kept = session.reasons_kept
        key = "" if kept is None else "unkept" if not kept else "kept" if session.reasons or session.remark else ""
        self.view.param.update(line=self.say(f"reasons.{key}") if key else "", warns=kept is False)

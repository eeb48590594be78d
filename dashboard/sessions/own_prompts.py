"""The system prompt that each person tells all models, for as long as the server runs."""

from collections import OrderedDict
from threading import Lock

from dashboard.votes.vote_records import own_prompt_text

MOST_REMEMBERED = 10_000
"""Persons whose prompt is remembered; the longest unchanged is forgotten first."""


class OwnPrompts:
    """One object serves all people of a process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def of(self, session: str) -> str:
        """Return a person's prompt; "" where she has none."""
        return self._kept.get(session, "")

    def keep(self, session: str, own: str) -> str:
        """Remember a person's prompt, cut at its bound, and return it; "" forgets it."""
        own = own_prompt_text(own)
        with self._lock:
            self._kept.pop(session, None)
            if own:
                self._kept[session] = own
            while len(self._kept) > MOST_REMEMBERED:
                self._kept.popitem(last=False)
        return own

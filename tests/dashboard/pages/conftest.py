"""Battles of a file come in the order that was chosen: what is drawn at random is tested below the pages."""

from collections.abc import Iterator

import pytest

import dashboard.sessions.file_session
from dashboard.sessions.battle_draw import drawn_row


@pytest.fixture(autouse=True)
def in_the_order_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Draw no battle at random."""

    def first_of_order(first, settled, count, share, voted, chance):  # type: ignore[no-untyped-def]
        return drawn_row(first, settled, count, 0.0, voted, chance)

    monkeypatch.setattr(dashboard.sessions.file_session, "drawn_row", first_of_order)
    yield

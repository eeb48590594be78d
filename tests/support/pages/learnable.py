"""Votes that a judge can learn from, put into a store: built-in battles with the outcomes they came with."""

from datetime import UTC, datetime, timedelta

from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import BATTLES, VOTES, Battle, Side
from pipelines.battles.built_in import sample_battles

CHOICE = ("a", "b", "tie")
START = datetime(2026, 3, 1, tzinfo=UTC)


def give_votes(store: VoteStore, count: int, first: int = 0, session: str = "s0") -> None:
    """Put votes on `count` built-in battles, from the one at place `first` on, into a store, in one transaction."""
    battles, votes = [], []
    rows = sample_battles(first + count, 11).battles.iloc[first:].to_dict("records")
    for place, row in enumerate(rows, start=first):
        sides = (Side(list(row[name]), style) for name, style in (("response_a", "brief"), ("response_b", "thorough")))
        battle = Battle(row["id"], session, list(row["prompt"]), *sides, (0.4, 0.3, 0.3), "old@1", "en")
        moment = START + timedelta(minutes=place)
        battles.append(battle.row(moment))
        votes.append({"battle_id": battle.id, "session": session, "choice": CHOICE[row["outcome"]], "voted_at": moment})
    with store._writing() as connection:
        connection.execute(BATTLES.insert(), battles)
        connection.execute(VOTES.insert(), votes)

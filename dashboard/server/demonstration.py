"""Made-up votes on the recorded answers, to look around without waiting for people: `python -m dashboard --demo`."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from dashboard.generators.recorded import entries
from dashboard.server.services import Services
from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import REASONS, Battle, Choice, Side
from pipelines.battles.table import TEXT_COLUMNS

BATTLES, PEOPLE = 80, 12
DAYS = 14
"""Over how many days up to now the votes are spread."""
FOLLOWS = 1.5
"""What a person makes of the judge's margin, in log-odds; the rest is her taste, and chance."""


@contextmanager
def demonstration_settings() -> Iterator[list[str]]:
    """Yield settings by which votes, and judges that learn from them, are kept apart and are gone afterwards."""
    with TemporaryDirectory(prefix="demonstration-") as folder:
        store, judges = Path(folder) / "made-up-votes.sqlite", Path(folder) / "judges"
        yield [f"dashboard.store.url=sqlite:///{store}", f"dashboard.judges={judges}", 'dashboard.judge=""']


def make_up_votes(services: Services, seed: int = 0) -> int:
    """Fill the store with votes of people who half follow the judge, have every page say so, and return how many.

    Parameters
    ----------
    services : Services
        Started; its settings are `demonstration_settings`. Waits until its judge is loaded.
    seed : int
        The same one makes the same votes, but for their time.
    """
    services.made_up_votes = True
    drawn = random.Random(seed)
    chosen = drawn.sample(entries(), k=BATTLES)
    moments = sorted(datetime.now(UTC) - timedelta(days=DAYS * drawn.random()) for _ in chosen)
    people = [(f"made-up-{number:02}", drawn.gauss(0, 1)) for number in range(PEOPLE)]
    battles = [_battle(entry, drawn, drawn.choice(people)[0]) for entry in chosen]
    judge, said = services.judges.do(lambda: _verdicts(services, battles)).result()
    now = moments[0]
    store = VoteStore.open(services.params.store.url, password=services.params.store.password, clock=lambda: now)
    try:
        for moment, battle, verdict in zip(moments, battles, said, strict=True):
            now = moment
            store.add_battle(replace(battle, verdict=verdict, judge=judge))
            now += timedelta(seconds=drawn.uniform(20, 90))
            choice = _choice(battle, verdict, dict(people)[battle.session], drawn)
            store.vote(battle.id, choice, battle.session)
            if reasons := drawn.sample(REASONS[choice], k=min(len(REASONS[choice]), drawn.choice((0, 0, 1, 2)))):
                store.give_reasons(battle.id, battle.session, reasons, "")
    finally:
        store.close()
    return len(battles)


def _battle(entry: dict[str, Any], drawn: random.Random, person: str) -> Battle:
    both = [("a", "brief"), ("b", "thorough")]
    drawn.shuffle(both)
    a, b = (Side([entry["answers"][key]], name, f"recorded-{key}") for key, name in both)
    return Battle(f"made-up {entry['id']}", person, [entry["question"]], a, b, None, lang=entry["lang"][:2])


def _verdicts(services: Services, battles: list[Battle]) -> tuple[str, list[tuple[float, ...] | None]]:
    loaded = services.judges.current
    if loaded is None:
        return "", [None] * len(battles)
    texts = [(each.prompt, each.a.response, each.b.response) for each in battles]
    found = loaded.judge.compare_many(pd.DataFrame(texts, columns=list(TEXT_COLUMNS)))
    return loaded.version, [tuple(map(float, row)) for row in found.to_numpy(dtype=float)[:, :3]]


def _choice(battle: Battle, verdict: tuple[float, ...] | None, taste: float, drawn: random.Random) -> Choice:
    margin = 0.0 if verdict is None else FOLLOWS * (verdict[0] - verdict[1])
    margin += 0.5 * (taste if battle.a.style == "brief" else -taste) + drawn.gauss(0, 1)
    if abs(margin) < 0.35:
        return "both_bad" if drawn.random() < 0.3 else "tie"
    return "a" if margin > 0 else "b"

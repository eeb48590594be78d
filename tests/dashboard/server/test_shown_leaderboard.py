"""The leaderboard for others: where it may be shown, in which language, with nothing of any person, and safe names."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from dashboards import RunningDashboard

from dashboard.pages.leaderboard.leaderboard import leaderboard_page
from dashboard.server.leaderboards import KEPT_S, Leaderboards
from dashboard.texts import Texts
from dashboard.votes.agreement import with_outcomes
from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import Battle, Side

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def fill(store: VoteStore) -> None:
    names = ("good", "middling", HOSTILE)
    number = 0
    for strong, left in enumerate(names):
        for right in names[strong + 1 :]:
            for time in range(8):
                text = ["A secret answer"], ["Another secret answer"]
                battle = Battle(
                    f"b{number}", "secret-person", [f"secret question {number}"], Side(text[0], left, "m-1"),
                    Side(text[1], right, "m-2"), None,
                )  # fmt: skip
                store.add_battle(battle)
                store.vote(battle.id, "b" if time < 2 else "a", "secret-person")
                number += 1


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    section = {"store": {"url": f"sqlite:///{tmp_path_factory.mktemp('board') / 'votes.sqlite'}"}}
    found = {}
    with RunningDashboard(section, tmp_path_factory.mktemp("board")) as running:
        fill(running.services.store)
        for name, query, accepted in (
            ("en", "", "en-GB"),
            ("zh", "", "zh-TW,zh;q=0.9"),
            ("asked", "?language=zh-Hant&of=model", "en"),
            ("odd", "?language=%3Cb%3E&of=%3Cb%3E", "en"),
        ):
            request = Request(f"{running.url}leaderboard{query}", headers={"Accept-Language": accepted})
            with urlopen(request, timeout=60) as reply:
                assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
                found[name] = reply.read().decode()
    return found


def test_it_is_shown_in_the_language_asked_for(page_of: dict[str, str]) -> None:
    assert "<h1>Leaderboard</h1>" in page_of["en"] and "24 votes on 24 questions" in page_of["en"]
    assert "<h1>排行榜</h1>" in page_of["zh"] and 'lang="zh-Hant"' in page_of["asked"]
    assert "m-1" in page_of["asked"] and "m-1" not in page_of["zh"]
    assert page_of["odd"].partition("Made on")[0] == page_of["en"].partition("Made on")[0]


def test_it_holds_ranks_and_nothing_of_any_person(page_of: dict[str, str]) -> None:
    page = page_of["en"]
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', page)
    assert [name for name, _ in rows][:2] == ["good", "middling"]
    assert rows[0][1].startswith("1") and rows[-1][1].endswith("3")
    assert "secret" not in page and "<img" not in page and "<script" not in page and "\u202e" not in page


@pytest.mark.slow
def test_with_accounts_it_is_shown_only_where_it_is_shared(tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text('{"ada": "long enough a password"}', encoding="utf-8")
    for share in (False, True):
        section = {"server": {"accounts": str(tmp_path / "accounts.json")}, "share_leaderboard": share}
        folder = tmp_path / str(share)
        folder.mkdir()
        with RunningDashboard(section, folder) as running:
            if share:
                with urlopen(f"{running.url}leaderboard", timeout=60) as reply:
                    assert "<h1>" in reply.read().decode()
            else:
                with pytest.raises(HTTPError) as fault:
                    urlopen(f"{running.url}leaderboard", timeout=60)
                assert fault.value.code == 404
                assert "share_leaderboard" in fault.value.read().decode()
                fault.value.close()


def test_without_votes_it_says_so_and_a_page_is_kept_for_a_while(tmp_path: Path) -> None:
    store = VoteStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    say, moment = Texts("en"), [0.0]
    boards = Leaderboards(store, clock=lambda: moment[0])

    async def steps() -> None:
        assert say("history.no_styles") in await boards.page("style", "en")
        fill(store)
        assert say("history.no_styles") in await boards.page("style", "en")
        moment[0] += KEPT_S
        assert "middling" in await boards.page("style", "en")

    asyncio.run(steps())
    page = leaderboard_page(with_outcomes(store.votes()), "style", Texts("zh-Hant"), datetime(2026, 3, 1, tzinfo=UTC))
    assert "2026-03-01 00:00 UTC" in page and Texts("zh-Hant")("leaderboard.made_up") not in page
    moment[0] += KEPT_S
    demonstration = Leaderboards(store, clock=lambda: moment[0], made_up=lambda: True)
    assert say("leaderboard.made_up") in asyncio.run(demonstration.page("style", "en"))
    store.close()

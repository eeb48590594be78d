"""One tab of one person, without a browser."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from dashboards import make_judge
from page_contexts import settled

from dashboard.params import parse_dashboard
from dashboard.server.services import Services
from dashboard.server.shell import Shell


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """What a tab shares with others; no judge is loaded yet."""
    store, judges = f"sqlite:///{tmp_path / 'votes.sqlite'}", str(make_judge(tmp_path / "runs", 60))
    opened = Services(parse_dashboard({"store": {"url": store}, "judges": judges, "find_ollama": False}))
    yield opened
    opened.close()


def test_the_page_in_view_looks_again_when_another_judge_is_used(services: Services) -> None:
    """A judge may be ready only after its page was opened, and somebody else may switch it."""

    async def walk() -> None:
        shell = Shell(services)
        to_loop = asyncio.get_running_loop().call_soon_threadsafe
        session = SimpleNamespace(destroyed=False)
        shell._document = SimpleNamespace(session_context=session, add_next_tick_callback=to_loop)
        shell.open("model")
        page = shell._pages["model"][0]
        await settled(page)
        assert not page.switch.disabled and page.say("model.in_use") not in str(page.choice.options)
        await services.judges.use(page.choice.value)
        await settled(page)
        assert page.switch.disabled and page.say("model.in_use") in str(page.choice.options)
        assert page.choice.value.name in shell.bar.judge
        shell.close()

    asyncio.run(walk())

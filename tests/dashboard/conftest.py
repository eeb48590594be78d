"""Real servers for the tests: a PostgreSQL of their own, one that speaks OpenAI's protocol, a judge, a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium
from dashboards import make_judge
from loop_guard import WatchedStore
from page_contexts import Judges
from playwright.sync_api import Browser
from postgres import empty_database, private_server
from small_run import make_run
from talking_server import TalkingServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a private PostgreSQL; yield the folder of its socket."""
    with private_server() as folder:
        yield folder


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty database of this test's own."""
    return empty_database(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty vote store, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'votes.sqlite'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def talking_server() -> Iterator[TalkingServer]:
    """A server that speaks OpenAI's protocol and misbehaves on demand (see talking_server.py)."""
    with TalkingServer() as server:
        yield server


@pytest.fixture(scope="session")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small saved judge."""
    return make_judge(tmp_path_factory.mktemp("judges"))


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small run, its judge and all that a run writes."""
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "first")
    return folder


@pytest.fixture
def service(runs_folder: Path) -> Judges:
    """The judge's service with that judge."""
    return Judges(runs_folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    """An empty store that refuses to be called on a guarded loop."""
    opened = WatchedStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of one file: Playwright's loop would disturb asyncio in other files."""
    with chromium() as started:
        yield started

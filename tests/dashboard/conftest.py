"""Real servers for the tests: a PostgreSQL of their own, one that speaks OpenAI's protocol, a judge, a browser."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from dashboards import chromium, make_judge
from playwright.sync_api import Browser
from talking_server import TalkingServer

_numbers = count()


def _postgres_bin() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return folders[-1].parent if folders else None


def _user() -> str | None:
    """PostgreSQL refuses to run as root: the name of somebody else then."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), "")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a private PostgreSQL that only a socket in a temporary folder leads to; yield that folder."""
    binaries, user = _postgres_bin(), _user()
    if binaries is None or user == "":
        message = "PostgreSQL's server programs (Debian: postgresql) are not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    folder = Path("/tmp") / f"votes-postgres-{os.getpid()}"  # a socket's path may have 107 characters at most
    folder.mkdir(mode=0o700)
    try:
        if user:
            shutil.chown(folder, user)
        data, quiet = folder / "data", {"user": user, "cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
        initdb = [binaries / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*initdb, "--locale=C"], **quiet)
        options = f"-k {folder} -c listen_addresses='' -c max_connections=60"
        subprocess.run([binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)
        try:
            yield str(folder)
        finally:
            subprocess.run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty database of this test's own."""
    import psycopg

    name = f"votes_{next(_numbers)}"
    with psycopg.connect(host=postgres_server, user="tester", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://tester@/{name}?host={postgres_server}"


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of one file: Playwright's loop would disturb asyncio in other files."""
    with chromium() as started:
        yield started

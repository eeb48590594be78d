"""A page's session is called as the server likes: a link cannot name one that somebody else knows."""

import base64
import json
import re
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from dashboards import RunningDashboard

NAME = "known-to-somebody"


def session_of(request: Request) -> str:
    """Return the session that a page will connect to."""
    with urlopen(request, timeout=60) as reply:
        found = re.search(r'"token":\s*"([\w=-]+)', reply.read().decode())
    assert found is not None
    content = found[1].split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))["session_id"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    with RunningDashboard({}, tmp_path_factory.mktemp("dashboard")) as dashboard:
        yield dashboard


def test_a_link_or_a_header_names_no_session(running: RunningDashboard, tmp_path: Path) -> None:
    # Catches: a link with a session's name, after which its sender sees and votes as the person who opened it.
    forged = base64.urlsafe_b64encode(json.dumps({"session_id": NAME, "session_expiry": 9e12}).encode()).decode()
    requests = [
        Request(f"{running.url}?bokeh-session-id={NAME}"),
        Request(f"{running.url}?bokeh-token={forged}"),
        Request(f"{running.url}?bokeh-token=abc"),
        Request(running.url, headers={"Bokeh-Session-Id": NAME}),
    ]
    sessions = [session_of(request) for request in requests]
    assert NAME not in sessions and len(set(sessions)) == len(sessions)

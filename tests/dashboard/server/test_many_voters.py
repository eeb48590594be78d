"""Twenty people vote at once on a real server process, which is killed hard in the middle of it.

`VOTING_SECONDS=120 python -m pytest -m load tests/dashboard/server/test_many_voters.py` lets them vote for two minutes
on each kind of store. It prints how many votes were acknowledged, and how long that took from the press.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest
import yaml
from dashboards import free_port
from talking_server import TalkingServer

from dashboard.votes.store import VoteStore

SECONDS = float(os.environ.get("VOTING_SECONDS", "10"))
PEOPLE = 20
ROOT = Path(__file__).parents[3]


@contextmanager
def server_process(params: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    said = params.with_name("server.log")
    with said.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "dashboard", str(params)], cwd=ROOT, stderr=log)
    try:
        until, ready = time.monotonic() + 400, False
        while not ready:
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until, f"the server did not come up: {said.read_text()}"
            try:
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
                    ready = json.load(reply)["judge"]["state"] == "ready"
            except (URLError, OSError):
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def voters(url: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Let people vote until the server is gone; yield what they are told, as it comes."""
    program = ROOT / "tests" / "support" / "pages" / "voters.py"
    command = [sys.executable, str(program), url, "--people", str(PEOPLE), "--seconds", "3600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield map(json.loads, process.stdout)
        finally:
            process.kill()


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that the server has used: unlike the clock, it does not depend on who else works."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


@pytest.mark.load
@pytest.mark.parametrize(
    ("models", "at_once", "seconds"),
    [(("talks", "echoes"), 40, SECONDS), (("slow", "slow"), 4, max(SECONDS, 75.0))],
    ids=["quick", "12 tokens a second"],
)
def test_every_vote_is_stored_once_also_when_the_server_is_killed(
    store_url: str,
    judges: Path,
    talking_server: TalkingServer,
    tmp_path: Path,
    models: tuple[str, str],
    at_once: int,
    seconds: float,
    capsys: pytest.CaptureFixture[str],
    record_property: Any,
) -> None:
    style = {"generator": "openai", "base_url": talking_server.url}
    port = free_port()
    section = {
        "find_ollama": False,
        "judges": str(judges),
        "store": {"url": store_url},
        "server": {"port": port, "secret_file": str(tmp_path / "secret")},
        "styles": {"a": style | {"name": "one", "model": models[0]}, "b": style | {"name": "two", "model": models[1]}},
        "limits": {
            "questions_per_minute": 1000,
            "questions_per_hour": 10_000,
            "votes_per_minute": 1000,
            "answers_at_once": at_once,
        },
    }
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({"dashboard": section}), encoding="utf-8")
    told: list[dict[str, Any]] = []
    with server_process(params, port) as server, voters(f"http://localhost:{port}/") as lines:
        assert next(lines) == {"opened": True}
        spent = cpu_seconds(server)
        end = time.monotonic() + seconds
        for row in lines:
            told.append(row)
            if time.monotonic() > end or "faults" in row:
                break
        assert server.poll() is None and "faults" not in told[-1], told[-1]
        spent = cpu_seconds(server) - spent
        server.send_signal(signal.SIGKILL)
        server.wait()
        *later, last = lines
    told += later
    assert len(last["faults"]) == PEOPLE
    gone = ("the server is gone", "WebSocketClosedError")
    assert all(any(sign in fault for sign in gone) for fault in last["faults"]), last["faults"]
    assert [row for row in told if "refused" in row] == []

    store = VoteStore.open(store_url)
    votes = store.votes()
    store.close()
    stored = Counter(turns[0] for turns in votes["prompt"])
    assert max(stored.values()) == 1
    assert votes["battle_id"].is_unique
    questions = {str(row["question"]) for row in told}
    assert len(questions) == len(told)
    assert questions <= stored.keys(), f"lost: {questions - stored.keys()}"
    assert len(stored) - len(questions) <= PEOPLE, "more than one vote of a person was on its way at the kill"
    assert votes[["p_a", "p_b", "p_tie"]].notna().all().all()

    took = sorted(row["seconds"] for row in told)
    assert len(took) >= PEOPLE
    median, p95 = took[len(took) // 2], took[int(0.95 * len(took))]
    each = 1000 * spent / len(took)
    summary = (
        f"{len(took)} votes of {PEOPLE} people in {seconds:g} s, median {median:.3f} s, p95 {p95:.3f} s, "
        f"{each:.0f} ms of the server's CPU a question with its vote"
    )
    figures = {"votes": len(took), "median": round(median, 4), "p95": round(p95, 4), "cpu_ms": round(each, 1)}
    for name, value in figures.items():
        record_property(name, value)
    with capsys.disabled():
        sys.stdout.write(f"\n{store_url.partition(':')[0]}: {summary}; {len(stored)} stored\n")
    assert p95 < 1.0, summary

"""Twenty people vote at once on a real server process, which is killed hard in the middle of it.

`VOTING_SECONDS=120` lets them vote for two minutes; the default is short enough for every run of the tests.
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
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml
from dashboards import free_port
from talking_server import TalkingServer

from dashboard.store import VoteStore

SECONDS = float(os.environ.get("VOTING_SECONDS", "15"))
PEOPLE = 20
ROOT = Path(__file__).parents[2]


@contextmanager
def server_process(params: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "dashboard", str(params)], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        until, ready = time.monotonic() + 400, False
        while not ready:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server did not come up"
            try:
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
                    ready = json.load(reply)["judge"]["state"] == "ready"
            except (URLError, OSError):
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def voters(url: str, seconds: float) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("voters.py")
    command = [sys.executable, str(program), url, "--people", str(PEOPLE), "--seconds", str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[list[dict[str, object]], list[str]]:
    output, _ = process.communicate(timeout=SECONDS + 240)
    *told, last = [json.loads(line) for line in output.splitlines() if "opened" not in line]
    return told, last["faults"]


@pytest.mark.load
def test_every_vote_is_stored_once_also_when_the_server_is_killed(
    store_url: str, judges: Path, talking_server: TalkingServer, tmp_path: Path
) -> None:
    style = {"generator": "openai", "base_url": talking_server.url}
    port = free_port()
    section = {
        "find_ollama": False,
        "judges": str(judges),
        "store": {"url": store_url},
        "server": {"port": port, "secret_file": str(tmp_path / "secret")},
        "styles": {"a": style | {"name": "one", "model": "talks"}, "b": style | {"name": "two", "model": "echoes"}},
        "limits": {"questions_per_minute": 1000, "questions_per_hour": 10_000, "votes_per_minute": 1000},
    }
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({"dashboard": section}), encoding="utf-8")
    with server_process(params, port) as server:
        told, faults = ended(voters(f"http://localhost:{port}/", SECONDS))
        assert faults == []
        assert [row for row in told if "refused" in row] == []
        took = sorted(float(row["seconds"]) for row in told)  # type: ignore[arg-type]
        assert len(took) >= PEOPLE
        p95 = took[int(0.95 * len(took))]

        going = voters(f"http://localhost:{port}/", 600)
        assert going.stdout is not None
        assert "opened" in going.stdout.readline()
        time.sleep(min(8.0, SECONDS / 2))
        server.send_signal(signal.SIGKILL)
        server.wait()
        told_later, faults = ended(going)
    assert len(faults) == PEOPLE
    store = VoteStore.open(store_url)
    votes = store.votes()
    store.close()
    counted = Counter(turns[0] for turns in votes["prompt"])
    questions = [str(row["question"]) for row in told + told_later]
    asked_twice = {question for question, times in Counter(questions).items() if times > 1}
    for question in questions:
        expected = 2 if question in asked_twice else 1
        assert counted[question] >= expected, question
    assert len(votes) - len(questions) <= PEOPLE
    assert votes["battle_id"].is_unique
    assert votes[["p_a", "p_b", "p_tie"]].notna().all().all()
    summary = (
        f"{len(took)} votes, median {took[len(took) // 2]:.3f} s, p95 {p95:.3f} s, {len(told_later)} before the kill"
    )
    (tmp_path / "summary.txt").write_text(summary, encoding="utf-8")
    sys.stdout.write(f"\n{store_url.partition(':')[0]}: {summary}\n")
    assert p95 < 1.0, summary

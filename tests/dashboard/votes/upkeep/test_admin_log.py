"""What admins do is on the disk before it is done; what cannot be written down is not done."""

import json
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.votes.upkeep.admin_log import AdminLog
from pipelines.errors import UserError


def test_lines_are_whole_for_the_owner_alone_and_the_newest_comes_first(tmp_path: Path) -> None:
    log = AdminLog(tmp_path / "log", lambda: datetime(2026, 3, 1, tzinfo=UTC))
    assert log.last(5) == []
    log.add("ann", "erase", person="p1\n\u202e", votes=3)
    with log.path.open("ab") as opened:
        opened.write(b'{"at": "cut in the mid')  # the machine went down
    log.add("bob", "copy", name="x")
    first, second = log.last(5)
    assert (first["who"], first["action"]) == ("bob", "copy")
    assert second == {
        "at": "2026-03-01T00:00:00+00:00",
        "who": "ann",
        "action": "erase",
        "person": "p1\n\u202e",
        "votes": 3,
    }
    assert stat.S_IMODE(os.stat(log.path).st_mode) == 0o600
    assert len(log.path.read_bytes().splitlines()) == 3
    assert log.last(1) == [first]


def test_many_at_once_and_a_long_file(tmp_path: Path) -> None:
    log = AdminLog(tmp_path / "log")
    log.path.write_bytes(b"x" * (1 << 19) + b"\n")
    threads = [threading.Thread(target=log.add, args=(f"p{n}", "copy")) for n in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {row["who"] for row in log.last(100)} == {f"p{n}" for n in range(20)}
    assert all(json.loads(line) for line in log.path.read_bytes().splitlines()[1:])


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not done; correct dashboard\.accounts\.log"):
        AdminLog(tmp_path / "no folder" / "log").add("ann", "erase")

"""A file of a stranger holds up nobody: read in a process of its own, bounded, ended when nobody waits for it."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pyarrow
import pytest
from page_contexts import settled
from pyarrow import parquet

from dashboard.pages.file.file import FileVotesPage
from dashboard.pages.page import Context
from dashboard.params import DashboardParams
from dashboard.sessions import battle_files, file_reading
from dashboard.sessions.file_reading import read_apart
from dashboard.texts import Texts
from pipelines.errors import UserError
from pipelines.terminal.processes import Bounds, Stopped

LINE = json.dumps({"id": "1", "prompt": ["half \ud83d", "字"], "response_a": ["a"], "response_b": [""]}) + "\n"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that has code take the place of the reader."""

    def put(code: str) -> None:
        (tmp_path / "another_reader.py").write_text(code, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(file_reading, "WORKER", "another_reader")

    return put


FOREVER = "import time\nwhile True: time.sleep(1)"


def readers() -> list[psutil.Process]:
    """Return the processes that read now."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended meanwhile
            found += [child] if "another_reader" in child.cmdline() else []
    return found


def context() -> Context:
    """Return what a page may use, as far as choosing a file needs it."""
    judges = SimpleNamespace(current=None, runs=list)
    return Context(DashboardParams(), None, judges, Texts("en"), "s", None, slots=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "a.jsonl"
    found.write_text(LINE, encoding="utf-8")
    return found


def test_texts_come_as_they_are_in_the_file(path: Path) -> None:
    battles, left_out, form = read_apart(path, "mine.jsonl", threading.Event())
    assert form.endswith("columns") or form.startswith("a table")
    assert left_out == 0
    row = battles.iloc[0]
    assert (row["prompt"], row["response_b"]) == (("half \ud83d", "字"), ("",))
    assert (row["source"], row["outcome"], row["weight"]) == ("mine.jsonl", -1, 1.0)


def test_a_small_file_that_unfolds_to_more_than_may_be_is_refused_by_both_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reading, "MOST_UNFOLDED", 50_000_000)
    text = json.dumps(["x" * 1_000_000])
    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 200, pyarrow.int32()), pyarrow.array([text]))
    few = pyarrow.array(["[]"] * 200)
    table = pyarrow.table({"id": pyarrow.array(range(200)), "prompt": same, "response_a": few, "response_b": few})
    parquet.write_table(table, tmp_path / "a.parquet", compression="zstd", store_schema=False)
    content = (tmp_path / "a.parquet").read_bytes()
    assert len(content) < 12_000
    with pytest.raises(UserError, match=r"^a.parquet: unfolds to [0-9,]+ .*, and 50,000,000 are the most") as fault:
        battle_files.uploaded("a.parquet", content)
    assert "\n" not in str(fault.value)


def test_a_file_without_a_battle_says_what_is_wrong_with_its_first_row(path: Path) -> None:
    path.write_text('{"id": 1, "prompt": null, "response_a": "a", "response_b": "b"}\n' * 3, encoding="utf-8")
    with pytest.raises(UserError, match=r"^mine, line 1 \(id 1\): prompt is empty; no row holds a battle"):
        read_apart(path, "mine", threading.Event())


def test_a_reading_that_nobody_waits_for_is_ended_with_its_process(path: Path, reader: Callable[[str], None]) -> None:
    reader(FOREVER)
    stop = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read_apart, path, "slow", stop, "she")
        while not readers():
            assert not reading.done()
        stop.set()
        with pytest.raises(Stopped):
            reading.result(10)
    assert not readers()


def test_many_slow_files_of_one_person_let_another_person_read_hers(path: Path, reader: Callable[[str], None]) -> None:
    reader(
        "import sys, time, pathlib, dashboard.sessions.file_reading\n"
        "while sys.argv[1].endswith('slow.jsonl'): time.sleep(1)\n"
        "dashboard.sessions.file_reading.main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]))"
    )
    slow, stop = path.with_name("slow.jsonl"), threading.Event()
    with ThreadPoolExecutor(12) as threads:
        hers = [threads.submit(read_apart, slow, "slow", stop, "one") for _ in range(10)]
        try:
            battles, *_ = threads.submit(read_apart, path, "mine", stop, "other").result(60)
            assert len(battles) == 1
            assert not any(each.done() for each in hers)
        finally:
            stop.set()
        assert all(isinstance(each.exception(10), Stopped) for each in hers)


@pytest.mark.parametrize(
    ("code", "bounds", "says"),
    [
        (f"held = b'x' * 400_000_000\n{FOREVER}", Bounds(200_000_000, 60), "[0-9,]+ bytes of memory, and 200,000,000"),
        (FOREVER, Bounds(1_000_000_000, 0.2), "more than 0.2 seconds"),
    ],
    ids=["memory", "time"],
)
def test_a_reader_that_takes_too_much_is_ended(
    path: Path,
    reader: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    bounds: Bounds,
    says: str,
) -> None:
    reader(code)
    monkeypatch.setattr(file_reading, "BOUNDS", bounds)
    with pytest.raises(UserError, match=f"^mine: takes {says}.* to read; take a part of it.$"):
        read_apart(path, "mine", threading.Event())
    assert not readers()


@pytest.mark.parametrize("code", ["import os; os.abort()", "raise SystemExit(3)", "print('[')", "1 / 0"])
def test_a_reader_that_dies_costs_its_file_alone(path: Path, reader: Callable[[str], None], code: str) -> None:
    reader(code)
    with pytest.raises(UserError, match="^mine: cannot be read, reading it broke off"):
        read_apart(path, "mine", threading.Event())


def test_a_reader_ends_with_the_server() -> None:
    code = (
        "import dashboard.sessions.file_reading as w, threading\n"
        "w.write = lambda *_: threading.Event().wait(); w.main(0, 0, 1)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()  # as the system does when the server ends
        assert process.wait(20) == 1


def test_another_file_and_leaving_the_page_end_the_reading() -> None:
    asked: list[tuple[threading.Event, str]] = []

    def read(stop: threading.Event, person: str) -> battle_files.BattleFile:
        asked.append((stop, person))
        if stop.wait(60):
            raise Stopped
        raise AssertionError("nobody ended the reading")

    async def walk() -> None:
        page = FileVotesPage(context())
        page.panel()
        page.chooser.load(read)
        page.chooser.load(read)
        while len(asked) < 2:
            await asyncio.sleep(0.01)
        assert sorted((stop.is_set(), person) for stop, person in asked) == [(False, "s"), (True, "s")]
        page.closed()
        await settled(page)
        assert all(stop.is_set() for stop, _ in asked)
        assert page.round is None

    asyncio.run(walk())

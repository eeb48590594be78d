"""Texts that never end, or take all memory, cost one of several processes a moment, and nobody else anything."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from dashboard.rendering.drawings import Drawings, _Painter
from dashboard.rendering.rendered import LONGEST_SHOWN, TOO_LARGE, Rendered

FENCE = "`" * 3
ENDLESS = f"\n\n{FENCE}tnt\n(("
"""Put behind any text; without another sign behind it, the lexer never ends."""
UNDRAWABLE = "*_" * 30_000
"""Also without marks: 60,000 signs of emphasis in one paragraph."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Drawings]:
    drawings = Drawings(2)
    drawings.submit(["warm"], "one").result(60)
    yield drawings
    drawings.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.rendering.drawings.SECONDS", 0.5)
    monkeypatch.setattr("dashboard.rendering.drawings.AGAIN_SECONDS", 0.5)


def workers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "dashboard.rendering.rendering_worker" in command_of(each)]


def command_of(process: psutil.Process) -> list[str]:
    """Return a process's command line, an empty one where it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_turns_are_drawn_and_cut_at_the_longest_that_is_shown(shared: Drawings) -> None:
    shown = shared.submit(["**one**", "two"]).result(60)
    assert "<strong>one</strong>" in shown.html and "<hr>" in shown.html and "two" in shown.html
    assert (shown.left_out, shown.as_written, shown.marks) == (0, "", True)
    long = shared.submit(["x" * (LONGEST_SHOWN - 1), "yz", "more"]).result(60)
    assert long.left_out == 5
    assert "y" in long.html and "z" not in long.html and "more" not in long.html
    assert shared.submit(["", "\ud800\u202e"]).result(60).html.count("⟦U+202E⟧") == 1
    assert shared.submit([]).result(60).html == ""


def test_an_endless_lexer_is_ended_and_the_rest_of_the_text_is_drawn_without_colours(shared: Drawings) -> None:
    began = time.monotonic()
    shown = shared.submit([f"**drawn** $x${ENDLESS}"]).result(60)
    assert time.monotonic() - began < 10
    assert (shown.as_written, shown.marks) == ("", False)
    assert "<strong>drawn</strong>" in shown.html and "((" in shown.html and "hl-k" not in shown.html


def test_what_cannot_be_drawn_at_all_is_shown_as_it_was_written_and_never_tried_again(
    shared: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(f"dashboard.rendering.drawings.{name}", 0.02)
    shown = shared.submit([UNDRAWABLE]).result(60)
    assert (shown.as_written, shown.marks) == ("all", False)
    assert shown.html == f'<pre class="source" dir="auto"><code>{UNDRAWABLE}</code></pre>'
    shared.submit(["the process that was ended has been replaced"]).result(60)
    before = {each.pid for each in workers()}
    began = time.monotonic()
    assert shared.submit([UNDRAWABLE], "another").result(60) is shown
    assert time.monotonic() - began < 0.3
    assert {each.pid for each in workers()} == before


def test_the_same_text_asked_for_by_many_at_once_is_tried_once(shared: Drawings) -> None:
    text = f"many{ENDLESS}"
    assert len({id(shared.submit([text], f"person {number}")) for number in range(20)}) == 1
    assert shared.submit([text]).result(60).marks is False


def test_a_text_whose_turn_does_not_come_is_shown_as_it_was_written_and_tried_the_next_time(
    shared: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.rendering.drawings.PATIENCE", 0.2)
    hostile = shared.submit([f"patience{ENDLESS}"], "one")
    late = shared.submit(["**late**"], "one")
    assert late.result(60).as_written == "all"
    hostile.result(60)
    monkeypatch.setattr("dashboard.rendering.drawings.PATIENCE", 60.0)
    assert shared.submit(["**late**"], "one").result(60).as_written == ""


def test_a_process_that_dies_while_it_waits_costs_nothing(shared: Drawings) -> None:
    for each in workers():
        each.send_signal(signal.SIGKILL)
    psutil.wait_procs(workers(), timeout=20)
    assert {shared.submit([f"**{number}**, after"]).result(60).as_written for number in range(4)} == {""}


def test_who_leaves_takes_a_text_from_nobody_else(shared: Drawings) -> None:
    one, other = shared.submit([f"both{ENDLESS}"], "one"), shared.submit([f"both{ENDLESS}"], "other")
    assert not one.cancel()
    assert other.result(60).html


def test_after_closing_nothing_runs_and_nobody_waits() -> None:
    before = {each.pid for each in workers()}
    drawings = Drawings(2)
    held_up = [drawings.submit([f"closing {number}{ENDLESS}"], f"{number}") for number in range(4)]
    drawings.close()
    assert [each.result(1).as_written for each in held_up] == ["all"] * 4
    assert drawings.submit(["**late**"]).result(1).as_written == "all"
    assert {each.pid for each in workers()} == before


@pytest.mark.parametrize("text", ["**drawn**", ENDLESS])
def test_processes_end_when_the_dashboard_is_killed(text: str) -> None:
    """Also while one draws a text that never ends."""
    program = (
        "import sys, time; from dashboard.rendering.drawings import Drawings; drawings = Drawings(2); "
        "drawings.submit(['warm'], 'one').result(); future = drawings.submit([sys.argv[1]]); "
        "sys.argv[1] == '**drawn**' and future.result(); print('now', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, text], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None and parent.stdout.readline() == "now\n"
        children = psutil.Process(parent.pid).children()
        assert len(children) == 2
        os.kill(parent.pid, signal.SIGKILL)
        assert psutil.wait_procs(children, timeout=20)[1] == []
    finally:
        parent.kill()
        parent.communicate()


def test_memory_is_bounded() -> None:
    program = (
        "import json, psutil; from dashboard.rendering import rendering_worker as worker; "
        "draw = lambda text: worker.answer(json.dumps([60, True, [text]]).encode(), 2); draw('warm'); "
        "worker.MEGABYTES = psutil.Process().memory_info().vms // 2**20 + 12; worker.limit_memory(); "
        "draw('fits'); print('drawn', flush=True); draw('a\\n' * 60_000)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (TOO_LARGE, "drawn\n", "")


def test_many_hostile_texts_of_one_person_hold_up_nobody_else(
    shared: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Last here: what it began is ended with the fixture."""
    monkeypatch.setattr("dashboard.rendering.drawings.SECONDS", 3.0)
    hostile = [shared.submit([f"{number}{ENDLESS}"], "hostile") for number in range(4)]
    for number in range(5):
        assert "<strong>" in shared.submit([f"**{number}**"], f"kind {number}").result(60).html
    assert not any(each.done() for each in hostile)  # so nobody has waited for a deadline


def test_a_text_that_the_machine_had_no_time_for_is_tried_again_when_it_is_asked_for_again(
    shared: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    starved = iter([True])

    def draw(painter: _Painter, drawing: object) -> Rendered:
        if next(starved, False):
            raise TimeoutError
        return Rendered("drawn")

    monkeypatch.setattr(_Painter, "draw", draw)
    assert shared.submit(["on a busy machine"]).result(60).as_written == "all"
    assert shared.submit(["on a busy machine"]).result(60).html == "drawn"

"""How a command speaks where the screen is odd: another encoding, steering signs, none at all, a full disk."""

import io
import sys

import pytest
from rich.console import Console

from pipelines.errors import UserError
from pipelines.terminal.command_line import Screen, harmless, run_command

NAME = "\u6295\u7968\udcff\x1b[31m.csv"
"""A name of a file in Chinese, with a byte that is no text and a sign that colours a terminal."""


def screen_of(monkeypatch, encoding, name="stdout"):
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(bytes_, encoding=encoding, errors="strict", write_through=True))
    return bytes_


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_any_name_can_be_said_in_any_encoding(monkeypatch, encoding):
    # Catches: a command that ends in a UnicodeEncodeError where its output goes into a file on Windows.
    out = screen_of(monkeypatch, encoding)
    run_command(lambda: Screen().note(f"{NAME}: 6 votes."))
    said = out.getvalue()
    assert b": 6 votes." in said and b"\x1b" not in said
    assert encoding != "ascii" or b"\\u6295\\u7968" in said


def test_a_sentence_for_the_user_steers_no_terminal(monkeypatch):
    out = screen_of(monkeypatch, "utf-8", "stderr")

    def command():
        raise UserError(f"{NAME}: is empty.")

    with pytest.raises(SystemExit, match="2"):
        run_command(command)
    assert "\u6295\u7968\ufffd⟦U+001B⟧[31m.csv: is empty.\n" in out.getvalue().decode()


def test_a_closed_error_output_changes_no_status(monkeypatch):
    # Catches: status 1 instead of 2 for a job whose error output is closed.
    monkeypatch.setattr(sys, "stderr", None)

    def command():
        raise UserError("a.csv: is empty.")

    with pytest.raises(SystemExit, match="2"):
        run_command(command)


def test_an_output_that_takes_nothing_is_one_sentence():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"the output: cannot be written \(No space left"):
        Screen(Console(file=Full())).note("six votes")


def test_what_is_harmless_stays():
    for text in ("plain", "two\nlines\tand a tab", "臺北 é ñ 👍🏿", ""):
        assert harmless(text) == text


@pytest.mark.parametrize("terminal", [True, False])
def test_a_table_wider_than_the_terminal_stands_in_parts_and_in_a_file_as_it_is(terminal):
    heading = ["model", *(cell for place in range(6) for cell in (f"rate {place}", ""))]
    rows = [heading, *([name, *["1.234", "[1.1, 1.3]"] * 6] for name in ("one", "二"))]
    written = io.StringIO()
    Screen(Console(file=written, force_terminal=terminal, width=80, soft_wrap=True, highlight=False)).table("T", rows)
    lines = written.getvalue().splitlines()
    assert (max(map(len, lines)) <= 80) == terminal
    assert sum(line.startswith("  model") for line in lines) == (2 if terminal else 1)
    assert sum(line.count("1.234  [1.1, 1.3]") for line in lines) == 12  # an interval stays with its number

"""Every command ends alike: one sentence and status 2 for what the user can fix, 130 after Ctrl+C."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pipelines.command_line import run_command
from pipelines.errors import UserError

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipelines", "features", "stacker", "dashboard")
CHILDREN = {"features.worker", "stacker.benchmarks.verdicts", "dashboard.learning.work", "pipelines.starter"}
"""Processes that this project starts for itself, and a command that only starts another."""


def commands():
    """Return the modules that `python -m` runs, with their syntax trees."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in source:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
                found[name] = ast.parse(source)
    return found


def test_every_command_ends_by_the_one_wrapper():
    found = commands()
    assert {"dashboard", "stacker.run", "stacker.starter", "pipelines.models"} <= set(found)
    for name in sorted(set(found) - CHILDREN):
        nodes = list(ast.walk(found[name]))
        assert "run_command" in {getattr(node.func, "id", "") for node in nodes if isinstance(node, ast.Call)}, name
        caught = [ast.dump(node.type) for node in nodes if isinstance(node, ast.ExceptHandler) and node.type]
        assert not [each for each in caught if "UserError" in each], name


REFUSED = [
    ("stacker.run", ["none.yaml"]),
    ("stacker.study", ["none.yaml"]),
    ("stacker.predict", ["none.csv", "--out", "out.csv"]),
    ("stacker.bench", ["--rows", "1"]),
    ("stacker.starter", ["none", "--out", "out"]),
    ("stacker.starter.gain", ["none.csv", "--table", "a.md", "--picture", "a.svg"]),
    ("pipelines.kaggle", ["none", "--user", "somebody"]),
    ("pipelines.kaggle_submission", ["none.csv", "out.csv", "--fallback", "0.4", "0.3", "0.3"]),
    ("pipelines.preferences", ["none.csv", "--out", "out.jsonl"]),
    ("pipelines.dpo", ["none", "none.csv", "--out", "out"]),
    ("pipelines.models", ["check", "owner/none", "--to", "none"]),
    ("dashboard", ["none.yaml"]),
    ("dashboard.export_votes", ["out.csv", "--params", "none.yaml"]),
]


def test_every_command_is_tried():
    assert {name for name, _ in REFUSED} == set(commands()) - CHILDREN


@pytest.mark.parametrize(("name", "arguments"), REFUSED)
def test_what_the_user_can_fix_is_one_sentence_status_2_and_changes_nothing(
    name, arguments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    module = import_module(f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name)
    with pytest.raises(SystemExit) as ended:
        module.main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.rstrip().endswith((".", "?"))
    assert list(tmp_path.rglob("*")) == []


def test_the_status_is_that_of_the_process():
    command = [sys.executable, "-m", "pipelines.preferences", "none.csv", "--out", "out.txt"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "--out out.txt: ends in .txt; end it in .jsonl or .parquet.\n"


def test_ctrl_c_has_the_status_that_shells_give_it(capsys):
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run_command(stopped)
    assert ended.value.code == 130 and capsys.readouterr().err.startswith("Stopped; ")


def test_a_fault_of_the_program_is_not_hidden():
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command(broken)
    with pytest.raises(SystemExit):
        run_command(lambda: (_ for _ in ()).throw(UserError("a sentence")))

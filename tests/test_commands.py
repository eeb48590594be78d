"""Every command ends alike: one sentence and status 2 for what the user can fix, 130 after Ctrl+C."""

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.models.__main__ import network_cut
from pipelines.terminal.command_line import run_command

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipelines", "features", "stacker", "dashboard")
CHILDREN = {
    "features.parallel",
    "features.encoder.engines.copies",
    "stacker.bench.measure",
    "stacker.serve.judge_process",
    "dashboard.generators.writing_worker",
    "dashboard.sessions.file_reading",
    "dashboard.judges.learning_work",
    "dashboard.rendering.rendering_worker",
    "pipelines.starter",
}
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


def test_help_fits_a_terminal_of_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    wide = []
    for name in sorted(set(commands()) - CHILDREN):
        module = import_module(f"{name}.__main__" if (ROOT / name.replace(".", "/") / "__main__.py").exists() else name)
        with pytest.raises(SystemExit) as ended:
            module.main(["--help"])
        said = capsys.readouterr().out
        assert ended.value.code == 0 and said.startswith("usage: "), name
        wide += [f"{name}: {line}" for line in said.splitlines() if len(line) > 80]
    assert not wide


REFUSED = [
    ("stacker.run", ["none.yaml"]),
    ("stacker.study", ["none.yaml"]),
    ("stacker.predict", ["none.csv", "--out", "out.csv"]),
    ("stacker.audit", ["none", "none.csv", "--json", "out.json", "--page", "out.html"]),
    ("stacker.evaluate", ["none", "none.csv", "--json", "out.json", "--page", "out.html"]),
    ("stacker.recalibrate", ["none", "none.csv", "--out", "out"]),
    ("stacker.bench.few_votes", ["none.csv"]),
    ("stacker.bench", ["--rows", "1"]),
    ("stacker.bench.scale", ["--battles", "0"]),
    ("stacker.serve", ["none", "--port", "0"]),
    ("stacker.leaderboard", ["starter", "none.csv", "--json", "out.json"]),
    ("stacker.starter", ["none", "--out", "out"]),
    ("stacker.starter.gain", ["none.csv", "--table", "a.md", "--picture", "a.svg"]),
    ("stacker.starter.held_out", ["none", "--table", "a.md"]),
    ("pipelines.kaggle", ["none", "--user", "somebody"]),
    ("pipelines.kaggle.completion", ["none.csv", "out.csv", "--fallback", "0.4", "0.3", "0.3"]),
    ("pipelines.preferences", ["none.csv", "--out", "out.jsonl"]),
    ("pipelines.dpo", ["none", "none.csv", "--out", "out"]),
    ("pipelines.chat.revision", ["none", "none.csv", "--out", "out.jsonl"]),
    ("pipelines.models", ["check", "owner/none", "--to", "none"]),
    ("dashboard", ["none.yaml"]),
    ("dashboard.export_votes", ["out.csv", "--params", "none.yaml"]),
    ("dashboard.votes", ["backup", "out.sqlite", "--params", "none.yaml"]),
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


RUN = ("run/results.json", "run/report.html", "run/judge/judge.json", "run/submission.csv", "run/kaggle/a")
STUDY = ("study/study.json", "study/study.html", "study/params.tuned.yaml", "study/set_aside.jsonl")
TYPO = "data.sources=[{path: tpyo.csv}]"
KEPT = [
    ("stacker.run", ["params.yaml", "--set", TYPO], RUN),
    ("stacker.run", ["params.yaml", "--set", "data.sources=[{path: empty.csv}]"], RUN),
    ("stacker.run", ["params.yaml", "--set", "encoder.model=none/none", "--set", "encoder.fallback=null"], RUN),
    ("stacker.study", ["params.yaml", "--set", TYPO], STUDY),
    ("stacker.study", ["params.yaml", "--set", "study.target=none"], STUDY),
    ("stacker.study", ["params.yaml", "--set", "study.space={run.seed: [1, 2]}"], STUDY),
    ("stacker.predict", ["none", "battles.csv", "--out", "out.csv"], ("out.csv", "out.csv.set_aside.jsonl")),
    ("stacker.predict", ["battles.csv", "none.csv", "--out", "out.csv"], ("out.csv", "out.csv.set_aside.jsonl")),
    ("stacker.predict", ["battles.csv", "--out", "battles.csv"], ()),
    ("stacker.predict", ["out.csv.set_aside.jsonl", "--out", "out.csv"], ("out.csv.set_aside.jsonl",)),
    ("stacker.audit", ["starter", "none.csv", "--json", "a.json", "--page", "a.html"], ("a.json", "a.html")),
    ("stacker.audit", ["--export", "a.csv", "none.csv"], ("a.csv",)),
    ("stacker.audit", ["--export", "battles.csv", "battles.csv"], ()),
    ("stacker.audit", ["battles.csv", "battles.csv", "--page", "a.html"], ("a.html",)),
    ("stacker.evaluate", ["starter", "none.csv", "--json", "a.json", "--page", "a.html"], ("a.json", "a.html")),
    ("stacker.evaluate", ["starter", "battles.csv", "--json", "battles.csv"], ()),
    ("stacker.evaluate", ["battles.csv", "battles.csv", "--page", "a.html"], ("a.html",)),
    ("stacker.serve", ["none", "--port", "0"], ("none.csv",)),
    ("stacker.recalibrate", ["starter", "battles.csv", "--out", "judge"], ("judge/judge.json",)),
    ("stacker.recalibrate", ["starter", "battles.csv", "--out", "battles.csv"], ()),
    ("stacker.bench", ["--data", "none.csv", "--to", "bench"], ("bench/bench.json", "bench/bench.svg")),
    ("stacker.leaderboard", ["starter", "none.csv", "--page", "a.html"], ("a.html",)),
    ("stacker.leaderboard", ["starter", "battles.csv", "--json", "battles.csv"], ()),
    ("stacker.starter", ["none", "--out", "judge"], ("judge/judge.json", "judge/MODEL_CARD.md")),
    ("stacker.starter.gain", ["none.csv", "--table", "a.md", "--picture", "a.svg"], ("a.md", "a.svg")),
    ("stacker.starter.gain", ["battles.csv", "--table", "battles.csv", "--picture", "a.svg"], ("a.svg",)),
    ("stacker.starter.held_out", ["none", "--table", "a.md"], ("a.md",)),
    ("pipelines.kaggle", ["run", "--user", "no name"], RUN),
    ("pipelines.kaggle", ["run", "--user", "somebody"], RUN),
    ("pipelines.kaggle.completion", ["none.csv", "out.csv", "--fallback", "0.4", "0.3", "0.3"], ("out.csv",)),
    ("pipelines.kaggle.completion", ["a.csv", "./a.csv", "--fallback", "0.4", "0.3", "0.3"], ("a.csv",)),
    ("pipelines.preferences", ["battles.csv", "none.csv", "--out", "out.jsonl"], ("out.jsonl",)),
    ("pipelines.preferences", ["votes.jsonl", "--out", "sub/../votes.jsonl"], ("votes.jsonl", "sub/a")),
    ("pipelines.dpo", ["none", "battles.csv", "--out", "out"], ("out/dpo.json",)),
    ("pipelines.dpo", ["model", "battles.csv", "--out", "model"], ("model/config.json", "model/dpo.json")),
    ("pipelines.chat.revision", ["none", "battles.csv", "--out", "out.jsonl"], ("out.jsonl",)),
    ("pipelines.chat.revision", ["none", "battles.csv", "--out", "battles.csv"], ()),
    ("pipelines.models", ["fetch", "owner/name", "--to", "models"], ("models/owner--name/config.json",)),
    ("dashboard.export_votes", ["votes.csv", "--params", "params.yaml"], ("votes.csv",)),
    ("dashboard.votes", ["backup", "votes.copy", "--params", "params.yaml"], ("votes.copy",)),
    ("dashboard.votes", ["restore", "none.copy", "--params", "params.yaml"], ()),
    ("dashboard.votes", ["erase", "somebody", "--yes", "--params", "params.yaml"], ()),
]


def snapshot(folder):
    """Return what lies in a folder: bytes and time of each file, and the folders."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.mark.parametrize(("name", "arguments", "outputs"), KEPT)
def test_a_refused_command_leaves_the_outputs_of_the_one_before(
    name, arguments, outputs, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for path in map(Path, outputs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}" if path.suffix in (".json", ".jsonl") else "of the command before")
    header = "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
    Path("empty.csv").write_text(header)
    Path("battles.csv").write_text(header + '1,a,b,"[""p""]","[""x""]","[""y""]",1,0,0\n')
    Path("params.yaml").write_text(
        "run: {folder: run, cache: cache}\nstudy: {folder: study, space: {features.sentiment: [true]}}\n"
    )
    before = snapshot(tmp_path)
    module = import_module(f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name)
    with pytest.raises(SystemExit) as ended, network_cut():
        module.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert snapshot(tmp_path) == before


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


def test_a_library_of_an_extra_that_is_missing_is_named(capsys):
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: import_module("none_such.part"))
    assert ended.value.code == 2 and capsys.readouterr().err.startswith("none_such: is not installed; `pip install")
    with pytest.raises(ModuleNotFoundError):
        run_command(lambda: import_module("stacker.none_such"))


def test_every_script_of_the_project_is_a_command():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for target in scripts.values():
        name, _, function = target.partition(":")
        assert name.removesuffix(".__main__") in dict(REFUSED) and callable(getattr(import_module(name), function))


def test_a_fault_of_the_program_is_not_hidden():
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command(broken)
    with pytest.raises(SystemExit):
        run_command(lambda: (_ for _ in ()).throw(UserError("a sentence")))

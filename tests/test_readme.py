"""The documents tell the truth: their links, their commands, and every block of Python in them runs."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from pipelines.battles.built_in import sample_battles

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted(
    path
    for folder in (ROOT, *(ROOT / name for name in ("pipelines", "features", "stacker", "dashboard")))
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so it cannot be told which files belong to the project")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


def anchors(path):
    """Return what the headings of a document are called in addresses, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_heading_finds_it(document):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text(encoding="utf-8")):
        assert anchor in anchors(document.parent / target if target else document), f"{target}#{anchor}"


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)\n```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_two_commands_stand_alone_on_a_line():
    for needed in ("-m stacker.run params.yaml", "-m pytest -n 2 --dist loadfile"):
        matching = [block for block in blocks(README, "bash") if "pip install" in block and block.endswith(needed)]
        assert len(matching) == 1, needed
        assert "\n" not in matching[0]
        assert matching[0].startswith("python3 -m venv .venv && ")


def test_the_readme_is_short():
    text = README.read_text(encoding="utf-8")
    assert text.count("\n") <= 150 and len(text.encode()) <= 9_000


@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if blocks(path, "python")],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_every_block_of_python_runs(document, tmp_path, monkeypatch, capsys):
    """Those of one document one after the other, in a folder with a votes.csv."""
    battles = sample_battles(80, 0).battles
    votes = battles[["prompt", "response_a", "response_b"]].map(" ".join)
    votes["winner"] = battles["outcome"].map(pd.Series(["A", "B", "tie"]))
    votes.to_csv(tmp_path / "votes.csv", index=False)
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks(document, "python"):
        exec(compile(block, str(document), "exec"), names)
    if document == README:
        shown = capsys.readouterr().out
        assert "tie" in shown and (tmp_path / "my-judge" / "judge.json").exists()


def test_nothing_names_a_package_registry_or_a_path_of_one_machine():
    forbidden = ("files.python" + "hosted", "pypi" + ".org", "/wo" + "rk/main", "/ro" + "ot/", "download.py" + "torch")
    for name in tracked():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".txt", ".yaml", ".toml", ".json", ".html", ".js", ""):
            text = path.read_text(encoding="utf-8", errors="replace")
            for word in forbidden:
                assert word not in text, f"{name} holds {word}"

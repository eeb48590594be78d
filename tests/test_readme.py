"""The README tells the truth: its links, its commands and its pictures."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so it cannot be told which files belong to the project")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def test_every_link_to_a_file_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (ROOT / target).exists(), target


def test_the_two_commands_stand_alone_on_a_line():
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)\n```", text, flags=re.DOTALL)
    for needed in ("-m stacker.run params.yaml", "-m pytest -n 2 --dist loadfile"):
        matching = [block for block in blocks if "pip install" in block and block.endswith(needed)]
        assert len(matching) == 1, needed
        assert "\n" not in matching[0]
        assert matching[0].startswith("python3 -m venv .venv && ")


def test_nothing_names_a_package_registry_or_a_path_of_one_machine():
    forbidden = ("files.python" + "hosted", "pypi" + ".org", "/wo" + "rk/main", "/ro" + "ot/", "download.py" + "torch")
    for name in tracked():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".txt", ".yaml", ".toml", ".json", ".html", ".js", ""):
            text = path.read_text(encoding="utf-8", errors="replace")
            for word in forbidden:
                assert word not in text, f"{name} holds {word}"

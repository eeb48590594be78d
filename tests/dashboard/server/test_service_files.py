"""The unit for systemd in dashboard/README.md is one that systemd takes, and the Dockerfile names what there is."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from dashboard.server.routes import ROUTES

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        message = "systemd-analyze (Debian: systemd) is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    unit = re.search(r"```ini\n(\[Unit\].*?)```", (ROOT / "dashboard" / "README.md").read_text(), re.DOTALL)[1]
    python = shutil.which("python3") or "/bin/sh"
    assert "/home/judge/llm-preference/.venv/bin/python -m dashboard params.yaml" in unit
    # the program, the folder and the user of this machine in place of that one's: systemd looks whether they are there
    here = unit.replace("/home/judge/llm-preference/.venv/bin/python", python).replace("User=judge", "User=root")
    path = tmp_path / "judge.service"
    path.write_text(here.replace("/home/judge/llm-preference", str(tmp_path)), encoding="utf-8")
    done = subprocess.run([program, "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if "judge.service" in line]
    assert done.returncode == 0 and told == [], done.stderr
    path.write_text(path.read_text().replace("Restart=", "Restarts="), encoding="utf-8")  # it does look
    done = subprocess.run([program, "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60)
    assert "Restarts" in done.stderr


def test_the_container_runs_as_nobody_who_matters_and_asks_a_route_that_is_there() -> None:
    users = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)
    assert users and users[-1] == "10001" and DOCKERFILE.rindex("USER") > DOCKERFILE.rindex("\nRUN")
    (asked,) = re.findall(r"127\.0\.0\.1:(\d+)(/\w+)", DOCKERFILE.partition("HEALTHCHECK")[2].partition("ENTRY")[0])
    assert asked[0] in re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    assert asked[1] in [address for address, _, _ in ROUTES]
    extras = re.search(r'"\.\[([\w,]+)\]"', DOCKERFILE)[1].split(",")
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(extras) <= known.keys() and (ROOT / "constraints.txt").is_file() and (ROOT / "params.yaml").is_file()
    # what holds votes or secrets stays out of the image
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {"*.sqlite*", "*.secret", "runs", "backups", "admins.jsonl"} <= set(left_out)


@pytest.mark.parametrize(
    ("index", "asked"), [("", ""), ("https://torch.example/cpu", " --extra-index-url https://torch.example/cpu")]
)
def test_the_container_takes_torch_alone_from_an_index_that_is_given(index: str, asked: str) -> None:
    (lines,) = re.findall(r"^RUN (python3 -m venv .*?[^\\\\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    installs = lines.replace("python3 -m venv /venv", "true").replace("/venv/bin/pip", "echo")
    told = subprocess.run(
        ["sh", "-c", installs], env={"TORCH_INDEX": index}, capture_output=True, text=True, check=True
    )
    with_pins = "install --no-cache-dir --constraint constraints.txt"
    assert told.stdout.splitlines() == [f"{with_pins}{asked} torch", f"{with_pins} .[all,postgres]"]

"""A checkout has the committed bytes on every system: judges are hashed, and LightGBM aborts on changed line ends."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def git(*arguments, cwd=ROOT, **options):
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True, **options).stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    if not shutil.which("git") or subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("not a git checkout, so there is nothing to clone")
    folder = tmp_path_factory.mktemp("clone") / "clone"
    # As Git for Windows is set up.
    git("clone", "-q", "-c", "core.autocrlf=true", str(ROOT), str(folder))
    return folder


def test_a_clone_as_on_windows_has_the_committed_bytes(clone):
    listed = [line.split(maxsplit=3) for line in git("ls-tree", "-r", "HEAD", cwd=clone).splitlines()]
    names = [entry[3] for entry in listed if entry[1] == "blob" and not entry[3].startswith('"')]
    found = git("hash-object", "--no-filters", "--stdin-paths", cwd=clone, input="\n".join(names)).split()
    changed = [name for name, digest, entry in zip(names, found, listed, strict=True) if digest != entry[2]]
    assert len(names) > 300 and changed == []


def test_the_starter_judge_of_such_a_clone_gives_verdicts(clone):
    from stacker.judge.judge import Judge

    texts = ("Why?", "So it is.", "No, it never was.")
    assert Judge.load(clone / "stacker" / "starter" / "starter_judge").compare(*texts) == Judge.load().compare(*texts)

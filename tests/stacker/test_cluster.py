"""Runs and predictions on a real cluster of two nodes: bitwise those of this machine, whatever dies."""

import filecmp
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import small_params
from two_nodes import ROOT, two_nodes

from stacker.training.params import dump_params

pytestmark = pytest.mark.slow

BATTLES = {"sample": {"rows": 500, "test_rows": 40}}
TRAVELLING = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
WAIT_S = 240


def written(folder, **run):
    """Write small parameters, and return their file and the folder of finished fits."""
    folder.mkdir()
    params = small_params(folder, data=BATTLES, run={"threads": 1, **run})
    (folder / "params.yaml").write_text(dump_params(params), encoding="utf-8")
    return folder / "params.yaml", params.run.cache / "fits"


def differing(one: Path, other: Path) -> list[str]:
    """Return the files of two folders that are not alike, or are in one alone."""
    names = {path.relative_to(each) for each in (one, other) for path in each.rglob("*") if path.is_file()}
    return [str(name) for name in names if not _alike(one / name, other / name)]


def _alike(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def end_well(process):
    said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, said


def wait_for(condition, process):
    end = time.monotonic() + WAIT_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_and_then_the_head_are_killed_and_all_ends_with_the_bits_of_one_machine(tmp_path):
    run = [sys.executable, "-m", "stacker.run"]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    alone, _ = written(tmp_path / "alone")
    spread, fits = written(tmp_path / "spread", cluster="auto")
    with two_nodes() as nodes, pytest.MonkeyPatch.context() as patch:
        here = subprocess.Popen([*run, str(alone)], env=os.environ | TRAVELLING, **quiet)
        patch.setenv("PYTHONPATH", str(ROOT))
        nodes.start("head")
        nodes.start("worker")
        end_well(here)

        first = nodes.popen("head", [*run, spread], **quiet)
        wait_for(lambda: len(list(fits.glob("*.npz"))) >= 1, first)
        nodes.kill("worker")
        wait_for(lambda: len(list(fits.glob("*.npz"))) >= 4, first)
        nodes.kill("head", but=first.pid)
        said = first.communicate(timeout=WAIT_S)
        assert first.returncode == 2, said
        assert "the cluster is gone" in said[1] and "run the same command again" in said[1]
        done = {path: path.stat().st_mtime_ns for path in fits.glob("*.npz")}
        assert 4 <= len(done) < 12

        nodes.start("head")
        second = nodes.popen("head", [*run, spread], **quiet)
        end_well(second)
        assert {path: path.stat().st_mtime_ns for path in done} == done  # nothing twice
        folders = [path.parent / "run" for path in (alone, spread)]
        assert differing(*(folder / "judge" for folder in folders)) == []
        for name in ("submission.csv", "out_of_fold.parquet", "folds.parquet"):
            assert _alike(*(folder / name for folder in folders)), name

        # From the machine of a user, which is no node: by Ray's client.
        predict = [sys.executable, "-m", "stacker.predict", folders[0] / "judge", tmp_path / "battles.csv"]
        predict += ["--threads", "1", "--rows-at-once", "10", "--out"]
        _battles(tmp_path / "battles.csv")
        there = nodes.popen("worker", [*predict, tmp_path / "there.csv", "--cluster", nodes.client], **quiet)
        subprocess.run([*map(str, predict), str(tmp_path / "here.csv")], env=os.environ | TRAVELLING, check=True)
        end_well(there)
        assert _alike(tmp_path / "here.csv", tmp_path / "there.csv")


def _battles(path: Path) -> None:
    from pipelines.battles.built_in import sample_battles

    battles = sample_battles(40).battles
    table = battles[["id"]].assign(model_a="a", model_b="b")
    for side in ("prompt", "response_a", "response_b"):
        table[side] = [turns[-1] for turns in battles[side]]
    table.to_csv(path, index=False)

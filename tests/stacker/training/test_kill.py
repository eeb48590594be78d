"""A run that is killed at any moment leaves nothing half-written, and the next one goes on from what was done."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from small_runs import small_params, small_run

from stacker.judge.judge import Judge
from stacker.training.params import dump_params
from stacker.training.run_folder import NEW, RunFolder

pytestmark = pytest.mark.slow


def whole(folder: RunFolder) -> None:
    """Read every artefact that is there; what is half-written cannot be read."""
    for path in (folder.folds, folder.out_of_fold):
        if path.exists():
            assert len(pd.read_parquet(path)) == 120
    if folder.judge.exists():
        assert len(Judge.load(folder.judge).members) == 4
    if folder.submission.exists():
        assert len(pd.read_csv(folder.submission)) == 15
    if folder.results.exists():
        json.loads(folder.results.read_text(encoding="utf-8"))


def moments(cache, folder):
    """Five moments by what the disk shows: before any fit, in level 0, late in it, at the judge, at the end."""
    fits, new = cache / "fits", RunFolder(folder.path / NEW)

    def count():
        return len(list(fits.glob("*.npz"))) if fits.is_dir() else 0

    return [
        lambda: (cache / "blocks").is_dir(),
        lambda: count() >= 2,
        lambda: count() >= 9,
        lambda: any(new.path.glob(".judge.*.part")) or new.judge.exists(),
        lambda: new.out_of_fold.exists() or new.submission.exists(),
    ]


@pytest.mark.parametrize("moment", range(5))
def test_a_killed_run_leaves_nothing_half_written_and_the_next_one_ends(tmp_path, moment):
    params = small_params(tmp_path)
    folder = RunFolder(params.run.folder)
    path = tmp_path / "params.yaml"
    path.write_text(dump_params(params), encoding="utf-8")
    reached = moments(params.run.cache, folder)[moment]
    process = subprocess.Popen(
        [sys.executable, "-m", "stacker.run", str(path)], stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not folder.results.exists()
    whole(folder)
    fits = params.run.cache / "fits"
    before = {path.name: path.stat().st_mtime_ns for path in fits.glob("*.npz")} if fits.is_dir() else {}
    found, _ = small_run(params)
    assert {name: (fits / name).stat().st_mtime_ns for name in before} == before  # none was fitted again
    whole(folder)
    left = [path.name for path in folder.path.iterdir() if path.name.startswith(".")]
    assert left == []
    untouched, _ = small_run(small_params(tmp_path / "untouched"))
    assert found["scores"] == untouched["scores"]

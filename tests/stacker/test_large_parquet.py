"""A parquet file need not fit into memory: whole files are judged in a stream, however large their row groups."""

import os
import subprocess
import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

pytestmark = pytest.mark.slow

LARGE = 40_000
MOST = 100_000_000
"""Bytes that the peak may grow by from a small file to one with more than twice as many bytes of texts."""
MEASURED = """
import sys
from pathlib import Path
import numpy as np
from stacker.evaluate.__main__ import main as evaluate
from stacker.judge.judge import Judge
from stacker.predict import main as predict

Judge.predict_proba = lambda self, battles, **how: np.tile([0.4, 0.35, 0.25], (len(battles), 1))
what, small, large, out = sys.argv[1:]
for file in (small, large):
    predict([file, "--out", out]) if what == "predict" else evaluate(["starter", file, "--json", out])
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print("peak", int(peak.split()[1]) * 1024)
"""


def written(path, rows):
    """Write battles of 6 kB each, all different, in one row group, and return the bytes of their texts."""
    pool = "".join(np.random.default_rng(0).choice(list("abcdefghij      "), 400_000))
    starts = np.random.default_rng(1).integers(0, len(pool) - 3_000, (3, rows)).tolist()
    table = {"id": [str(row) for row in range(rows)], "winner": ["A", "B"] * (rows // 2)}
    for name, places, size in zip(("prompt", "response_a", "response_b"), starts, (300, 2_850, 2_850), strict=True):
        table[name] = [pool[start : start + size] for start in places]
    parquet.write_table(pyarrow.table(table), path, row_group_size=rows, use_dictionary=False)
    return rows * 6_000


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak of memory is read from Linux's /proc")
@pytest.mark.parametrize("what", ["predict", "evaluate"])
def test_the_peak_of_memory_is_that_of_a_small_file(tmp_path, what):
    files = [tmp_path / "small.parquet", tmp_path / "large.parquet"]
    sizes = [written(path, rows) for path, rows in zip(files, (4_000, LARGE), strict=True)]
    assert sizes[1] > 2 * MOST
    code = [sys.executable, "-c", MEASURED, what, *map(str, files), str(tmp_path / "out.json")]
    if what == "predict":
        code[-1] = str(tmp_path / "out.parquet")
    ended = subprocess.run(code, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    small, large = [int(line.split()[1]) for line in ended.stdout.splitlines() if line.startswith("peak ")]
    assert large - small < MOST
    if what == "predict":
        assert parquet.read_metadata(tmp_path / "out.parquet").num_rows == LARGE

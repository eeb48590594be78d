"""How long a judge takes: from the start of its process to the first verdict, and one verdict after another."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError

VERDICTS = 100
WORDS = 300
"""Words of an answer that is typical for the measurement."""


def time_verdicts(folder: Path, battles: pd.DataFrame) -> dict[str, Any]:
    """Time a judge in a process of its own, on the battles whose answers are nearest to 300 words.

    Returns
    -------
    dict
        `start_s`, from the start of the process to the first verdict; `import_s`, `load_s` and `first_s`, its parts;
        `p50_ms` and `p95_ms` of the verdicts that follow, each of one battle with texts that are new.

    Raises
    ------
    UserError
        When the folder holds no judge that can be loaded.
    """
    chosen = _typical(battles)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "battles.json"
        path.write_text(json.dumps(chosen), encoding="utf-8")
        begun = time.time()
        command = [sys.executable, "-m", "stacker.benchmarks.verdicts", str(folder), str(path), repr(begun)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = ended.stderr.strip().rpartition("\n")[2]
        raise UserError(f"--judge {folder}: {last}")
    found: dict[str, Any] = json.loads(ended.stdout.strip().rpartition("\n")[2])
    return found


def _typical(battles: pd.DataFrame) -> list[list[list[str]]]:
    """Return the turns of up to 101 battles, those with answers of about 300 words first."""
    columns = [battles[name].tolist() for name in TEXT_COLUMNS]
    lengths = np.array(
        [[sum(len(turn.split()) for turn in turns) for turns in column] for column in columns[1:]], dtype=np.float64
    )
    away = np.abs(lengths - WORDS).max(axis=0)
    rows = np.argsort(away, kind="stable")[: VERDICTS + 1]
    return [[list(column[row]) for column in columns] for row in rows]


def _main(folder: str, path: str, begun: float) -> None:
    """Time the judge; the child's side."""
    started = time.time()
    from stacker.judge.judge import Judge

    imported = time.time()
    judge = Judge.load(folder)
    loaded = time.time()
    spent = []
    for turns in json.loads(Path(path).read_text(encoding="utf-8")):
        cells = {name: [tuple(turns[place])] for place, name in enumerate(TEXT_COLUMNS)}
        table = pd.DataFrame(cells)
        before = time.perf_counter()
        judge.predict_proba(table)
        spent.append(time.perf_counter() - before)
    later = np.array(spent[1:] or spent) * 1000
    found = {
        "start_s": loaded - begun + spent[0],
        "python_s": started - begun,
        "import_s": imported - started,
        "load_s": loaded - imported,
        "first_s": spent[0],
        "verdicts": len(later),
        "p50_ms": float(np.percentile(later, 50)),
        "p95_ms": float(np.percentile(later, 95)),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    try:
        _main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    except UserError as fault:
        sys.exit(str(fault))

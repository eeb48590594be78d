"""A process in which hostile files are tried, one after the other: what it survives, how long it takes, what memory.

`python victim.py reader GOOD` or `python victim.py judge GOOD` takes a path a line on standard input and answers with
a JSON line: `outcome` is "good", "refused" (one sentence for the user) or "broke" (anything else), `said` tells it.
"""

import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

SECONDS = 2.0
"""Of the processor, that a file may take."""
MEMORY = 1_500_000_000
"""Bytes that a file may take besides what the process has at the start."""
PATIENCE = 120.0
"""Seconds after which a process that neither works nor answers is called hung."""


class Victim:
    """Starts the process, and starts another where it died; it begins with a good file, which loads the libraries."""

    def __init__(self, kind, log, good):
        self.kind, self.log, self.good = kind, log, good
        self.process = None

    def try_(self, path):
        """Return what came of a file: the answer, or an `outcome` of "died" or "hung"."""
        import psutil

        if self.process is None:
            self._start()
        watched = psutil.Process(self.process.pid)
        before, began = sum(watched.cpu_times()[:2]), time.monotonic()
        try:
            self.process.stdin.write(f"{path}\n")
            self.process.stdin.flush()
            os.set_blocking(self.process.stdout.fileno(), False)
            line = ""
            while not line.endswith("\n"):
                line += self.process.stdout.readline() or ""
                if self.process.poll() is not None:
                    return self._ended("died", f"with status {self.process.returncode}: {self.log.read_text()[-800:]}")
                took = sum(watched.cpu_times()[:2]) - before
                if took > 2 * SECONDS or time.monotonic() - began > PATIENCE:
                    return self._ended("hung", f"after {took:.1f} s of the processor")
                time.sleep(0.0005 if took < 0.05 else 0.01)
        except (BrokenPipeError, psutil.NoSuchProcess):
            return self._ended("died", f"with status {self.process.wait()}: {self.log.read_text()[-800:]}")
        return json.loads(line)

    def _start(self):
        command = [sys.executable, __file__, self.kind, str(self.good)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(self.log.read_text())

    def _ended(self, outcome, said):
        self.close()
        return {"outcome": outcome, "said": said}

    def close(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def read(path):
    """Read a file of battles in every way there is."""
    from pipelines.battles.sources import DataParams, load
    from pipelines.formats.reading import battle_rows, read_battles

    counts = []
    for labelled, rescue in ((True, False), (False, True)):
        table, bad = read_battles(path, labelled=labelled, rescue=rescue)
        counts.append((len(table), len(bad)))
        assert all("\n" not in row.sentence() and json.loads(row.line()) for row in bad)
    assert sum(record is not None for record, _, _ in battle_rows(path, labelled=False)) <= sum(counts[1])
    aside = path.with_name("aside.jsonl")
    loaded = load(DataParams(sources=({"path": path},)), aside)
    assert aside.exists() == bool(loaded.set_aside)
    return str(counts)


def judge(folder):
    """Load a judge, ask it and have it explain."""
    import numpy as np
    import pandas as pd

    from pipelines.errors import UserError
    from stacker.judge.judge import Judge

    loaded = Judge.load(folder)
    texts = [
        (("Why?",), ("So it is.",), ("No, it never was like that; ask somebody else.",)),
        (("", "And?"), ("", "a " * 300), ("# Title\n\n- one\n- two",)),
        (("字",), ("\ud83d",), ("",)),
    ]
    frame = pd.DataFrame(texts, columns=["prompt", "response_a", "response_b"])
    said = loaded.predict_proba(frame)
    assert np.isfinite(said).all() and np.allclose(said.sum(axis=1), 1), said
    swapped = loaded.predict_proba(frame.rename(columns={"response_a": "response_b", "response_b": "response_a"}))
    assert np.isfinite(swapped).all(), swapped
    if loaded.baseline is not None:
        try:
            explained = loaded.explain(*texts[0])
            assert all(np.isfinite(part.margin) for part in explained.groups)
        except UserError as fault:
            return f"verdicts, and no explanation: {fault}"
    return f"{said[0]}"


def main(kind, good):
    """Answer for each path."""
    import resource

    from pipelines.errors import UserError

    answers = sys.stdout
    sys.stdout = sys.stderr
    work = {"reader": read, "judge": judge}[kind]
    work(good)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        began = time.process_time()
        try:
            outcome, said = "good", work(Path(line.rstrip("\n")))
        except UserError as fault:
            said = str(fault)
            outcome = "refused" if said.endswith(".") and "\n" not in said else "broke"
        except BaseException:
            outcome, said = "broke", traceback.format_exc()[-1500:]
        took = time.process_time() - began
        if took > SECONDS:
            outcome, said = "hung", f"{took:.1f} s of the processor: {said}"
        answers.write(json.dumps({"outcome": outcome, "said": said, "took": took}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

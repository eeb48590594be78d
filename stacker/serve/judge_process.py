"""The process that judges for the server: `python -m stacker.serve.judge_process FOLDER`, and how it is asked.

A request is JSON `{"ask": ..., ...}`, whose escapes carry lone surrogates too; an answer is one letter and what it
announces: `P` the (n, 3) float64 probabilities, `J` a JSON value, `E` a sentence of what is wrong with the request.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.terminal.processes import WorkerProcess, run_worker, usable_cores
from stacker.judge.abstention import Abstention
from stacker.judge.verdict_control import Control

if TYPE_CHECKING:
    from stacker.judge.judge import Judge

OPEN, COMPARE, RANK, EXPLAIN = "open", "compare", "rank", "explain"
Turns = list[str]
Battle = tuple[Turns, Turns, Turns, Control]
"""Prompt, response A and response B, each as its turns, and which verdict is asked for."""


class ProcessEndedError(Exception):
    """The process has ended, of itself or by `kill`, before it had answered."""


@dataclass(frozen=True)
class ServedJudge:
    """What is known of the judge that is served.

    Attributes
    ----------
    name : str
        The name of its folder; "starter judge" for the one in this package.
    sha256 : str
        Hash of its files, 64 hex digits.
    trained_on : str
        What it was trained on, in words.
    explains : bool
        Whether it has a baseline to explain from.
    many_cores : bool
        Whether one verdict uses every core, as a neural network does: more processes then bring nothing.
    threshold : dict or None
        The judge's threshold, as `stacker.judge.abstention.Abstention.to_dict` has it; None where it has none.
    even_style : bool
        Whether it has a verdict with style held equal.
    """

    name: str
    sha256: str
    trained_on: str
    explains: bool
    many_cores: bool
    threshold: dict[str, Any] | None = None
    even_style: bool = False

    @property
    def abstention(self) -> Abstention | None:
        """The threshold below which it abstains; None where it has none."""
        return None if self.threshold is None else Abstention.from_dict(self.threshold)

    def decided(self, probabilities: Floats) -> list[bool] | None:
        """Return which battles it decides with (n, 3) probabilities of its own; None where it has no threshold."""
        found = self.abstention
        return None if found is None else found.decides(probabilities).tolist()


class JudgeProcess:
    """A process with a judge in it, asked by one thread at a time.

    Parameters
    ----------
    folder : Path
        The judge's.

    Attributes
    ----------
    ready : bool
        Whether the judge is loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ready = False
        self._process = WorkerProcess("stacker.serve.judge_process", str(folder))

    def open(self) -> ServedJudge:
        """Wait until the judge is loaded.

        Raises
        ------
        UserError
            When the folder holds no judge that can be used.
        ProcessEndedError
            When the process ends before.
        """
        found = ServedJudge(**self.value({"ask": OPEN}))
        self.ready = True
        return found

    def probabilities(self, battles: list[Battle]) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; raises as `open` does."""
        return np.frombuffer(self._ask({"ask": COMPARE, "battles": battles})[1:], dtype=np.float64).reshape(-1, 3)

    def value(self, request: dict[str, Any]) -> Any:
        """Return the JSON value that a request asks for; raises as `open` does."""
        return json.loads(self._ask(request)[1:])

    def _ask(self, request: dict[str, Any]) -> bytes:
        found = self._process.ask(json.dumps(request).encode("ascii"))
        if found is None:
            raise ProcessEndedError
        if found[:1] == b"E":
            raise UserError(found[1:].decode("utf-8"))
        return found

    def kill(self) -> None:
        """End the process at once; whoever waits for its answer gets a `ProcessEndedError`."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and wait until it is gone."""
        self._process.kill()
        self._process.close()


class Answers:
    """Answers requests, inside the process.

    Parameters
    ----------
    folder : Path
        The judge's; it is loaded when it is first asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._judge: Judge | None = None

    def __call__(self, message: bytes) -> bytes:
        """Return the answer to a request."""
        request = json.loads(message)
        try:
            if request["ask"] == COMPARE:
                return b"P" + self._probabilities(request["battles"]).tobytes()
            return b"J" + json.dumps(self._value(request)).encode("ascii")
        except UserError as fault:
            return b"E" + str(fault).encode("utf-8", "backslashreplace")

    @property
    def judge(self) -> "Judge":
        """The judge."""
        from stacker.judge.judge import Judge

        if self._judge is None:
            self._judge = Judge.load(self.folder)
        return self._judge

    def _probabilities(self, battles: list[Battle]) -> Floats:
        found = np.empty((len(battles), 3))
        controls = [battle[3] for battle in battles]
        for control in dict.fromkeys(controls):
            rows = [row for row, each in enumerate(controls) if each == control]
            found[rows] = self.judge.predict_proba(frame_of([battles[row] for row in rows]), control=control)
        return found

    def _value(self, request: dict[str, Any]) -> Any:
        if request["ask"] == OPEN:
            return asdict(self._opened())
        if request["ask"] == RANK:
            return self._ranked(request)
        explained = self.judge.explain(*request["battle"][:3], control=request["battle"][3])
        return explained.to_dict() | {"sentences": explained.lines()}

    def _opened(self) -> ServedJudge:
        from stacker.judge.provenance import read_provenance
        from stacker.learners.judges.starter_prior import judge_hash, starter_folder

        judge = self.judge
        # The first verdict loads what is loaded when it is needed; nobody waits for it yet.
        judge.compare("Why?", "So it is.", "No.")
        many_cores = "torch" in sys.modules or judge.encoder is not None
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(usable_cores())
        of_package = self.folder.resolve() == starter_folder().resolve()
        name = "starter judge" if of_package else self.folder.resolve().name
        trained_on = str(read_provenance(self.folder))
        threshold = None if judge.abstention is None else judge.abstention.to_dict()
        explains, even_style = judge.baseline is not None, judge.even_style is not None
        found = (name, judge_hash(self.folder), trained_on, explains, many_cores, threshold, even_style)
        return ServedJudge(*found)

    def _ranked(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the ranking of `count` answers from the verdicts on every pair of them, as JSON values."""
        from stacker.judge.answer_ranking import every_pair, ranking

        verdicts = np.asarray(request["probabilities"], dtype=np.float64).reshape(-1, 3)
        decided = self.judge.decided(verdicts, request["control"])
        names, count = request["names"], request["count"]
        found = ranking(*every_pair(count), verdicts, count, request["votes"], request["level"], names, decided)
        rows = [asdict(each) for each in found]
        return [{key: value for key, value in row.items() if value is not None} for row in rows]


def frame_of(battles: list[Battle]) -> pd.DataFrame:
    """Return battles as the frame that a judge takes."""
    return pd.DataFrame([tuple(map(tuple, battle[:3])) for battle in battles], columns=list(TEXT_COLUMNS))


if __name__ == "__main__":
    run_worker(Answers(Path(sys.argv[1])))

"""A study of a cheap function for tests, through the worker's real loop; also a command that tests start and kill.

python study_double.py FOLDER STORAGE TRIALS SAMPLER
"""

import sys
import time
from contextlib import closing
from pathlib import Path

from stacker.study.space import read_space
from stacker.study.storage import open_storage
from stacker.study.study_log import About, StudyLog, work
from stacker.training.params import Params, parse_params

SPACE = {
    "learners.lightgbm.learning_rate": {"low": 0.01, "high": 0.1, "log": True},
    "learners.lightgbm.num_leaves": {"low": 4, "high": 24},
    "features.sentiment": [True, False],
}
GRID = {"learners.lightgbm.num_leaves": {"low": 4, "high": 9}, "features.sentiment": [True, False]}


def value(params: Params) -> float:
    """Return the cheap loss, in closed form, so that a test can ask for it again."""
    trees = params.learners.lightgbm
    leaves = (trees.num_leaves - 11) ** 2 / 500
    return (trees.learning_rate - 0.04) ** 2 * 100 + leaves + 0.02 * params.features.sentiment


class Cheap:
    """Scores a point in three folds; a little slow, so that a kill can hit it."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.asked: list[float] = []

    def evaluate(self, params, report):
        found = value(params)
        self.asked.append(found)
        for fold in range(3):
            time.sleep(self.seconds / 3)
            if report(fold, found + 0.01 * fold, found):
                return None
        return {"log_loss": found, "ece": abs(found - 0.1), "accuracy": 1 - found}


def study_log(
    folder: Path, space=None, storage=None, about="data", continue_anyway=False, seed=0, code="", **study
) -> StudyLog:
    """Open a study of the cheap function."""
    settings = {"folder": str(folder), "space": space or SPACE, "pruner": "none", "storage": storage, **study}
    params = parse_params({"study": settings})
    checked = read_space(params, params.study.space, params.study.sampler == "grid")
    kept, lock = open_storage(params.study.storage, folder, params.study.name)
    opened = StudyLog(kept, lock, params.study.name, params.study, checked, seed)
    return opened.open(About(checked.described(), about, {"run.seed": seed}, code), continue_anyway)


def say(word: str) -> None:
    """Tell the test, which waits for a line instead of a time."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    folder, storage, trials, sampler = sys.argv[1:]
    space = GRID if sampler == "grid" else SPACE
    kept = None if storage == "-" else storage
    with closing(study_log(Path(folder), space=space, storage=kept, trials=int(trials), sampler=sampler)) as opened:
        work(opened, Cheap(0.05), lambda: False, lambda: say("trial"))


if __name__ == "__main__":
    main()

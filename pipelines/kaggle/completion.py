"""The last step on Kaggle: verdicts in the sample's order, every id with probabilities.

`python -m pipelines.kaggle.completion PREDICTED SUBMISSION [--sample FILE] --fallback A B TIE`
"""

import argparse
import csv
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write
from pipelines.kaggle.submission import HEADER, check_ids, read_sample_ids, write_submission
from pipelines.terminal.command_line import check_output, run_command

WITH_DECIDED = (*HEADER, "decided")
"""The columns where the judge abstains at times, which Kaggle does not ask for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the submission."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.kaggle.completion", description=__doc__)
    parser.add_argument("predicted", type=Path, help="what stacker.predict wrote, in Kaggle's columns")
    parser.add_argument("submission", type=Path, help="the file to write")
    parser.add_argument("--sample", type=Path, help="sample_submission.csv (default: the ids that were predicted)")
    parser.add_argument("--fallback", type=float, nargs=3, required=True, metavar="P", help="for ids not predicted")
    chosen = parser.parse_args(arguments)
    run_command(lambda: _complete(chosen.predicted, chosen.submission, chosen.sample, chosen.fallback))


def _complete(predicted: Path, submission: Path, sample: Path | None, fallback: Sequence[float]) -> None:
    filled = complete(predicted, submission, sample, fallback)
    told = f"; {filled:,} ids that could not be read have the class shares" if filled else ""
    sys.stdout.write(f"Submission: {submission}{told}\n")


def complete(predicted: Path, submission: Path, sample: Path | None, fallback: Sequence[float]) -> int:
    """Write the submission and return how many ids got the fallback.

    Parameters
    ----------
    predicted : Path
        Ids and probabilities with the header of a submission.
    sample : Path or None
        Names the ids wanted; None takes those that were predicted.
    fallback : three floats
        Probabilities of A, B and tie for an id that was not predicted.

    Raises
    ------
    UserError
        When a file cannot be read or has another header.
    """
    check_output(submission, [predicted, *([] if sample is None else [sample])])
    try:
        with predicted.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as fault:
        raise UserError(f"{predicted}: cannot be read ({fault.strerror}); predict again.") from fault
    if not rows or tuple(rows[0]) not in (HEADER, WITH_DECIDED):
        raise UserError(f"{predicted}: has not the columns {', '.join(HEADER)}; write it by stacker.predict.")
    names = [row[0] for row in rows[1:]]
    ids = names if sample is None else read_sample_ids(sample)
    if sample is not None:
        check_ids(sample, ids, names)
    if ids == names and tuple(rows[0]) == HEADER:
        # As it was predicted, to the last digit.
        with atomic_write(submission) as part:
            shutil.copyfile(predicted, part)
        return 0
    probabilities = np.array([[float(cell) for cell in row[1 : len(HEADER)]] for row in rows[1:]]).reshape(-1, 3)
    return len(write_submission(submission, ids, names, probabilities, fallback))


if __name__ == "__main__":
    main()

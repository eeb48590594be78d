"""`python -m features.encoder.engines.probing`: runs a converted copy of a judge, in a process of its own.

A library that runs copies takes them on trust: an edited one can crash it, or never end. One that was made on this
machine is known by its hashes and not tried.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from features.encoder.engines.conversion import kind_of
from features.encoder.tokens import SAVED, SavedTokens
from pipelines.errors import UserError
from pipelines.files.saved_files import DamagedError
from pipelines.terminal.processes import Bounds, TooMuch, end_with_the_parent, run_apart

BOUNDS = Bounds(memory=4_000_000_000, seconds=60.0)
_TEXTS = ["", "Which answer is better?", "字 \u0000 🙂 [SEP] <s>", "some words " * 500]


def probe(kind: str, folder: Path, longest: int, vocabulary: int) -> None:
    """Have a copy and its tokenizer run on a few texts, and check what comes of it.

    Parameters
    ----------
    kind : str
        As in `features.encoder.engines.conversion.kind_of`.
    folder : Path
        Of the copy.
    longest, vocabulary : int
        Tokens of a text at most, and those that there are.

    Raises
    ------
    DamagedError
        When it does not run, or takes too much to.
    """
    with tempfile.TemporaryDirectory(prefix="probe-") as place:
        log = Path(place) / "log"
        try:
            status, _ = run_apart(
                "features.encoder.engines.probing", [kind, str(folder), str(longest), str(vocabulary)], BOUNDS, log
            )
        except TooMuch as fault:
            raise DamagedError(folder, f"its copy of the encoder takes {fault} to run") from None
        if status:
            told = log.read_text("utf-8", "replace").strip().rpartition("\n")[2][:160].rstrip(".")
            raise DamagedError(folder, f"its copy of the encoder does not run ({told or f'status {status}'})")


def main(kind: str, folder: Path, longest: int, vocabulary: int) -> None:
    """Do what `probe` asks for; ends with status 1 and a sentence on standard error where it does not work."""
    end_with_the_parent()
    try:
        if (folder / SAVED).is_file():
            SavedTokens(folder, vocabulary).ids(_TEXTS)
        ids = [np.linspace(0, vocabulary - 1, count).astype(int).tolist() for count in (1, 2, longest // 2, longest)]
        rows = kind_of(kind).open(folder, 1, longest).embed(ids)
        if len(rows) != len(ids) or not np.isfinite(rows).all():
            raise UserError("its rows are no numbers.")
    except UserError as fault:
        raise SystemExit(str(fault)) from None


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

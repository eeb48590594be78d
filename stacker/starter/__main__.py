"""`python -m stacker.starter DATA_DIR` makes the starter judge again, bitwise identical, and writes its model card."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from features.remote_cache import block_cache
from pipelines.battles.starter_sets import SETS, StarterSet, read_votes
from pipelines.files.atomic_files import atomic_folder
from pipelines.files.object_storage import AnyFolder, folder_argument
from pipelines.terminal.command_line import Screen, run_command
from pipelines.terminal.processes import usable_cores
from stacker.learners.judges.judge_record import FILE as JUDGE
from stacker.learners.judges.starter_prior import CARD, judge_hash, starter_folder
from stacker.starter.card import model_card, score_unseen
from stacker.starter.starter_fit import StarterSettings, fit_starter


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and make the judge."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.starter",
        description="Make the starter judge and its model card from sets of votes that may be trained on.",
    )
    parser.add_argument(
        "data", type=Path, metavar="DATA_DIR", help="a folder that holds the folders battles and kaggle"
    )
    parser.add_argument("--out", type=Path, default=starter_folder(), metavar="FOLDER", help="(%(default)s)")
    parser.add_argument(
        "--cache", type=folder_argument, metavar="FOLDER", help="keep the numbers of texts there for another time"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 means every core (%(default)s)")
    chosen = parser.parse_args(arguments)
    threads = chosen.threads or usable_cores()
    run_command(lambda: make_starter(chosen.data, chosen.out, Screen(), cache=chosen.cache, threads=threads))


def make_starter(
    data: Path,
    out: Path,
    screen: Screen,
    *,
    settings: StarterSettings | None = None,
    sets: Sequence[StarterSet] = SETS,
    cache: AnyFolder | None = None,
    threads: int = 1,
) -> str:
    """Fit the starter judge, score it, and write both judge and card as one folder, whole or not at all.

    Parameters
    ----------
    data : Path
        Holds `battles` and, for the scores, `kaggle`.
    out : Path
        The judge's folder, replaced.
    screen : Screen
        Shows how far the work has come, and the judge's hash.
    settings, cache, threads
        See `stacker.starter.starter_fit.fit_starter`; `cache` is a folder as `run.cache` of a run.

    Returns
    -------
    str
        `stacker.learners.judges.starter_prior.judge_hash` of what was written.

    Raises
    ------
    UserError
        When a set is missing or cannot be read.
    """
    settings = settings or StarterSettings()
    kept = None if cache is None else block_cache(cache / "blocks")
    votes = read_votes(data, sets)
    screen.note(f"Votes: {len(votes):,} rows of {votes['source'].nunique()} sets.")
    with screen.working(), tempfile.TemporaryDirectory(prefix="starter-judge-") as temporary:
        fitted = fit_starter(votes, settings, cache=kept, threads=threads, progress=screen.progress)
        judge = Path(temporary) / "judge"
        fitted.judge.save(judge)
        digest = judge_hash(judge)
        unseen = score_unseen(
            fitted.judge, data, votes["prompt"], cache=kept, threads=threads, progress=screen.progress
        )
        if kept is not None:
            kept.close()
        with atomic_folder(out, JUDGE) as part:
            shutil.copytree(judge, part, dirs_exist_ok=True)
            (part / CARD).write_text(model_card(fitted, settings, unseen, digest), encoding="utf-8")
    screen.note(f"Starter judge: {out}")
    screen.note(f"SHA-256: {digest}")
    return digest


if __name__ == "__main__":
    main(sys.argv[1:])

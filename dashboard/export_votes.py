"""`python -m dashboard.export_votes votes.parquet`: the stored votes as a file, for `data.sources` of the next run."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dashboard.params import DashboardParams, read_dashboard
from dashboard.votes.agreement import neutral_only
from dashboard.votes.exports import FORMATS
from dashboard.votes.store import VoteStore
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write
from pipelines.terminal.command_line import Screen, run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the file."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.export_votes", description=__doc__)
    endings = ", ".join(Path(name).suffix for name, _ in FORMATS.values())
    parser.add_argument("out", type=Path, help=f"the file to write; its ending says the form: {endings}")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="names the vote store")
    chosen = parser.parse_args(arguments)
    run_command(lambda: _export(chosen.out, chosen.params))


def write_votes(out: Path, params: DashboardParams) -> tuple[int, int]:
    """Write the votes that hold to a file, whole or not at all.

    Parameters
    ----------
    out : Path
        Its ending says the form.
    params : DashboardParams
        Its `store` is read; `leave_out_named` holds.

    Returns
    -------
    two int
        How many votes are in the file, and how many were left out, as an answer named its own model.

    Raises
    ------
    UserError
        When the ending is unknown, the store is not there or cannot be read, or it has no votes.
    """
    makers = {Path(name).suffix: make for name, make in FORMATS.values()}
    if out.suffix not in makers:
        raise UserError(f"{out}: has the ending {out.suffix!r}; give it one of {', '.join(makers)}.")
    store = params.store
    opened = VoteStore.open(store.url, password=store.password, create=False)
    try:
        votes = opened.votes()
    finally:
        opened.close()
    if votes.empty:
        raise UserError(f"{store.url}: holds no votes yet; vote on the dashboard first.")
    kept = neutral_only(votes) if params.leave_out_named else votes
    if kept.empty:
        raise UserError(
            f"{store.url}: in all {len(votes)} votes an answer named its own model; "
            "set dashboard.leave_out_named: false to write them all the same."
        )
    with atomic_write(out) as part:
        part.write_bytes(makers[out.suffix](kept))
    return len(kept), len(votes) - len(kept)


def _export(out: Path, params: Path) -> None:
    count, left_out = write_votes(out, read_dashboard(params))
    told = f" ({left_out:,} are left out, as an answer named its own model)" if left_out else ""
    Screen().note(f"{count:,} votes are in {out}{told}; learn from them by naming it in data.sources.")


if __name__ == "__main__":
    main()

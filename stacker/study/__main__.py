"""Tuning: `python -m stacker.study params.yaml` searches the space named there and writes params.tuned.yaml."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.terminal.cluster.tasks import add_cluster_argument
from pipelines.terminal.command_line import INTERRUPTED, Screen, add_params_arguments, run_command
from stacker.training.params import Params, read_params


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run the study, or go on with it."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.study",
        description="Tune what study.space in params.yaml names. The same command resumes.",
    )
    add_params_arguments(parser, "study.sampler=gp")
    parser.add_argument("--trials", type=int, help="study.trials: how many in all, with those of earlier commands")
    parser.add_argument("--timeout", type=float, help="study.timeout: seconds after which no trial begins")
    parser.add_argument("--workers", type=int, help="study.workers: processes that work at once")
    parser.add_argument(
        "--continue-anyway", action="store_true", help="go on with a study whose space, data or parameters changed"
    )
    add_cluster_argument(parser)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    named = [(f"study.{name}", getattr(chosen, name)) for name in ("trials", "timeout", "workers")]
    named.append(("run.cluster", chosen.cluster))
    overrides = [*chosen.overrides, *(f"{name}={value}" for name, value in named if value is not None)]

    def command() -> None:
        params = read_params(chosen.params, overrides)
        if chosen.worker:
            _work(params)
        else:
            _study(params, chosen.params, overrides, chosen.continue_anyway)

    run_command(command)


def _study(params: Params, path: Path, overrides: Sequence[str], continue_anyway: bool) -> None:
    from stacker.study.whole_study import run_study

    worker = [sys.executable, "-m", "stacker.study", str(path), "--worker"]
    for override in overrides:
        worker += ["--set", override]
    run_study(params, Screen(), worker, continue_anyway)


def _work(params: Params) -> None:
    from stacker.study.whole_study import run_worker

    try:
        run_worker(params)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None  # without a word: who started this process has said it


if __name__ == "__main__":
    main(sys.argv[1:])

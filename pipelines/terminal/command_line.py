"""What commands share: how they end when the user must fix something, and the arguments for params.yaml."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from pipelines.errors import UserError

USER_ERROR, INTERRUPTED = 2, 130
"""Exit status for what the user can fix, and after Ctrl+C, as shells give it."""


def run_command(command: Callable[[], None]) -> None:
    """Run a command's main function; a `UserError` becomes one sentence on standard error and exit status 2."""
    try:
        command()
    except UserError as fault:
        sys.stderr.write(f"{fault}\n")
        raise SystemExit(USER_ERROR) from None
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; what was there before is as it was, and the same command resumes where it can.\n")
        raise SystemExit(INTERRUPTED) from None


def check_output(out: Path, inputs: Iterable[Path]) -> None:
    """Raise a `UserError` where a command would write over what it reads, under whatever name."""
    if os.path.realpath(out) in map(os.path.realpath, inputs):
        raise UserError(f"{out}: is one of the inputs, and would be lost; name another for the output.")


def add_params_arguments(parser: argparse.ArgumentParser, example: str, default: Path | None = None) -> None:
    """Give a parser `params`, a Path, and `--set KEY=VALUE`, a list of str under `overrides`.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Changed in place.
    example : str
        An override for the help, for example "data.dir=kaggle".
    default : Path or None
        The parameter file where none is named; None makes it required.
    """
    named = "the parameter file, for example params.yaml"
    if default is None:
        parser.add_argument("params", type=Path, help=named)
    else:
        parser.add_argument("params", type=Path, help=f"{named} (default: {default})", nargs="?", default=default)
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"override one parameter, for example --set {example}; may be repeated",
    )

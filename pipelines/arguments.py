"""What the commands that go by params.yaml take on their command line: the file, and `--set` for single keys."""

import argparse
from pathlib import Path


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

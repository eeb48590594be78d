"""`python -m dashboard params.yaml`: serves the page where people ask, read, vote and compare."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.terminal.command_line import add_params_arguments, run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and serve the dashboard."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    add_params_arguments(parser, "dashboard.server.port=8080", Path("params.yaml"))
    parser.add_argument(
        "--demo", action="store_true", help="with made-up votes in a store of their own, to look around"
    )
    chosen = parser.parse_args(arguments)
    if sys.stdout.isatty():
        sys.stdout.write("The dashboard starts ...\n")  # a few seconds of imports
    run_command(lambda: _demonstrate(chosen) if chosen.demo else _serve(chosen.params, chosen.overrides))


def _demonstrate(chosen: argparse.Namespace) -> None:
    from dashboard.server.demonstration import demonstration_settings

    with demonstration_settings() as settings:
        _serve(chosen.params, [*chosen.overrides, *settings], demo=True)


def _serve(params: Path, overrides: Sequence[str], *, demo: bool = False) -> None:
    from dashboard.server.demonstration import make_up_votes
    from dashboard.server.server import check_server, serve
    from dashboard.server.services import open_services

    services = open_services(params, overrides, check_server)
    try:
        services.start()
        if demo:
            sys.stdout.write("Making up votes, in a store that is gone when the dashboard ends.\n")
            make_up_votes(services)
        serve(services, _tell)
    except KeyboardInterrupt:
        pass  # as it is ended
    finally:
        services.close()


def _tell(address: str) -> None:
    sys.stdout.write(f"The dashboard is at {address} (Ctrl+C ends it)\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

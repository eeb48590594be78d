"""`python -m dashboard params.yaml`: opens the page where people ask, read, vote and compare."""

import argparse
import sys
from pathlib import Path

from pipelines.arguments import add_params_arguments
from pipelines.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Serve the dashboard; return 1 after one sentence on standard error where it cannot."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    add_params_arguments(parser, "dashboard.server.port=8080", Path("params.yaml"))
    chosen = parser.parse_args(arguments)
    try:
        from dashboard.server import check_server, serve
        from dashboard.services import open_services

        services = open_services(chosen.params, chosen.overrides, check_server)
        try:
            services.start()
            serve(services, _tell)
        finally:
            services.close()
    except UserError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _tell(address: str) -> None:
    sys.stdout.write(f"The dashboard is at {address} (Ctrl+C ends it)\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())

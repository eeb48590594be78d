"""A judge that programs ask over HTTP: `python -m stacker.serve [JUDGE]`."""

import argparse
import ipaddress
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

from pipelines.errors import UserError
from pipelines.terminal.command_line import Screen, run_command
from pipelines.terminal.processes import usable_cores
from stacker.judge.any_judge import folder_of
from stacker.learners.judges.starter_prior import starter_folder
from stacker.serve.judging_queue import JudgingQueue
from stacker.serve.request_bounds import Limits

TOKEN = "PREFERENCE_SERVE_TOKEN"
MOST_PROCESSES = 8
LISTENING = 2048
"""Connections that may wait to be taken."""
KEEP_ALIVE_S, GRACE_S = 30, 20


@dataclass(frozen=True)
class Options:
    """How a judge is served.

    Attributes
    ----------
    host, port : str, int
        Where it listens; port 0 is any that is free.
    token : str or None
        What clients must send.
    processes : int
        How many judge; 0 means one for each core, 8 at most.
    limits : Limits
        What a request may hold.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    processes: int = 0
    limits: Limits = Limits()


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and serve."""
    most = Limits()
    parser = argparse.ArgumentParser(
        prog="python -m stacker.serve",
        description="Serve a judge over HTTP: POST /compare, /compare_many, /rank and /explain take and give JSON, "
        "/docs tells how, GET /health says which judge it is. It is reached from this machine alone, unless --host "
        "says otherwise.",
    )
    parser.add_argument("judge", type=Path, nargs="?", help="a judge's folder, or that of a run (the starter judge)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s: this machine alone)")
    parser.add_argument("--port", type=int, default=8000, help="0 is any that is free (%(default)s)")
    parser.add_argument(
        "--token", default=os.environ.get(TOKEN), help=f"what clients must send as bearer token (that of ${TOKEN})"
    )
    parser.add_argument("--processes", type=int, default=0, metavar="N", help="that judge, 0: one a core (%(default)s)")
    parser.add_argument("--characters", type=int, default=most.characters, metavar="N", help="of a text (%(default)s)")
    parser.add_argument("--battles", type=int, default=most.battles, metavar="N", help="of a request (%(default)s)")
    parser.add_argument("--body", type=int, default=most.body, metavar="BYTES", help="of a request (%(default)s)")
    parser.add_argument("--waiting", type=int, default=most.waiting, metavar="N", help="battles at most (%(default)s)")
    chosen = parser.parse_args(arguments)
    limits = Limits(
        chosen.characters, chosen.battles, chosen.body, max(most.bodies, chosen.body), waiting=chosen.waiting
    )
    options = Options(chosen.host, chosen.port, chosen.token or None, chosen.processes, limits)
    run_command(lambda: serve(chosen.judge or starter_folder(), options, Screen()))


def serve(folder: Path, options: Options, screen: Screen) -> None:
    """Serve a judge until the process is told to end; requests that are being judged are answered before.

    Raises
    ------
    UserError
        When the judge, the address or an option cannot be used, or the extra is not installed.
    """
    _check(options)
    if folder.is_file():
        raise UserError(f"{folder}: is a file; name the folder of a judge that can be asked.")
    folder = folder_of(folder)
    with _listening(options.host, options.port) as listener:
        processes = options.processes or min(usable_cores(), MOST_PROCESSES)
        queue = JudgingQueue(folder, processes, options.limits.waiting)
        judge = queue.open()
        try:
            import uvicorn

            from stacker.serve.web_app import web_app

            app = web_app(queue, judge, options.limits, options.token)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                ws="none",
                lifespan="off",
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
            address = _address(options.host, listener)
            screen.note(f"{folder}: {judge.trained_on}.")
            if options.token is None and not _is_loopback(options.host):
                screen.note(f"Anybody who reaches {options.host} can ask it; --token TOKEN lets in who has the token.")
            screen.note(f"Serving at {address}, told at {address}/docs; Ctrl+C ends it.")
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            queue.close()


def _check(options: Options) -> None:
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"stacker.serve: needs {missing[0]}, which is not installed; `pip install 'preference-stacker[serve]'` "
            "brings it."
        )
    if not 0 <= options.port <= 65535:
        raise UserError(f"--port {options.port}: is none; give a number of 0 to 65535.")
    if options.processes < 0:
        raise UserError(f"--processes {options.processes}: is below 0; give a number of processes, or 0.")
    for field in fields(Limits):
        if (value := getattr(options.limits, field.name)) < 1:
            raise UserError(f"--{field.name} {value}: is not above 0; give a number.")
    if options.token is not None and not (options.token.isascii() and options.token.isprintable()):
        raise UserError("--token: has other signs than ASCII's; give letters and digits.")


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=LISTENING)
        # asyncio knows no protocol of such a socket and leaves its connections to wait for each other's packets: 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise UserError(
            f"--host {host} --port {port}: cannot be listened on ({reason}); name another, or port 0 for any."
        ) from fault


def _address(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    main(sys.argv[1:])

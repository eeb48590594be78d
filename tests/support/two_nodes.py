"""A Ray cluster of two nodes on this machine, each in a network of its own, so that they share nothing but a cable."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pytest

ROOT = Path(__file__).parents[2]
_numbers = count()
_STORE = 150_000_000
"""Bytes of each node's object store, in shared memory."""


class TwoNodes:
    """A head and a worker that can be killed and started again.

    Attributes
    ----------
    client : str
        The head's address for `run.cluster`.
    """

    def __init__(self, scratch: Path) -> None:
        name = f"{os.getpid() % 100_000}{next(_numbers)}"
        self._scratch, self._token = scratch, secrets.token_hex(16)
        self._names = {"head": f"h{name}", "worker": f"w{name}"}
        net = f"10.{200 + os.getpid() % 50}.{secrets.randbelow(250)}"
        self._hosts = {"head": f"{net}.1", "worker": f"{net}.2"}
        self.client = f"ray://{self._hosts['head']}:10001"

    def connect(self) -> None:
        """Make both networks and the cable between them."""
        (head, worker), (one, other) = self._names.values(), self._hosts.values()
        for each in (head, worker):
            _ip("netns", "add", each)
        _ip("link", "add", "cable", "netns", head, "type", "veth", "peer", "name", "cable", "netns", worker)
        for name, host in ((head, one), (worker, other)):
            _ip("-n", name, "addr", "add", f"{host}/24", "dev", "cable")
            for device in ("lo", "cable"):
                _ip("-n", name, "link", "set", device, "up")

    def start(self, node: str, cores: int = 1) -> None:
        """Start a node, the head first."""
        own = ["--node-ip-address", self._hosts[node], "--num-cpus", cores, "--object-store-memory", str(_STORE)]
        head = ["--head", "--port", "6379", "--include-dashboard", "false", "--temp-dir", str(self._scratch / "ray")]
        where = head if node == "head" else ["--address", f"{self._hosts['head']}:6379"]
        command = [Path(sys.executable).parent / "ray", "start", *own, *where]
        started = self.popen(node, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = started.communicate(timeout=120)[0]
        assert started.returncode == 0, said

    def popen(self, node: str, command: list[object], **how: object) -> "subprocess.Popen[str]":
        """Start a process on a node, whose folder is not that of the project."""
        environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self._token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
            "OMP_NUM_THREADS": "1",
        }
        if command[0] == sys.executable:  # "auto" would find other clusters of this machine, too
            environment["RAY_ADDRESS"] = f"{self._hosts['head']}:6379"
        command = ["ip", "netns", "exec", self._names[node], *map(str, command)]
        return subprocess.Popen(command, env=environment, cwd=self._scratch, **how)  # type: ignore[call-overload]

    def kill(self, node: str, but: int = 0) -> None:
        """Kill every process of a node at once, but for one."""
        for _ in range(3):  # what one of them had just started too
            for number in _ip("netns", "pids", self._names[node]).split():
                if int(number) != but:
                    with _gone():
                        os.kill(int(number), signal.SIGKILL)

    def close(self) -> None:
        """End both nodes and take the networks away."""
        for node, name in self._names.items():
            self.kill(node)
            _ip("netns", "del", name)


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Yield a cluster whose nodes are not started; skip where it cannot be had, which in CI is a failure."""
    missing = [
        what
        for what, there in (
            ("the package ray (extra ray)", find_spec("ray") is not None),
            ("ip (Debian: iproute2)", shutil.which("ip") is not None),
            ("root, for networks of its own", os.name == "posix" and os.geteuid() == 0),
        )
        if not there
    ]
    if missing:
        message = f"a cluster of two nodes needs {', '.join(missing)}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    scratch = Path(mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path may have 107 characters at most
    nodes = TwoNodes(scratch)
    try:
        nodes.connect()
        yield nodes
    finally:
        nodes.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        pass

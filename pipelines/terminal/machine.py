"""What of this machine a process may use: cores, memory, and how its threads wait for each other.

In a container the machine is larger than what the process gets: the control groups that it is in, of either version,
bound its processor time and its memory, and Linux tells neither to a program that asks for cores or free memory.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path("/")
PASSIVE = {
    # libgomp, which torch, LightGBM, XGBoost and scikit-learn bring, each its own.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    # Intel's and LLVM's OpenMP: milliseconds.
    "KMP_BLOCKTIME": "0",
    # OpenBLAS: the logarithm of the cycles that a thread looks for work before it sleeps, 4 at least.
    "OPENBLAS_THREAD_TIMEOUT": "4",
}
"""Variables by which threads of native libraries sleep while they wait, instead of taking a core to look around."""
_NO_LIMIT = 1 << 60
"""Version 1 says 'no limit' by a number of bytes that no machine has."""
_MOUNT = re.compile(r"\S+ \S+ \S+ (?P<root>\S+) (?P<point>\S+) .*? - (?P<kind>cgroup2?) \S+ (?P<options>\S+)")


def wait_passively() -> None:
    """Have threads of libraries that are loaded from now on sleep while they wait, unless the user says otherwise.

    Threads that spin at a barrier wait for the one whose core has other work, and keep the other cores from it: beside
    one spinning process, on two cores, a frozen transformer took eight times as long.
    """
    for name, value in PASSIVE.items():
        os.environ.setdefault(name, value)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have linear algebra of NumPy and SciPy use one thread inside the block.

    Work that is spread over threads of its own would otherwise start a team in each; and a single fit's products are so
    small that a team takes longer to meet than to multiply.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def usable_cores(root: Path = ROOT) -> int:
    """Return the number of cores this process may use: those it may run on, at most what its control groups allow.

    A share of a core counts for nothing, unless there is no whole one: threads that meet would wait for the one that
    has to pause.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = allowed_cores(root)
    return cores if allowed is None else max(min(cores, int(allowed + 1e-6)), 1)


def allowed_cores(root: Path = ROOT) -> float | None:
    """Return the cores' worth of time that the control groups of this process allow; None where they set no bound."""
    found = [share for version, folder in _groups(root, "cpu") if (share := _quota(version, folder)) is not None]
    return min(found, default=None)


def allowed_memory(root: Path = ROOT) -> int | None:
    """Return the bytes that the control groups of this process allow; None where they set no bound."""
    return min((limit for _, _, limit in _memory_limits(root)), default=None)


def total_memory(root: Path = ROOT) -> int:
    """Return the bytes of memory that this process may have at most."""
    import psutil

    machine, allowed = int(psutil.virtual_memory().total), allowed_memory(root)
    return machine if allowed is None else min(machine, allowed)


def free_memory(root: Path = ROOT) -> int:
    """Return the bytes that this process can still take: free on the machine, and left in its control groups."""
    import psutil

    left = [limit - _used(version, folder) for version, folder, limit in _memory_limits(root)]
    return max(min([int(psutil.virtual_memory().available), *left]), 0)


def _memory_limits(root: Path) -> list[tuple[int, Path, int]]:
    found = []
    for version, folder in _groups(root, "memory"):
        limit = _number(folder / ("memory.max" if version == 2 else "memory.limit_in_bytes"))
        if limit is not None and limit < _NO_LIMIT:
            found.append((version, folder, limit))
    return found


def _used(version: int, folder: Path) -> int:
    """Return the bytes that a group holds, without the file pages that are given up when memory is wanted."""
    used = _number(folder / ("memory.current" if version == 2 else "memory.usage_in_bytes")) or 0
    name = "inactive_file" if version == 2 else "total_inactive_file"
    with suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return max(used - int(value), 0)
    return used


def _quota(version: int, folder: Path) -> float | None:
    if version == 2:
        with suppress(OSError, ValueError):
            quota, _, period = (folder / "cpu.max").read_text().strip().partition(" ")
            return None if quota == "max" else int(quota) / int(period or 100_000)
        return None
    taken, each = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return taken / each if taken is not None and each and taken > 0 else None


def _groups(root: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """Yield version and folder of each control group that this process is in, with all that hold it."""
    own = _own_paths(root)
    for mount in _mounts(root):
        version = 2 if mount["kind"] == "cgroup2" else 1
        if version == 1 and controller not in mount["options"].split(","):
            continue
        path = own.get("" if version == 2 else controller)
        if path is None:
            continue
        top = root / mount["point"].lstrip("/")
        # Inside a container the mount shows the container's own group as its top, whatever the path says.
        shown = mount["root"].rstrip("/")
        inside = path.removeprefix(shown) if path == shown or path.startswith(f"{shown}/") else ""
        folder = top / inside.strip("/")
        if ".." in Path(inside).parts or not folder.is_dir():
            folder = top
        while True:
            yield version, folder
            if folder == top:
                break
            folder = folder.parent


def _own_paths(root: Path) -> dict[str, str]:
    """Return the path of this process's group by controller; that of version 2 has no name."""
    found: dict[str, str] = {}
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, names, path = (line.split(":", 2) + ["", ""])[:3]
            for name in names.split(","):
                found.setdefault(name, path)
    return found


def _mounts(root: Path) -> list[dict[str, Any]]:
    with suppress(OSError, UnicodeDecodeError):
        lines = (root / "proc/self/mountinfo").read_text().splitlines()
        return [found.groupdict() for line in lines if (found := _MOUNT.match(line))]
    return []


def _number(path: Path) -> int | None:
    """Return the number that a file holds; None where it says 'max', holds no number, or is not there."""
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None

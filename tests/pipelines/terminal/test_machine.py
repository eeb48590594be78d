"""What a process may use: by files as Linux writes them in containers and outside."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipelines.terminal import machine

GIB = 1 << 30
V2_MOUNT = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "31 23 0:27 {root} /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 23 0:28 {root} /sys/fs/cgroup/memory rw,nosuid shared:6 - cgroup cgroup rw,memory\n"
)


def written(root: Path, **files: str) -> Path:
    """Write files below a root; `__` in a name stands for a slash, so that it can be a keyword."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def group(root: Path, folder: str, **files: str) -> None:
    """Write the files of a control group; `_` in a name after the first word stands for a dot."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / folder / name.replace("_", ".", 1)).write_text(text)


def in_container(root: Path, *, cpu: str = "max 100000", limit: str = "max") -> Path:
    """Make the files that a container with version 2 shows: its own group is the top of the mount."""
    written(root, proc__self__cgroup="0::/\n", proc__self__mountinfo=V2_MOUNT.format(root="/"))
    group(root, "sys/fs/cgroup", cpu_max=cpu, memory_max=limit, memory_current=str(GIB))
    return root


@pytest.mark.parametrize(
    ("quota", "allowed"),
    [("200000 100000", 2.0), ("150000 100000", 1.5), ("50000 100000", 0.5), ("max 100000", None), ("30000", 0.3)],
)
def test_a_container_of_version_2_has_the_cores_of_its_quota(tmp_path, monkeypatch, quota, allowed):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    root = in_container(tmp_path, cpu=quota)
    assert machine.allowed_cores(root) == allowed
    assert machine.usable_cores(root) == (8 if allowed is None else max(int(allowed), 1))


def test_no_quota_gives_more_cores_than_the_process_may_run_on(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert machine.usable_cores(in_container(tmp_path, cpu="1600000 100000")) == 2


def test_the_tightest_of_the_groups_around_a_process_counts(tmp_path):
    root = written(tmp_path, proc__self__cgroup="0::/user/job/step\n", proc__self__mountinfo=V2_MOUNT.format(root="/"))
    group(root, "sys/fs/cgroup/user", cpu_max="100000 100000", memory_max=str(3 * GIB))
    group(root, "sys/fs/cgroup/user/job", cpu_max="max 100000", memory_max="max")
    group(root, "sys/fs/cgroup/user/job/step", cpu_max="400000 100000", memory_max=str(5 * GIB))
    assert machine.allowed_cores(root) == 1.0
    assert machine.allowed_memory(root) == 3 * GIB


def test_version_1_is_read_controller_by_controller(tmp_path):
    paths = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n"
    # The mount shows the container's group, /docker/abc outside, as its top.
    root = written(tmp_path, proc__self__cgroup=paths, proc__self__mountinfo=V1_MOUNTS.format(root="/docker/abc"))
    group(root, "sys/fs/cgroup/cpu,cpuacct", cpu_cfs_quota_us="250000", cpu_cfs_period_us="100000")
    stat = f"cache 0\ninactive_file 7\ntotal_inactive_file {GIB // 2}\n"
    limits = {"memory_limit_in_bytes": str(2 * GIB), "memory_usage_in_bytes": str(GIB), "memory_stat": stat}
    group(root, "sys/fs/cgroup/memory", **limits)
    assert machine.allowed_cores(root) == 2.5
    assert machine.allowed_memory(root) == machine.total_memory(root) == 2 * GIB
    assert machine.free_memory(root) <= 2 * GIB - GIB // 2


def test_version_1_without_limits_sets_none(tmp_path):
    root = written(
        tmp_path,
        proc__self__cgroup="5:memory:/\n4:cpu,cpuacct:/\n",
        proc__self__mountinfo=V1_MOUNTS.format(root="/"),
    )
    group(root, "sys/fs/cgroup/cpu,cpuacct", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    group(root, "sys/fs/cgroup/memory", memory_limit_in_bytes="9223372036854771712", memory_usage_in_bytes="1")
    assert machine.allowed_cores(root) is None
    assert machine.allowed_memory(root) is None


def test_free_memory_is_what_the_container_has_left(tmp_path):
    root = in_container(tmp_path, limit=str(GIB + 1000))
    assert machine.free_memory(root) == 1000
    group(root, "sys/fs/cgroup", memory_current=str(2 * GIB))
    assert machine.free_memory(root) == 0


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc__self__cgroup": "0::/gone\n", "proc__self__mountinfo": V2_MOUNT.format(root="/")},
        {"proc__self__cgroup": "0::/../../etc\n", "proc__self__mountinfo": V2_MOUNT.format(root="/")},
        {"proc__self__cgroup": "nonsense", "proc__self__mountinfo": "more of it\n"},
        {
            "proc__self__cgroup": "0::/\n",
            "proc__self__mountinfo": V2_MOUNT.format(root="/"),
            "sys__fs__cgroup__cpu.max": "what\n",
            "sys__fs__cgroup__memory.max": "",
        },
    ],
)
def test_what_is_not_there_or_odd_sets_no_bound(tmp_path, files):
    root = written(tmp_path, **files)
    assert machine.allowed_cores(root) is None
    assert machine.allowed_memory(root) is None
    assert 0 < machine.free_memory(root) <= machine.total_memory(root) == psutil.virtual_memory().total


def test_every_package_has_threads_wait_passively_before_libraries_are_loaded():
    code = (
        "import os, sys; import {0}; assert 'numpy' not in sys.modules; "
        "print(os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'])"
    )
    bare = {name: value for name, value in os.environ.items() if name not in machine.PASSIVE}
    for package in ("pipelines", "features", "stacker", "dashboard"):
        run = [sys.executable, "-c", code.format(package)]
        assert subprocess.check_output(run, env=bare, text=True).split() == ["PASSIVE", "0"], package


def test_what_the_user_says_of_waiting_stays(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    machine.wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_linear_algebra_has_one_thread_inside_the_block_and_its_own_number_after():
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    assert np.eye(3).sum() == 3  # NumPy's library is loaded
    before = threads()
    with machine.one_blas_thread():
        assert set(threads()) == {1}
    assert threads() == before

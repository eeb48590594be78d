"""What a process takes of its machine: the cores that it may use, and memory that it gives back."""

import ctypes
import gc
import os
import sys


def release_memory() -> None:
    """Free what is unreachable, and have glibc return the pages that it kept for later; elsewhere the first alone."""
    gc.collect()
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # another C library, such as musl
        return


def usable_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Gives memory that this process no longer uses back to the system, where the system can take it."""

import ctypes
import gc
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

import ctypes
import gc
import weakref

from pipelines.terminal.processes import release_memory


class Ring:
    """Refers to itself, so that counting references alone never frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_out_of_reach_is_freed_with_any_c_library(monkeypatch):
    def other(name: str) -> None:
        raise OSError(f"{name}: no such file")

    monkeypatch.setattr(ctypes, "CDLL", other)
    gc.disable()
    try:
        gone = weakref.ref(Ring())
        assert gone() is not None
        release_memory()
        assert gone() is None
    finally:
        gc.enable()

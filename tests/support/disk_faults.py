"""Writers that fail, or are killed, at each of their changes of the disk in turn."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

STEPS = ("rename", "replace", "chmod", "unlink", "rmdir", "mkdir")
"""Methods of Path by which a writer changes the disk."""


def changes(set_attribute: Callable[..., None], at: int, happen: Callable[[], None]) -> list[str]:
    """Have `happen` called before the `at`-th change of the disk; return the list of changes so far, which grows."""
    done: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        method = getattr(Path, name)

        def change(*arguments: Any, **named: Any) -> Any:
            done.append(name)
            if len(done) == at:
                happen()
            return method(*arguments, **named)

        return change

    for name in STEPS:
        set_attribute(Path, name, counted(name))
    return done


def failed_at_each_step(monkeypatch, write: Callable[[], None], fault: BaseException) -> Iterator[None]:
    """Yield after `write` met a fault at its first change of the disk, at its second, and so on, at last at none."""

    def fail() -> None:
        raise fault

    step, reached = 0, True
    while reached:
        step += 1
        with monkeypatch.context() as patched:
            done = changes(patched.setattr, step, fail)
            try:
                write()
            except BaseException as met:
                assert met is fault or met.__cause__ is fault
        reached = len(done) >= step
        yield
    assert step > 8, f"{step - 1} changes of the disk"


def killed_at_each_step(module: str, folder: Path) -> int:
    """Call `before(PLACE)`, then `write(PLACE)` in a process that is killed at its n-th change, PLACE being folder/n.

    Returns how often; the last one is not killed. Both are functions of a test's `module`, a path.
    """
    command = [sys.executable, __file__, module, str(folder)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _kill_each(module: str, folder: Path) -> int:
    sys.path.insert(0, str(Path(module).parent))
    test = import_module(Path(module).stem)
    step, status = 0, 1
    while status:
        step += 1
        place = folder / str(step)
        place.mkdir()
        test.before(place)
        child = os.fork()
        if not child:
            changes(setattr, step, lambda: os.kill(os.getpid(), signal.SIGKILL))
            test.write(place)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
    return step


if __name__ == "__main__":
    sys.stdout.write(str(_kill_each(sys.argv[1], Path(sys.argv[2]))))

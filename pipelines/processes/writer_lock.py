"""One process at a time writes a thing: a lock that the system takes from a killed process."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from pipelines.errors import UserError
from pipelines.files.atomic_files import parents_made


@contextmanager
def one_writer(lock: Path, name: str) -> Iterator[None]:
    """Hold a lock file inside the block, made together with its folder and removed afterwards.

    Parameters
    ----------
    lock : Path
        The same for all writers of the thing.
    name : str
        What is written, for the sentence: a path, perhaps with its parameter before it.

    Raises
    ------
    UserError
        When another process holds it, or it cannot be made.
    """
    holder = FileLock(lock, timeout=0)
    with ExitStack() as stack:
        try:
            stack.enter_context(parents_made(lock))
            holder.acquire()
        except Timeout as fault:
            raise UserError(f"{name}: another command is writing it; wait for it or name another.") from fault
        except OSError as fault:
            raise UserError(
                f"{name}: cannot be written ({fault.strerror or fault}); fix permissions or name another."
            ) from fault
        stack.callback(_release, holder, lock)
        yield


def _release(holder: BaseFileLock, lock: Path) -> None:
    with suppress(OSError):  # Windows removes no open file, and an empty one does no harm
        lock.unlink()  # while it is held: who waits for it finds out, and makes a new one
    holder.release()

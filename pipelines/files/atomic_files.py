"""Artefacts written whole or not at all: a temporary neighbour is filled, flushed to disk and renamed.

A killed writer of NAME leaves `.NAME.*.part` (incomplete, or no longer wanted) and, where it was killed between two
renames, `.NAME.*.old`: the whole folder that was to be replaced, while NAME is missing. The next writer of NAME,
`put_back` and `remove_stale_temp_files` bring the old folder back and remove the rest.
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipelines.errors import UserError

STALE_S = 24 * 3600.0
"""A temporary neighbour that has not changed for so long belongs to no writer that lives."""
_PART, _OLD = ".part", ".old"
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)
"""What a folder with something in it answers to being replaced: POSIX says either, Windows the second."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; when the block ends well, it replaces `path` in one step.

    When the block raises, `path` is as it was and the temporary file is gone. The file has the permissions that
    `open` would have given it, or those of the file that it replaces; a link is followed.

    Raises
    ------
    UserError
        When the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    with _explained(path, target), parents_made(target):
        if target.exists() and not target.is_file():
            raise UserError(f"{path}: is a folder or a device, not a file; name another.")
        _remove_stale_neighbours(target)
        part = _neighbour(target, _PART)
        part.open("xb").close()
        try:
            mode = _mode(part)
            yield part
            part.chmod(mode)  # some libraries put a file of their own there, which nobody else may read
            put(part, target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, marker: str | None = None, *, keep: bool = False) -> Iterator[Path]:
    """Yield a temporary folder next to `path`; when the block ends well, it takes the place of `path`.

    Wherever a writer fails or is killed, the old folder or the new one is there whole, the old one perhaps only after
    `put_back`. Of several writers at once the last one wins.

    Parameters
    ----------
    path : Path
        What is replaced; a link is followed. Windows lets no folder be moved while a file in it is open: then `path`
        stays as it was.
    marker : str or None
        A file that every folder of this kind holds. A folder without it, unless it is empty, is somebody's own and is
        not replaced.
    keep : bool
        Whether a folder that is at `path` by then stays: where the name tells the content, both are the same.

    Raises
    ------
    UserError
        When the folder cannot be written, or `path` is not one to be replaced.
    """
    target = Path(os.path.realpath(path))
    with _explained(path, target), parents_made(target):
        put_back(target)
        _remove_stale_neighbours(target)
        _check_replaceable(path, marker)
        part = _neighbour(target, _PART)
        part.mkdir()
        try:
            yield part
            put(part, target, keep=keep)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def put(part: Path, target: Path, *, keep: bool = False) -> None:
    """Move a finished file or folder to `target`, on the same disk, in place of what is there.

    What is replaced leaves its permissions; the files of a folder get those that `open` would have given them, as some
    libraries write files that nobody else may read. Without locks: whoever finds a folder at `target` moves that aside
    and tries again.

    Raises
    ------
    OSError
        When it cannot be moved; `part` and `target` are then as they were.
    """
    if part.is_dir():
        _even_out(part)
    else:
        _flush(part)
    with suppress(FileNotFoundError):
        part.chmod(_mode(target))
    if part.is_dir():
        _put_folder(part, target, keep)
    else:
        part.replace(target)


def _put_folder(part: Path, target: Path, keep: bool) -> None:
    aside: list[Path] = []
    try:
        while True:
            try:
                part.rename(target)
                break
            except OSError as fault:
                if fault.errno not in _OCCUPIED:
                    raise
            if keep:
                break
            aside.append(_neighbour(target, _OLD))
            with suppress(FileNotFoundError):  # another writer has moved it aside
                target.rename(aside[-1])
    except BaseException:
        put_back(target)
        raise
    finally:
        for old in aside:
            _discard(old, target)


def put_back(path: Path) -> None:
    """Bring back the folder `path` where a writer moved it aside and was killed before the new one had its place."""
    if path.exists():
        return
    for old in sorted(_neighbours(path, _OLD), reverse=True):  # by name, which begins with the time: the newest first
        with suppress(OSError):
            old.rename(path)  # does nothing to a new one that came meanwhile
            return


def remove_stale_temp_files(folder: Path, seconds: float = 0.0) -> None:
    """Remove what killed writers left incomplete in a folder, and bring back what one had moved aside.

    Call it where nobody writes, or with an age in `seconds` that no writer needs.
    """
    for old in folder.glob(f".*{_OLD}"):
        name = old.name[1:].rpartition(".")[0].rpartition(".")[0]
        if name:
            put_back(folder / name)
    for left in [*folder.glob(f".*{_PART}"), *folder.glob(f".*{_OLD}")]:
        _remove_if_stale(left, seconds)


@contextmanager
def parents_made(target: Path) -> Iterator[None]:
    """Make the folders above `target`; when the block raises, remove those that were made and are empty."""
    made = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for parent in made:
                parent.rmdir()
        raise


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Write a text as UTF-8, whole or not at all; `errors` says what becomes of lone surrogates."""
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", errors=errors)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON (UTF-8, non-ASCII kept), whole or not at all.

    Where a text holds what UTF-8 does not have (names of files need not be text), all of it is ASCII with escapes.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    if not is_utf8(text):
        text = json.dumps(content, indent=2, allow_nan=False)
    write_text(path, text + "\n")


def is_utf8(text: str) -> bool:
    """Tell whether UTF-8 has a text, which lone surrogates it has not."""
    try:
        return text.isascii() or bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _neighbour(target: Path, suffix: str) -> Path:
    """Return a new hidden name next to `target` on the same disk."""
    return target.with_name(f".{target.name}.{time.time_ns():x}-{secrets.token_hex(3)}{suffix}")


def _neighbours(target: Path, suffix: str) -> list[Path]:
    named = f".{target.name}."
    names = os.listdir(target.parent) if target.parent.is_dir() else ()
    return [
        target.with_name(name)
        for name in names
        if name.startswith(named) and name.endswith(suffix) and "." not in name[len(named) : -len(suffix)]
    ]


def _remove_stale_neighbours(target: Path) -> None:
    for left in [*_neighbours(target, _PART), *_neighbours(target, _OLD)]:
        _remove_if_stale(left, STALE_S)


def _remove_if_stale(left: Path, seconds: float) -> None:
    try:
        newest = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
    except OSError:
        return  # another process is moving or removing it
    # Moving a folder aside does not change its own time: its name tells when that was.
    if max(newest, _named_time(left)) <= time.time() - seconds:
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def _named_time(left: Path) -> float:
    try:
        return int(left.stem.rpartition(".")[2].partition("-")[0], 16) / 1e9
    except ValueError:
        return 0.0


def _discard(old: Path, target: Path) -> None:
    """Remove a folder that was moved aside, once another is in its place."""
    for _ in range(100):
        if target.exists():
            break
        time.sleep(0.01)  # another writer has moved it aside, and its own is about to have the place
    else:
        return
    unwanted = _neighbour(target, _PART)
    with suppress(OSError):  # it has been put back, or is open on Windows: then it is removed when it is stale
        old.rename(unwanted)  # first: half of a folder must not be put back
        shutil.rmtree(unwanted, ignore_errors=True)


def _check_replaceable(path: Path, marker: str | None) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise UserError(f"{path}: is a file, not a folder; name another.")
    if marker is not None and not (path / marker).exists() and any(path.iterdir()):
        raise UserError(
            f"{path}: holds other files and no {marker}, so it is not replaced; name a new folder, or an empty one."
        )


def _even_out(part: Path) -> None:
    """Give everything in a folder the permissions of the folder, and flush it to disk."""
    own = _mode(part)
    for inside in part.rglob("*"):
        if inside.is_symlink():
            continue
        inside.chmod(own if inside.is_dir() else own & 0o666)
        if inside.is_file():
            _flush(inside)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _flush(path: Path) -> None:
    # Windows flushes only what is open for writing; elsewhere the permissions may forbid that.
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0) if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _explained(path: Path, target: Path) -> Iterator[None]:
    """Turn what hinders the writing of `path` into one sentence; faults about other files stay as they are."""
    try:
        yield
    except OSError as fault:
        names = [Path(os.fsdecode(name)) for name in (fault.filename, fault.filename2) if isinstance(name, str | bytes)]
        if isinstance(fault, ConnectionError | TimeoutError) or not all(_touches(name, target) for name in names):
            raise
        above = "".join(f": {name}" for name in names if name in target.parents)
        raise UserError(
            f"{path}: cannot be written ({fault.strerror or fault}{above}); make room, fix permissions or name another."
        ) from fault


def _touches(name: Path, target: Path) -> bool:
    """Whether a path is `target`, a folder above it, or in one of its temporary neighbours."""
    if target.is_relative_to(name):
        return True
    return name.is_relative_to(target.parent) and name.parts[len(target.parent.parts)].startswith(f".{target.name}.")

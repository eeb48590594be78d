"""Artefacts written whole or not at all: a temporary neighbour is filled, flushed to disk and renamed."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, it replaces `path` in one step.

    When the block raises, `path` is as it was and the temporary file is gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends well, it takes the place of `path`.

    An older folder at `path` is moved aside first and removed last, so that a reader never meets a mixture.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    old = part.with_suffix(".old")
    try:
        yield part
        part.chmod(0o755)
        for inside in part.rglob("*"):  # some libraries write files that nobody else may read
            inside.chmod(0o755 if inside.is_dir() else 0o644)
        if path.exists():
            path.replace(old)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON (UTF-8, non-ASCII kept), whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(folder: Path, seconds: float = 0.0) -> None:
    """Remove what killed writers left half-written in a folder, and put back what one had moved aside.

    Call it where nobody writes, or with an age in `seconds` that no writer needs.
    """
    oldest = time.time() - seconds
    for left in folder.glob(".*.old"):
        name = left.name[1:].rpartition(".")[0].rpartition(".")[0]
        if name and not (folder / name).exists():
            left.replace(folder / name)
    for left in [*folder.glob(".*.part"), *folder.glob(".*.old")]:
        if left.stat().st_mtime > oldest:
            continue
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)

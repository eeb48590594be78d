"""Sizes and hashes of the files of a folder: written down when it is made, compared when it is read."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from pydantic import Field

from pipelines.artefacts import sha256_of
from pipelines.saved_files import Saved


class StoredFile(Saved):
    """Size and SHA-256 of one file."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def hashes_of(folder: Path, but: Collection[str] = ()) -> dict[str, StoredFile]:
    """Return size and hash of every file in a folder but some, by path with forward slashes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in but:
            found[name] = StoredFile(bytes=path.stat().st_size, sha256=sha256_of(path))
    return found


def first_difference(folder: Path, files: Mapping[str, StoredFile], made: str = "saved") -> tuple[Path, str] | None:
    """Return the first file that is not as it was written down, and what is the matter; None where all are.

    Files that are not written down are not looked at. `made` is what was done to them then, for the sentence.
    """
    for name, stored in files.items():
        path = folder / name
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or not path.is_file():
            return path, "is missing"
        if path.stat().st_size != stored.bytes or sha256_of(path) != stored.sha256:
            return path, _changed(path, stored, made)
    return None


def _changed(path: Path, stored: StoredFile, made: str) -> str:
    # Two bytes for one at each line's end: no other change is as common.
    if path.stat().st_size <= 2 * stored.bytes:
        unix = path.read_bytes().replace(b"\r\n", b"\n")
        if len(unix) == stored.bytes and hashlib.sha256(unix).hexdigest() == stored.sha256:
            return f"has other line ends than when it was {made} (CRLF); copy it again as a binary file"
    return f"is not the file that was {made} (its SHA-256 differs)"

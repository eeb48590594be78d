"""Sizes and hashes of the files of a folder: written down when it is made, compared when it is read."""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from pydantic import Field

from pipelines.errors import shown
from pipelines.files.atomic_files import sha256_of
from pipelines.files.saved_files import DamagedError, Saved

LONGEST_PATH = 400
"""Characters of a file's path in its folder."""
MOST_FILES = 10_000
"""Files and folders in a folder that is looked through."""
_MOST_TEXT = 64 << 20
"""Bytes of a file whose line ends are looked at."""


class StoredFile(Saved):
    """Size and SHA-256 of one file."""

    bytes: int = Field(ge=0, strict=True)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def is_canonical(name: str) -> bool:
    """Tell whether a text is a path inside a folder, written as `hashes_of` writes it: a file has one such path."""
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts and bool(path.parts)
    return inside and path.as_posix() == name and len(name) <= LONGEST_PATH and name.isprintable()


def sizes_of(folder: Path) -> dict[str, int]:
    """Return the bytes of every file in a folder by path with forward slashes; nothing is read.

    Raises
    ------
    DamagedError
        When a link leads out of the folder, or there are more than `MOST_FILES` files and folders.
    """
    home, found = folder.resolve(), {}
    for count, path in enumerate(_everything(folder)):
        if count >= MOST_FILES:
            raise DamagedError(folder, f"holds more than {MOST_FILES:,} files and folders")
        if path.is_symlink() and not _target(path).is_relative_to(home):
            raise DamagedError(path, "is a link that leads out of the folder")
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.stat().st_size
    return found


def _everything(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _target(path: Path) -> Path:
    try:
        return path.resolve(strict=False)
    except (OSError, RuntimeError) as fault:  # a link to itself
        raise DamagedError(path, "is a link that leads nowhere") from fault


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
    for name in files:
        if not is_canonical(name):
            return folder / shown(name), "is no path of a file in this folder"
    # Sizes first: what lies there may be of any size, and only what was written down is worth reading.
    for name, stored in files.items():
        path = folder / name
        if not path.is_file():
            return path, "is missing"
        if path.stat().st_size != stored.bytes:
            return path, _changed(path, stored, made)
    hashes: dict[tuple[int, int], str] = {}
    for name, stored in files.items():
        path = folder / name
        status = path.stat()
        one = (status.st_dev, status.st_ino)  # which files of one content can share
        if one not in hashes or one[1] == 0:
            hashes[one] = sha256_of(path)
        if hashes[one] != stored.sha256:
            return path, _changed(path, stored, made)
    return None


def _changed(path: Path, stored: StoredFile, made: str) -> str:
    # Two bytes for one at each line's end: no other change is as common.
    if path.stat().st_size <= min(2 * stored.bytes, _MOST_TEXT):
        unix = path.read_bytes().replace(b"\r\n", b"\n")
        if len(unix) == stored.bytes and hashlib.sha256(unix).hexdigest() == stored.sha256:
            return f"has other line ends than when it was {made} (CRLF); copy it again as a binary file"
    return f"is not the file that was {made} (its SHA-256 differs)"

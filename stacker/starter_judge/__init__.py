"""The files of the starter judge, and where they are."""

import hashlib
from pathlib import Path

from pipelines.files.atomic_files import sha256_of

CARD = "MODEL_CARD.md"
"""What the starter judge was made from, how it does, and what it must not be used for; beside its files."""


def starter_folder() -> Path:
    """Return the folder of the starter judge inside this package, for `Judge.load`."""
    return Path(__file__).parent


def judge_hash(folder: Path) -> str:
    """Return one SHA-256, 64 hex digits, over the names and bytes of all files of a judge but its card."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()

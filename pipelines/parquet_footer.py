"""The description at the end of a parquet file, looked at before a library reads it."""

from pathlib import Path

from pipelines.errors import UserError

_MOST_FOOTER = 64_000_000
"""Bytes of the description at a file's end; one of a thousand columns and a thousand row groups has as many."""


def check_footer(path: Path) -> None:
    """Refuse a description that is larger than any is: it is taken into memory whole, and grows tenfold there.

    Raises
    ------
    ValueError
        When there is none, or it is too large.
    UserError
        When columns are encrypted.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 8, 0))
        end = file.read(8)
    if end[4:] != b"PAR1" or int.from_bytes(end[:4], "little") > min(_MOST_FOOTER, size):
        raise ValueError("no footer")
    _check_plain(path, int.from_bytes(end[:4], "little"))


def _check_plain(path: Path, length: int) -> None:
    """Refuse a file with encrypted columns: pyarrow ends the process when it looks at one without a key."""
    from pyarrow import parquet

    # The description of such a file can be read, and is followed by a signature.
    if parquet.read_metadata(path).serialized_size != length:
        raise UserError(f"{path}: has encrypted columns; write it again without encryption.")

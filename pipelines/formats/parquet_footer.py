"""The description at the end of a parquet file, looked at before a library reads it."""

from pathlib import Path

_MOST_FOOTER = 64_000_000
"""Bytes of the description at a file's end; one of a thousand columns and a thousand row groups has as many."""


def footer_length(path: Path) -> int:
    """Return the bytes of the description, which a library takes into memory whole, where it grows tenfold.

    Raises
    ------
    ValueError
        When there is none, or it is larger than any is.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 8, 0))
        end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != b"PAR1" or length > min(_MOST_FOOTER, size):
        raise ValueError("no footer")
    return length

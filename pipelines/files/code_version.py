"""The code that a value depends on, as one hash: what other code computed is not taken for the same value."""

import ast
import hashlib
import platform
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "imblearn": "imbalanced-learn",
    "markdown_it": "markdown-it-py",
    "sklearn": "scikit-learn",
    "xgboost": "xgboost-cpu",
    "yaml": "PyYAML",
}
"""Packages whose import has another name; to ask every installed package what it brings takes a second."""


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
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = frozenset(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # Texts that stand alone: docstrings, and those below an attribute or a constant.
            node.body = [each for each in node.body if not _is_text(each)]
    return hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest(), imported


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "find_spec"):
            yield from (str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant))


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

"""The shape of the house: packages import leftwards, files form no circle, and every thing is found by its name."""

import ast
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["pipelines", "features", "stacker", "dashboard"]
FOLDERS = ["evaluate", "learners", "judge", "training"]
"""Inside stacker, each imports only from those before it; commands and what stands in no folder of these come after."""
ALIASES = ("pipelines.starter",)
"""Further names of commands: files that are no part of the package they stand in."""
ALSO = {"__init__", "__main__", "params"}
"""Names that files may share."""


@cache
def files():
    """Return the project's modules by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


@cache
def imports(module):
    """Return what a module of the project imports of it: anywhere, but for types alone or when run as a command."""
    tree = ast.parse(files()[module].read_text(encoding="utf-8"))
    left_out = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and ast.unparse(test.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
        for node in ast.walk(test)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    exact = {name for name in found if name in files()}
    return {name for name in exact if not any(other.startswith(f"{name}.") for other in exact)} - {module}


def layer(module):
    """Return the place of a module in the line: its package, and inside stacker its folder."""
    package, _, rest = module.partition(".")
    folder = rest.partition(".")[0]
    inner = FOLDERS.index(folder) if folder in FOLDERS and not rest.endswith("__main__") else len(FOLDERS)
    return PACKAGES.index(package), inner if package == "stacker" else 0


def test_imports_run_one_way():
    wrong = [f"{name} imports {other}" for name in files() for other in imports(name) if layer(other) > layer(name)]
    assert not wrong


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_of_a_command_holds_nothing_else_and_nobody_imports_it(alias):
    said, guard = ast.parse(files()[alias].read_text(encoding="utf-8")).body
    assert isinstance(said, ast.Expr) and isinstance(guard, ast.If) and "__main__" in ast.dump(guard.test)
    assert [type(node) for node in guard.body] == [ast.ImportFrom, ast.Expr] and not guard.orelse
    assert not [name for name in files() if alias in imports(name)]


def test_files_import_each_other_in_no_circle():
    TopologicalSorter({name: imports(name) for name in files()}).prepare()  # raises CycleError, which names them


@pytest.mark.parametrize("parent", ["features", "stacker", "stacker.learners"])
def test_folders_import_each_other_in_no_circle(parent):
    depth = parent.count(".") + 1
    edges = {}
    for name in files():
        if name.endswith(".__main__"):
            continue  # a command stands above all folders, though it lies in that which it is named after
        if name.startswith(f"{parent}.") and name.count(".") > depth:
            folder = name.split(".")[depth]
            inner = [other.split(".") for other in imports(name) if other.startswith(f"{parent}.")]
            edges.setdefault(folder, set()).update(part[depth] for part in inner if len(part) > depth + 1)
            edges[folder].discard(folder)
    TopologicalSorter(edges).prepare()


def test_a_file_is_short_a_folder_small_and_a_name_stands_for_one_thing():
    long = {name: count for name, path in files().items() if (count := path.read_bytes().count(b"\n")) > 320}
    entries = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if not {"__pycache__", "README.md"} & set(path.parts) and (path.is_file() or any(path.glob("*[!_]")))
    )
    full = {folder: count for folder, count in entries.items() if count > 14}
    names = Counter(path.stem for path in files().values() if path.stem not in ALSO)
    assert (long, full, {name: count for name, count in names.items() if count > 1}) == ({}, {}, {})

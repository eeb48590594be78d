"""A stored value is of this code: an edit of any file that it depends on changes the key it is kept under."""

import ast
import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from features.blocks.registry import BLOCKS
from features.cache import code_of
from features.encoder.embedding import EmbeddingBlock
from pipelines.files import hashes as module
from pipelines.files.hashes import PACKAGES, ROOT, _files, _resolved, code_version, library_version
from stacker.learners.learner_registry import KINDS

OWN = ("pipelines", "features", "stacker", "dashboard")
FILES = {
    "features/__init__.py": '"""Blocks."""\n',
    "features/block.py": '''"""A block."""
import numpy
from features.words import split
from features import late

X = 1
''',
    "features/words.py": '''def split(text):
    """Split."""
    from features.deep import limit  # why
    return text[:limit]
''',
    "features/deep.py": "limit = 3\n",
    "features/late.py": "from importlib import import_module\n\nfound = import_module('features.named')\n",
    "features/named.py": "class A:\n    one: int = 1\n    '''What one is.'''\n",
    "features/other.py": "other = 1\n",
}


@pytest.fixture
def project(tmp_path):
    """A small project, and a function that gives the version of one of its modules as the files are now."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")

    def now(name="features.block", **settings):
        code_version.cache_clear()
        module._read.cache_clear()
        return code_version(name, root=tmp_path, **settings)

    yield tmp_path, now
    code_version.cache_clear()


@pytest.mark.parametrize("name", ["block", "words", "deep", "late", "named"])
def test_an_edit_of_any_file_that_is_imported_changes_the_version(project, name):
    folder, now = project
    path, before = folder / "features" / f"{name}.py", now()
    assert now() == before
    path.write_text(path.read_text(encoding="utf-8").replace("1", "2").replace("3", "4") + "\n\nmore = 1\n")
    assert now() != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("block", '"""A block."""', '"""Another sentence."""\n\n# and a comment'),
        ("words", '    """Split."""\n', ""),
        ("words", "  # why", ""),
        ("named", "What one is.", "What it is."),
        ("deep", "limit = 3", "limit = (\n    3\n)"),
        ("other", "other = 1", "other = 2"),
        ("__init__", "Blocks", "All blocks"),
    ],
)
def test_what_changes_no_value_changes_no_version(project, name, old, new):
    folder, now = project
    path, before = folder / "features" / f"{name}.py", now()
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert now() == before


def test_another_version_of_a_library_or_of_python_is_another_version(project, monkeypatch):
    _, now = project
    before = now()
    with monkeypatch.context() as patched:
        patched.setattr(module, "version", lambda name: "99" if name == "numpy" else version(name))
        assert now() != before
    with monkeypatch.context() as patched:
        patched.setattr(module, "version", lambda name: "99" if name == "pandas" else version(name))
        assert now() == before
    monkeypatch.setattr(module.platform, "python_version", lambda: "3.99")
    assert now() != before


def test_a_module_alone_counts_where_imports_are_not_followed(project):
    folder, now = project
    before = now(follow=False)
    (folder / "features" / "deep.py").write_text("limit = 5\n", encoding="utf-8")
    assert now(follow=False) == before
    (folder / "features" / "block.py").write_text("X = 2\n", encoding="utf-8")
    assert now(follow=False) != before


def modules():
    found = (path.relative_to(ROOT).with_suffix("") for name in OWN for path in (ROOT / name).rglob("*.py"))
    names = {".".join(path.parts).removesuffix(".__init__") for path in found}
    return {name for name in names if not holds_a_docstring_alone(name)}


def test_every_library_that_is_imported_has_a_version():
    imported = {each for path in _files(tuple(modules()), False, ROOT).values() for each in module._read(path)[1]}
    libraries = {each.partition(".")[0] for each in imported if _resolved(each, ROOT) is None}
    libraries -= {*sys.stdlib_module_names, "__future__"}
    assert set(PACKAGES) <= libraries and "textstat" in libraries
    optional = {"datasets", "onnx", "onnxruntime", "optuna_dashboard", "openvino", "plotly", "psycopg", "trl"}
    assert [name for name in sorted(libraries - optional) if not library_version(name)] == []


def holds_a_docstring_alone(name):
    folder = ROOT / Path(*name.split("."))
    path = folder / "__init__.py"
    return folder.is_dir() and (not path.is_file() or len(ast.parse(path.read_text(encoding="utf-8")).body) == 1)


def covered(*names):
    return set(_files(names, True, ROOT))


def test_the_keys_cover_every_module_that_computes():
    """A module that is left out here is one whose edit would go unnoticed."""
    blocks = {kind.__module__ for kind in map(type, BLOCKS.values())}
    features = covered("stacker.judge.members", EmbeddingBlock.__module__)
    assert blocks <= features
    learners = covered(*(kind.module for kind in KINDS.values()))
    kept_by_nobody = {"features.style_control"}  # of rankings, which are made anew each time
    kept_by_nobody |= {"features.carried_rows"}  # carries rows under the keys that they have, and computes none
    assert {name for name in modules() if name.startswith("features.")} - features - learners == kept_by_nobody
    named = {name for name in modules() if name.startswith("stacker.learners.")}
    choosing = {"stacker.learners.learner_registry", "stacker.learners.transformer.chosen"}
    choosing |= {"stacker.learners.judges.asked_judge"}  # asks before any fit; what was said is part of a fit's key
    level1 = {name for name in named if name.startswith("stacker.learners.stacking.")}  # fitted anew in every run
    checks = {name for name in named if name.startswith("stacker.learners.checks.")}  # fitted by the starter alone
    assert named - learners - choosing - level1 - checks == set()
    study = covered("stacker.study.objective", "stacker.study.nested")
    assert features | learners | choosing <= study
    verdicts = covered("stacker.predict")
    assert (
        features
        | learners
        | {"stacker.judge.verdict_files", "stacker.learners.stacking.pool", "pipelines.formats.reading"}
        <= verdicts
    )


def test_what_is_loaded_is_covered():
    """Imports that no syntax tree shows would be missed."""
    code = "import sys, features.build; print(*(n for n in sys.modules if n.startswith(('features', 'pipelines'))))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    how_threads_wait = {"pipelines", "features"}  # packages that say no more than that, which changes no number
    assert all(map(holds_a_docstring_alone, set(loaded.split()) - covered("features.build") - how_threads_wait))


def test_blocks_that_share_no_code_have_versions_of_their_own():
    kinds = [type(block) for block in BLOCKS.values()]
    files = {kind.__module__: covered(kind.__module__) for kind in kinds}
    assert "features.fast.vader" in files["features.blocks.sentiment"]
    assert "features.fast.vader" not in files["features.blocks.surface"]
    assert len({code_of(kind) for kind in kinds}) == len(set(files))
    assert Path(__file__).stem not in files


class Own:
    """A block of a plug-in: its module is none of this project's."""


def test_a_plug_in_counts_with_its_own_file(monkeypatch):
    before = code_of(Own)
    assert before != code_of(type("Other", (), {"__module__": "ast"}))
    monkeypatch.setattr(module, "_foreign_file", lambda name: ROOT / "pipelines" / "errors.py")
    code_version.cache_clear()
    assert code_of(Own) != before
    code_version.cache_clear()


def test_threads_may_take_versions_at_once(tmp_path):
    # Catches: a SystemError of Python 3.11's parser, as prediction and the preparing of an encoder both parse.
    (tmp_path / "long.py").write_text("x = [[1, (2, 3)], {4: 5}, f(6)]\n" * 100, encoding="utf-8")

    def parse(depth):
        if depth:
            return parse(depth - 1)
        return {module._read.__wrapped__(tmp_path / "long.py") for _ in range(10)}

    def let_others_on(phase, info):
        sum(range(200))

    usual, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(let_others_on)
    gc.set_threshold(50, 2, 2)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(parse, (0, 60)))
    finally:
        gc.callbacks.remove(let_others_on)
        gc.set_threshold(*usual)
        sys.setswitchinterval(interval)
    assert found[0] == found[1] and len(found[0]) == 1

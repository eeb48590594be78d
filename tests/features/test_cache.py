import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cache import BlockCache, _packed, _unpacked, key_of
from pipelines.errors import UserError


class Lengths:
    """A block of two columns."""

    def __init__(self, version: str = "1") -> None:
        self.name = "lengths"
        self.version = version
        self.columns: tuple[str, ...] = ("one", "two")

    def compute(self, texts: list[str]) -> np.ndarray:
        return np.array([[len(text), np.nan] for text in texts], dtype=np.float32).reshape(len(texts), 2)


BLOCK = Lengths()
KEYS = [key_of(f"text {place}") for place in range(1200)]
ROWS = np.random.default_rng(0).normal(size=(1200, 2)).astype(np.float32)
ROWS[3, 1] = np.nan


def test_what_was_put_is_found_again_by_another_process_s_cache(tmp_path: Path):
    BlockCache(tmp_path).put(BLOCK, KEYS, ROWS)
    asked = [*KEYS[::-1], key_of("never met"), KEYS[0]]
    rows, found = BlockCache(tmp_path).get(BLOCK, asked)
    assert rows[:1200].tobytes() == np.ascontiguousarray(ROWS[::-1]).tobytes()
    assert found.tolist() == [True] * 1200 + [False, True]
    assert np.isnan(rows[1200]).all() and rows[1201].tobytes() == ROWS[0].tobytes()


def test_an_empty_cache_knows_nothing(tmp_path: Path):
    cache = BlockCache(tmp_path / "made" / "by itself")
    rows, found = cache.get(BLOCK, KEYS[:2])
    assert not found.any() and np.isnan(rows).all()
    cache.put(BLOCK, [], np.zeros((0, 2), np.float32))
    assert cache.get(BLOCK, [])[0].shape == (0, 2)


def test_what_other_code_computed_is_not_found(tmp_path: Path, monkeypatch):
    cache = BlockCache(tmp_path)
    cache.put(BLOCK, KEYS[:1], ROWS[:1])
    assert cache.get(BLOCK, KEYS[:1])[1].all()
    monkeypatch.setattr("features.cache.code_version", lambda *_, **__: "other")
    assert not cache.get(BLOCK, KEYS[:1])[1].any()


def test_another_version_or_other_columns_have_a_file_of_their_own(tmp_path: Path):
    cache = BlockCache(tmp_path)
    cache.put(BLOCK, KEYS[:1], ROWS[:1])
    assert not cache.get(Lengths("2"), KEYS[:1])[1].any()
    other = Lengths()
    other.columns = ("one", "three")
    assert not cache.get(other, KEYS[:1])[1].any()
    assert cache.get(BLOCK, KEYS[:1])[1].all()


@given(st.lists(st.text(st.characters(codec=None), max_size=10), max_size=3), st.text(max_size=3))
def test_keys_tell_texts_apart_and_their_order_and_borders(texts, more):
    assert key_of(*texts, "x", more) != key_of(*texts, more, "x") or more == "x"
    assert key_of("x".join(texts), more) != key_of("x".join(texts) + more)
    assert len(key_of(*texts)) == 16


def test_a_lone_surrogate_has_a_key_of_its_own():
    assert key_of("\ud800") != key_of("\ud801") != key_of("?")


@given(st.binary(max_size=24))
@settings(max_examples=60, deadline=None)
def test_a_damaged_row_is_not_believed(data):
    row = np.array([1.5, np.nan], np.float32)
    whole = _packed(row)
    assert _unpacked(whole, 2).tobytes() == row.tobytes()
    assert data == whole or _unpacked(data, 2) is None
    for place in range(len(whole)):
        turned = bytes([*whole[:place], whole[place] ^ 1, *whole[place + 1 :]])
        assert _unpacked(turned, 2) is None


def test_a_damaged_row_is_computed_again(tmp_path: Path):
    cache = BlockCache(tmp_path)
    cache.put(BLOCK, KEYS[:3], ROWS[:3])
    cache.close()
    with sqlite3.connect(cache.path(BLOCK)) as database:
        database.execute("UPDATE numbers SET row = ? WHERE key = ?", (b"\0" * 12, KEYS[1]))
    database.close()
    assert cache.get(BLOCK, KEYS[:3])[1].tolist() == [True, False, True]
    cache.put(BLOCK, KEYS[1:2], ROWS[1:2])
    assert cache.get(BLOCK, KEYS[:3])[0].tobytes() == ROWS[:3].tobytes()


@pytest.mark.parametrize("damage", ["overwritten", "cut", "another table", "emptied"])
def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path, damage: str):
    cache = BlockCache(tmp_path)
    cache.put(BLOCK, KEYS, ROWS)
    cache.close()
    path = cache.path(BLOCK)
    data = path.read_bytes()
    if damage == "overwritten":
        path.write_bytes(b"no database" * 1000)
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "emptied":
        path.write_bytes(b"")
    else:
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE numbers (something TEXT)")
        database.close()
    if damage == "emptied":  # for SQLite that is a new file
        assert not cache.get(BLOCK, KEYS)[1].any()
    else:
        with pytest.warns(UserWarning, match="is damaged"):
            rows, found = cache.get(BLOCK, KEYS)
        assert rows[found].tobytes() == ROWS[found].tobytes()
        assert path.with_name(f"{path.name}.damaged").exists()
    cache.put(BLOCK, KEYS, ROWS)
    assert cache.get(BLOCK, KEYS)[0].tobytes() == ROWS.tobytes()


def test_a_writer_killed_in_the_middle_loses_only_what_it_had_not_finished(tmp_path: Path):
    code = (
        "import os, signal, sqlite3, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from features.cache import BlockCache, _packed, key_of\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_cache import BLOCK, KEYS, ROWS\n"
        "cache = BlockCache(Path(sys.argv[1]))\n"
        "cache.put(BLOCK, KEYS[:500], ROWS[:500])\n"
        "database = cache._open[cache.path(BLOCK)]\n"
        "data = [(key, _packed(row)) for key, row in zip(KEYS[500:1000], ROWS[500:1000])]\n"
        "database.execute('PRAGMA cache_size = 1')\n"  # half-written pages reach the disk
        "database.executemany('INSERT INTO numbers (key, row) VALUES (?, ?)', data)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    assert subprocess.run(arguments, timeout=60, check=False).returncode == -signal.SIGKILL
    cache = BlockCache(tmp_path)
    rows, found = cache.get(BLOCK, KEYS)
    assert found.tolist() == [True] * 500 + [False] * 700
    assert rows[:500].tobytes() == ROWS[:500].tobytes()
    cache.put(BLOCK, KEYS[500:], ROWS[500:])
    assert cache.get(BLOCK, KEYS)[0].tobytes() == ROWS.tobytes()


def test_two_processes_write_at_once(tmp_path: Path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_cache import BLOCK, KEYS, ROWS\n"
        "from features.cache import BlockCache\n"
        "cache = BlockCache(Path(sys.argv[1]))\n"
        "for place in range(int(sys.argv[3]), 1200, 4):\n"
        "    cache.put(BLOCK, KEYS[place:place + 3], ROWS[place:place + 3])\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    writers = [subprocess.Popen([*arguments, start]) for start in ("0", "2")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    rows, found = BlockCache(tmp_path).get(BLOCK, KEYS)
    assert found.all() and rows.tobytes() == ROWS.tobytes()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cache folder .*file.* cannot be made"):
        BlockCache(tmp_path / "file")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("database or disk is full", "disk .* is full"),
        ("database is locked", "locked by another"),
        ("readonly", "rights"),
    ],
)
def test_what_hinders_the_cache_is_said_in_one_sentence(tmp_path: Path, monkeypatch, words: str, said: str):
    def fails(path: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError(words)

    monkeypatch.setattr("features.cache._opened", fails)
    with pytest.raises(UserError, match=said):
        BlockCache(tmp_path).put(BLOCK, KEYS[:1], ROWS[:1])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_named(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="fix its rights"):
        BlockCache(tmp_path).put(BLOCK, KEYS[:1], ROWS[:1])

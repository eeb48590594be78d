import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pytest
from object_storage_server import s3_server

from features.cache import BlockCache, key_of
from features.remote_cache import RemoteBlockCache, block_cache
from pipelines.errors import UserError
from pipelines.files import mirrored_tables, object_storage
from pipelines.files.object_storage import HOME, RemoteFolder


class Lengths:
    """A block of two columns."""

    name, version = "lengths", "1"
    columns: tuple[str, ...] = ("one", "two")

    def compute(self, texts: list[str]) -> np.ndarray:
        return np.zeros((len(texts), 2), dtype=np.float32)


BLOCK = Lengths()
KEYS = [key_of(f"text {place}") for place in range(1200)]
ROWS = np.random.default_rng(0).normal(size=(1200, 2)).astype(np.float32)


@pytest.fixture
def folder(tmp_path) -> RemoteFolder:
    return RemoteFolder(f"memory://bucket/{tmp_path.name}/blocks")


@pytest.fixture
def on(tmp_path, monkeypatch, folder):
    """Opens the cache on a machine of a name, which has a disk of its own."""

    def opened(machine: str) -> RemoteBlockCache:
        monkeypatch.setenv(HOME, str(tmp_path / machine))
        found = block_cache(RemoteFolder(folder.url))
        assert isinstance(found, RemoteBlockCache)
        return found

    return opened


def segments(folder: RemoteFolder) -> list[str]:
    return (folder / BlockCache.path(block_cache(folder), BLOCK).stem).names()


def test_a_local_folder_has_the_plain_cache(tmp_path):
    assert type(block_cache(tmp_path)) is BlockCache


def test_another_machine_finds_what_one_computed_bit_for_bit(on):
    with_rows = on("one")
    with_rows.put(BLOCK, KEYS[:900], ROWS[:900])
    with_rows.close()
    rows, found = on("two").get(BLOCK, KEYS)
    assert found.tolist() == [True] * 900 + [False] * 300
    assert rows[:900].tobytes() == ROWS[:900].tobytes()


def test_only_new_rows_go_up_and_none_comes_back(on, folder, monkeypatch):
    monkeypatch.setattr(mirrored_tables, "ROWS", 500)
    one = on("one")
    one.put(BLOCK, KEYS[:900], ROWS[:900])
    one.close()
    assert len(segments(folder)) == 2  # of 500 rows and of 400
    two = on("two")
    assert two.get(BLOCK, KEYS)[1].sum() == 900
    two.close()
    assert len(segments(folder)) == 2
    two.put(BLOCK, KEYS[900:], ROWS[900:])
    two.close()
    assert len(segments(folder)) == 3
    assert on("one").get(BLOCK, KEYS)[1].all()


def test_rows_of_a_machine_that_died_are_sent_when_it_comes_back(on, folder):
    on("one").put(BLOCK, KEYS[:10], ROWS[:10])  # never closed
    assert segments(folder) == []
    assert on("one").get(BLOCK, KEYS[:20])[1].sum() == 10
    assert len(segments(folder)) == 1


def test_rows_that_could_not_be_sent_are_sent_later(on, folder, monkeypatch):
    cache = on("one")
    cache.put(BLOCK, KEYS[:10], ROWS[:10])
    with monkeypatch.context() as broken:
        broken.setattr(RemoteFolder, "_opened", lambda self: (_ for _ in ()).throw(OSError("no route to host")))
        with pytest.raises(UserError, match="no route to host.*the same command resumes"):
            cache.close()
    assert cache.get(BLOCK, KEYS[:10])[1].all()
    cache.put(BLOCK, KEYS[10:20], ROWS[10:20])
    cache.close()
    assert on("two").get(BLOCK, KEYS[:20])[1].all()


def test_a_damaged_segment_is_left_out_with_a_warning(on, folder, tmp_path):
    cache = on("one")
    cache.put(BLOCK, KEYS[:10], ROWS[:10])
    cache.close()
    bad = tmp_path / "bad"
    bad.write_bytes(b"PAR1 cut off")
    (folder / cache.path(BLOCK).stem).send("0" * 32 + ".parquet", bad)
    with pytest.warns(UserWarning, match="is damaged"):
        assert on("two").get(BLOCK, KEYS[:20])[1].sum() == 10


def test_a_damaged_file_on_this_disk_is_set_aside_and_filled_again_from_there(on):
    cache = on("one")
    cache.put(BLOCK, KEYS, ROWS)
    cache.close()
    path = cache.path(BLOCK)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(b"no database" * 1000)
    with pytest.warns(UserWarning, match="set aside"):
        assert on("one").get(BLOCK, KEYS)[1].all()


def test_rows_go_up_while_others_are_still_computed(on, folder, monkeypatch):
    monkeypatch.setattr("features.remote_cache.ROWS", 100)
    on("one").put(BLOCK, KEYS[:100], ROWS[:100])
    assert len(segments(folder)) == 1


def test_a_copy_that_was_filled_without_the_storage_is_no_other_table(on):
    cache = on("one")
    BlockCache(cache.folder).put(BLOCK, KEYS[:5], ROWS[:5])  # a version of before, which knew no storage
    assert cache.get(BLOCK, KEYS[:5])[1].all()
    cache.put(BLOCK, KEYS[5:10], ROWS[5:10])
    cache.close()
    with sqlite3.connect(cache.path(BLOCK)) as database:
        assert database.execute("SELECT count(*) FROM unsent").fetchone() == (0,)
    database.close()


@pytest.mark.slow
def test_a_real_server_of_the_protocol_shares_rows(tmp_path, monkeypatch):
    with s3_server(monkeypatch) as url:
        for machine in ("one", "two"):
            monkeypatch.setenv(HOME, str(tmp_path / machine))
            object_storage._checked.cache_clear()
            cache = block_cache(RemoteFolder(f"{url}/cache/blocks"))
            rows, found = cache.get(BLOCK, KEYS)
            assert found.all() == (machine == "two")
            if machine == "one":
                cache.put(BLOCK, KEYS, ROWS)
            else:
                assert rows.tobytes() == ROWS.tobytes()
            cache.close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len((RemoteFolder(f"{url}/cache/blocks") / cache.path(BLOCK).stem).names()) == 1

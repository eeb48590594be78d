"""Arrow IPC files and streams: the same rows whatever wrote them, within bounds, and never past a damaged offset."""

import gzip
import zipfile

import pyarrow
import pytest
from pyarrow import feather, ipc, parquet

from pipelines.errors import UserError
from pipelines.formats.containers import arrow_rows
from pipelines.formats.containers.file_formats import open_rows
from pipelines.formats.reading import read_battles

TABLE = pyarrow.table(
    {
        "prompt": [f"p{row}" for row in range(10)],
        "response_a": [[{"role": "assistant", "content": f"é{row}"}] for row in range(10)],
        "response_b": [{"text": "y"}] * 9 + [None],
        "winner": pyarrow.array(["model_a", "tie"] * 5).dictionary_encode(),
        "when": pyarrow.array([0] * 10, pyarrow.timestamp("s")),
    }
)


def write_stream(table, path, **options):
    with pyarrow.OSFile(str(path), "wb") as file, ipc.new_stream(file, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=4)


def rows_of(path, columns=None):
    with open_rows(path, columns=columns) as opened:
        return [row.values for row in opened.rows if not row.fault], opened


def refused(path):
    with pytest.raises(UserError) as fault:
        rows_of(path)
    assert str(fault.value).startswith(f"{path}: ") and "\n" not in str(fault.value)
    return str(fault.value)


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_files_and_streams_give_the_rows_that_parquet_gives(tmp_path, compression):
    parquet.write_table(TABLE, tmp_path / "a.parquet")
    expected, _ = rows_of(tmp_path / "a.parquet")
    assert len(expected) == 10 and "when" not in expected[0]
    for suffix in ("arrow", "feather", "bin"):
        path = tmp_path / f"a.{suffix}"
        feather.write_feather(TABLE, path, compression=compression, chunksize=3)
        found, opened = rows_of(path)
        assert found == expected and opened.unread == {"when": "timestamp[s]"}
        assert rows_of(path, ("winner", "absent"))[0] == [{"winner": row["winner"]} for row in expected]
        how = ipc.IpcWriteOptions(compression=None if compression == "uncompressed" else compression)
        write_stream(TABLE, path, options=how)
        assert rows_of(path)[0] == expected
        (tmp_path / f"a.{suffix}.gz").write_bytes(gzip.compress(path.read_bytes()))
        assert rows_of(tmp_path / f"a.{suffix}.gz")[0] == expected
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.arrow", "a.arrow")
    assert rows_of(tmp_path / "a.zip")[0] == expected


def test_votes_of_an_arrow_file_are_battles(tmp_path):
    feather.write_feather(TABLE, tmp_path / "a.feather")
    battles, bad = read_battles(tmp_path / "a.feather", labelled=True)
    assert battles["outcome"].tolist() == [0, 2] * 4 + [0] and battles["id"].tolist()[:2] == ["row1", "row2"]
    assert battles["response_a"][1] == ("é1",) and [row.place for row in bad] == [10]


def test_dictionaries_that_come_with_each_batch_are_followed(tmp_path):
    schema = pyarrow.schema([("id", pyarrow.dictionary(pyarrow.int32(), pyarrow.string()))])
    with pyarrow.OSFile(str(tmp_path / "a.arrow"), "wb") as file, ipc.new_stream(file, schema) as writer:
        for texts in (["a", "b"], ["c", "a"], ["d"]):
            writer.write_batch(pyarrow.record_batch([pyarrow.array(texts).dictionary_encode()], schema=schema))
    assert rows_of(tmp_path / "a.arrow")[0] == [{"id": text} for text in "abcad"]


@pytest.mark.parametrize("compression", ["uncompressed", "zstd"])
def test_a_batch_that_unfolds_to_too_much_is_refused_before_it_does(tmp_path, monkeypatch, compression):
    path = tmp_path / "a.feather"
    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 9, pyarrow.int32()), pyarrow.array(["x" * 90_000]))
    for column in (pyarrow.array(["x" * 10_000] * 9), same):
        feather.write_feather(pyarrow.table({"id": column}), path, compression=compression)
        monkeypatch.setattr(arrow_rows, "MOST_BATCH", 95_000)
        assert len(rows_of(path)[0]) == 9
        monkeypatch.setattr(arrow_rows, "MOST_BATCH", 60_000)
        assert "a batch of rows that takes more than 60,000 bytes; write it as parquet" in refused(path)


def test_damaged_files_are_told_as_such(tmp_path):
    path = tmp_path / "a.arrow"
    write_stream(TABLE, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert "is not an Arrow file that can be read" in refused(path)
    path.write_bytes(b"a,b\n1,2\n")
    assert "is not an Arrow file that can be read" in refused(path)
    path.write_bytes(whole[:4] + b"\xff\xff\xff\x00" + whole[8:])
    refused(path)
    twice = pyarrow.table([["1"], ["2"]], names=["winner", "winner"])
    for write, name in ((write_stream, "b.arrow"), (parquet.write_table, "b.parquet")):
        write(twice, tmp_path / name)
        assert "has the column winner twice; remove one" in refused(tmp_path / name)


def test_offsets_that_lead_elsewhere_are_not_followed(tmp_path):
    # Catches: a crash, or another file's memory as an answer: Arrow takes offsets as they stand.
    path = tmp_path / "a.arrow"
    write_stream(pyarrow.table({"id": ["abcd", "efgh", "ijkl"]}), path)
    whole = path.read_bytes()
    ends = b"".join(number.to_bytes(4, "little") for number in (0, 4, 8, 12))
    assert whole.count(ends) == 1
    path.write_bytes(whole.replace(ends, b"".join(n.to_bytes(4, "little") for n in (0, 4, 2**30, 2**31 - 1))))
    assert "is not an Arrow file that can be read" in refused(path)

"""Files of strangers cost no more than what they hold: rows are bounded, work is linear, memory follows the rows."""

import base64
import io
import json
import lzma
import os
import tarfile
import time
import tracemalloc
import zipfile

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pipelines.errors import UserError
from pipelines.formats.containers import arrow_columns, csv_rows, json_rows, json_stream, parquet_rows
from pipelines.formats.containers.file_formats import open_rows
from pipelines.formats.containers.raw_rows import TOO_LONG
from pipelines.formats.reading import battle_rows, iter_battles

HEAD = "id,prompt,response_a,response_b\n"
GOOD = '{},"[""p""]","[""a""]","[""b""]"\n'
RECORD = {"id": 1, "prompt": '["p"]', "response_a": '["a"]', "response_b": '["b"]'}


@pytest.fixture
def short(monkeypatch):
    """Let rows be of 1,000 characters, and pieces of 64 bytes."""
    for module in (csv_rows, json_rows, json_stream, arrow_columns):
        monkeypatch.setattr(module, "MOST_ROW", 1000)
    monkeypatch.setattr(csv_rows, "_PIECE", 64)
    for module in (json_rows, json_stream):
        monkeypatch.setattr(module, "PIECE", 64)


def written(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read(path, **how):
    rows = list(battle_rows(path, labelled=False, **how))
    return [record.id for record, _, _ in rows if record], [bad for _, bad, _ in rows if bad]


class Counted(csv_rows._Lines):
    taken_in_all = 0

    def __next__(self):
        type(self).taken_in_all += 1
        return super().__next__()


@pytest.mark.parametrize(
    "stray",
    ['{0},a"b,"c\n', '"{0},x\n', '{0},a"b,"c",d"\n', '{0},"""\n', '{0},"a,"b,"c\n'],
    ids=["opens again", "opens a line", "closes and opens", "three", "odd"],
)
def test_quotes_that_are_not_closed_cost_a_number_of_looks_that_grows_with_the_lines(tmp_path, monkeypatch, stray):
    monkeypatch.setattr(csv_rows, "_Lines", Counted)
    counts = []
    for pairs in (50, 400):
        path = written(
            tmp_path / f"{pairs}.csv", HEAD + "".join(stray.format(n) + GOOD.format(f"g{n}") for n in range(pairs))
        )
        Counted.taken_in_all = 0
        ids, bad = read(path)
        assert len(ids) + len(bad) <= 2 * pairs + 1
        counts.append(Counted.taken_in_all / pairs)
    assert counts[1] < 1.2 * counts[0] < 12


def test_good_rows_between_quotes_that_are_not_closed_are_kept(tmp_path):
    path = written(tmp_path / "a.csv", HEAD + "".join(f'{n},a"b,"c\n' + GOOD.format(f"g{n}") for n in range(30)))
    ids, bad = read(path)
    assert ids == [f"g{n}" for n in range(30)]
    assert [row.place for row in bad] == list(range(2, 62, 2))


def test_a_row_that_is_too_long_costs_itself_alone(tmp_path, short):
    long = json.dumps(["x" * 2000])
    records = [{**RECORD, "id": n, "prompt": long if n == 1 else '["p"]'} for n in range(4)]
    written(tmp_path / "a.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    quoted = [GOOD.format(n).replace('""p""', '""' + "x" * 2000 + '""' if n == 1 else '""p""') for n in range(4)]
    written(tmp_path / "a.csv", HEAD + "".join(quoted))
    parquet.write_table(pyarrow.Table.from_pylist(records), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        ids, bad = read(tmp_path / name)
        assert (ids, len(bad)) == (["0", "2", "3"], 1), name
        assert bad[0].reason == TOO_LONG and bad[0].place == {"a.jsonl": 2, "a.csv": 3, "a.parquet": 2}[name]
        assert len(bad[0].line()) < 3000


def test_a_quote_that_swallows_what_is_too_long_leaves_the_rows_behind_it(tmp_path, short):
    filler = "".join(f"{n},one,two\n" for n in range(200))
    path = written(tmp_path / "a.csv", HEAD + '1,"x\n' + filler + GOOD.format(2) + GOOD.format(3))
    ids, _ = read(path)
    assert ids == ["2", "3"]


def test_a_line_that_never_ends_is_not_held(tmp_path):
    for name in ("a.jsonl", "a.csv"):
        path = tmp_path / name
        with path.open("w", encoding="utf-8") as file:
            file.write(HEAD if name == "a.csv" else json.dumps({**RECORD, "id": 0}) + "\n")
            file.writelines('["[[[[,' * 100_000 for _ in range(20))  # 12 MB without a line's end
            file.write("\n" + (GOOD.format(1) if name == "a.csv" else json.dumps(RECORD) + "\n"))
        tracemalloc.start()
        ids, bad = read(path)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert ids[-1] == "1" and [row.reason for row in bad] == [TOO_LONG]
        assert most < 90e6


ITEM = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ITEM, max_size=5), st.sampled_from([None, 1]), st.integers(1, 9), st.booleans())
def test_a_json_list_is_read_in_pieces_as_it_is_whole(tmp_path, monkeypatch, items, indent, piece, ascii):
    with monkeypatch.context() as patched:
        patched.setattr(json_stream, "PIECE", piece)
        path = written(tmp_path / "a.json", json.dumps(items, indent=indent, ensure_ascii=ascii))
        assert [row.raw() for row in json_rows.json_list(path)] == items


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ITEM, min_size=1, max_size=3), st.data())
def test_what_is_no_json_is_found_where_it_is(tmp_path, monkeypatch, items, data):
    text = json.dumps([{"a": item} for item in items], indent=1)
    place = data.draw(st.integers(1, len(text) - 1))
    broken = text[:place] + data.draw(st.sampled_from(["", "!", "]", "}", '"', ",", "\n"])) + text[place + 1 :]
    try:
        json.loads(broken, strict=False)
    except json.JSONDecodeError as fault:
        wanted = f"line {fault.lineno}: is not JSON ({fault.msg} at column {fault.colno})"
    else:
        return
    with monkeypatch.context() as patched:
        patched.setattr(json_stream, "PIECE", 7)
        with pytest.raises(UserError) as found:
            list(json_rows.json_list(written(tmp_path / "a.json", broken)))
    assert wanted in str(found.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[" + "[" * 100_000, "row 1 is not JSON that can be read"),
        ('[{"id": 1}, {"id": "' + "x" * 100, "Unterminated string"),
        ('[{"id": 1}, {"id": "' + "x" * 3000 + '"}]', "row 2 is longer than"),
        ("[1] 2", "Extra data"),
        ("[1 2]", "Expecting ',' delimiter"),
        ("3", "holds no list"),
        ('{"id": {"0": 1}}', "one object of columns"),
        ("[\x00]", "Expecting value"),
    ],
)
def test_json_that_cannot_be_read_is_said_to_be_so(tmp_path, short, content, says):
    with pytest.raises(UserError) as fault:
        read(written(tmp_path / "a.json", content))
    assert says in str(fault.value) and str(fault.value).startswith(str(tmp_path / "a.json"))


@pytest.mark.parametrize("content", ['[{"id": ' + "9" * 5000 + "}]", '{\n"a": ' * 100_000])
def test_numbers_of_too_many_digits_and_objects_nested_too_deeply_are_not_read(tmp_path, content):
    with pytest.raises(UserError, match="is not JSON that can be read"):
        read(written(tmp_path / "a.json", content))


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_cells_nested_to_the_limit_cost_their_row_and_can_be_set_aside(tmp_path, suffix):
    deep = "[" * 100_000
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        written(path, HEAD + f"0,{deep},{deep},{deep}\n" + GOOD.format(1))
    else:
        nested = '{"id": 7, "prompt": ' + "[" * 900 + "]" * 900 + "}"
        written(path, f'{{"id": 2}}\n{deep}\n{{"id": 3, "prompt": {deep}}}\n{nested}\n{json.dumps(RECORD)}\n')
    ids, bad = read(path)
    assert ids == ["1"] and bad
    assert all(row.line() and "\n" not in row.sentence() for row in bad)


def test_a_header_of_a_million_columns_is_refused_at_once(tmp_path):
    path = written(tmp_path / "a.csv", ",".join(f"c{n}" for n in range(20_000)) + "\n1\n")
    with pytest.raises(UserError, match="has 20,000 columns"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(UserError, match="is a pipe or a device"):
        read(tmp_path / "a.csv")


def held_by_arrow(path, rows_at_once=1000):
    """Return the most bytes that Arrow held while a file was read, and its rows."""
    pool = pyarrow.proxy_memory_pool(pyarrow.default_memory_pool())
    before = pyarrow.default_memory_pool()
    pyarrow.set_memory_pool(pool)
    try:
        with open_rows(path, rows_at_once) as opened:
            rows = sum(1 for _ in opened.rows)
    finally:
        pyarrow.set_memory_pool(before)
    return pool.max_memory(), rows


def test_a_text_that_stands_in_every_row_is_not_held_for_every_row(tmp_path):
    text = json.dumps(["x" * 1_000_000])
    once = pyarrow.array([text])
    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 300, pyarrow.int32()), once)
    few = pyarrow.array(["[]"] * 300)
    table = pyarrow.table({"id": pyarrow.array(range(300)), "prompt": same, "response_a": few, "response_b": few})
    parquet.write_table(table, tmp_path / "flat.parquet", compression="zstd", store_schema=False)
    messages = pyarrow.StructArray.from_arrays([pyarrow.array(["user"] * 300), same], ["role", "content"])
    talk = pyarrow.ListArray.from_arrays(pyarrow.array(range(301), pyarrow.int32()), messages)
    table = pyarrow.table({"conversation_a": talk, "conversation_b": talk})
    parquet.write_table(table, tmp_path / "nested.parquet", compression="zstd", store_schema=False)
    for name in ("flat", "nested"):
        path = tmp_path / f"{name}.parquet"
        assert path.stat().st_size < 30_000
        with open_rows(path, 1000) as opened:
            some = [row.values for row, _ in zip(opened.rows, range(40), strict=False)]
        assert some[-1].get("prompt", some[-1].get("conversation_a")) in (text, [{"role": "user", "content": text}])
        most, rows = held_by_arrow(path) if name == "flat" else (0, 300)
        assert rows == 300 and most < 100e6, name


def test_a_list_of_one_row_that_repeats_a_text_is_too_long_before_it_unfolds(tmp_path):
    text = "x" * 200_000
    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 5000, pyarrow.int32()), pyarrow.array([text]))
    turns = pyarrow.ListArray.from_arrays(pyarrow.array([0, 5000, 5001], pyarrow.int32()), _longer(same))
    table = pyarrow.table({"id": [1, 2], "prompt": turns, "response_a": ["[]"] * 2, "response_b": ["[]"] * 2})
    parquet.write_table(table, tmp_path / "a.parquet", store_schema=False)
    ids, bad = read(tmp_path / "a.parquet")
    assert ids == ["2"] and [row.reason for row in bad] == [TOO_LONG]
    most, rows = held_by_arrow(tmp_path / "a.parquet")
    assert rows == 2 and most < 100e6


def _longer(coded):
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 5001, pyarrow.int32()), coded.dictionary)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_what_a_file_unfolds_to_is_bounded_where_a_bound_is_asked_for(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        written(path, HEAD + "".join(GOOD.format(n) for n in range(100)))
    elif suffix == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist([{**RECORD, "id": n} for n in range(100)]), path)
    else:
        records = [{**RECORD, "id": n} for n in range(100)]
        written(path, json.dumps(records) if suffix == "json" else "".join(json.dumps(r) + "\n" for r in records))
    assert sum(1 for _ in battle_rows(path, labelled=False, most=20_000)) == 100
    with pytest.raises(UserError, match=r"unfolds to [0-9,]+ characters or more, and 5,000 are the most") as fault:
        list(battle_rows(path, labelled=False, most=5_000))
    assert str(fault.value).startswith(str(path))


def test_rows_of_nothing_count_by_the_files_own_word(tmp_path):
    nothing = pyarrow.nulls(1_000_000, pyarrow.string())
    table = pyarrow.table({name: nothing for name in RECORD})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="unfolds to 64,"):
        next(battle_rows(tmp_path / "a.parquet", labelled=False, most=10_000_000))


def test_kinds_of_columns_that_no_battle_has_cost_their_cells_alone(tmp_path):
    table = pyarrow.table(
        {
            "id": pyarrow.array([1, 2]),
            "prompt": pyarrow.array([2**60, 3], pyarrow.timestamp("us")),
            "winner": pyarrow.array([[("a", 1)], None], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "response_a": pyarrow.array([["a"], ["a"]]),
            "response_b": pyarrow.array([["b"], None]),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"has prompt as timestamp\[us\], winner as map<"):
        read(tmp_path / "a.parquet")
    table = table.set_column(1, "prompt", pyarrow.array([["p"], ["p"]]))
    parquet.write_table(table, tmp_path / "a.parquet")
    ids, bad = read(tmp_path / "a.parquet")
    assert ids == ["1"] and [row.reason for row in bad] == ["response_b is empty"]


def test_texts_in_lists_that_are_not_utf8_cost_their_row(tmp_path):
    texts = pyarrow.array([b"fine", b"\xff\xfe", b"good"], pyarrow.binary()).view(pyarrow.string())
    turns = pyarrow.ListArray.from_arrays(pyarrow.array([0, 1, 2, 3], pyarrow.int32()), texts)
    table = pyarrow.table({"id": [1, 2, 3], "prompt": turns, "response_a": turns, "response_b": [["b"]] * 3})
    parquet.write_table(table, tmp_path / "a.parquet")
    ids, bad = read(tmp_path / "a.parquet")
    assert ids == ["1", "3"] and "not UTF-8" in bad[0].reason
    assert read(tmp_path / "a.parquet", rescue=True)[0] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:40], lambda data: data[:-9] + b"\xff\xff\xff\x7fPAR1", lambda d: b"PAR1"]
)
def test_a_parquet_file_without_its_end_is_refused(tmp_path, damage):
    parquet.write_table(pyarrow.Table.from_pylist([RECORD]), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes(damage((tmp_path / "a.parquet").read_bytes()))
    with pytest.raises(UserError, match="is not a parquet file that can be read"):
        read(tmp_path / "a.parquet")


def test_a_piece_of_a_stream_ends_where_the_rows_are_long(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.formats.reading._HELD", 5_000)
    path = written(tmp_path / "a.csv", HEAD + "".join(GOOD.format(n) for n in range(200)))
    pieces = [len(table) for table, _ in iter_battles(path, 1000)]
    assert sum(pieces) == 200 and max(pieces) < 60


def test_a_table_that_can_unfold_to_more_than_may_be_is_not_read(tmp_path):
    table = pyarrow.table({"id": ["x" * 10_000] * 500, "stack_a": [0.5] * 500})
    parquet.write_table(table, tmp_path / "a.parquet", compression="zstd")
    assert len(parquet_rows.read_table(tmp_path / "a.parquet", 10_000_000)) == 500
    with pytest.raises(UserError, match=r"a.parquet: can unfold to 5,[0-9,]+ bytes, and 1,000,000 are the most"):
        parquet_rows.read_table(tmp_path / "a.parquet", 1_000_000)


def test_encrypted_columns_are_refused_before_they_are_looked_at(tmp_path):
    """Without a key pyarrow ends the process at the first look."""
    import pyarrow
    from pyarrow import parquet
    from pyarrow.parquet import encryption

    class Keys(encryption.KmsClient):
        def __init__(self, _):
            super().__init__()

        def wrap_key(self, key, name):
            return base64.b64encode(key)

        def unwrap_key(self, key, name):
            return base64.b64decode(key)

    factory = encryption.CryptoFactory(Keys)
    how = encryption.EncryptionConfiguration(footer_key="f", column_keys={"c": ["prompt"]}, plaintext_footer=True)
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), how)
    table = pyarrow.table({name: ["x"] for name in ("id", "prompt", "response_a", "response_b")})
    path = tmp_path / "a.parquet"
    with parquet.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    with pytest.raises(UserError, match="has encrypted columns"):
        read(path)


def test_blanks_cost_next_to_nothing(tmp_path):
    path = written(tmp_path / "a.json", "[" + " \t\r\n" * 7_500_000 + "]")
    began = time.process_time()
    assert read(path) == ([], [])
    assert time.process_time() - began < 1


@pytest.mark.parametrize("stray", ['{},a"b,"c\n', '"{},x\n'])
def test_lines_that_a_quote_swallowed_are_counted_as_lost(tmp_path, stray):
    path = written(tmp_path / "a.csv", HEAD + "".join(stray.format(n) for n in range(6000)))
    _, bad = read(path)
    assert sum(row.lines for row in bad) == 6000
    assert sum(row.lines for row in bad if "lines are lost with it" in row.reason) > 5000 or len(bad) > 5000


def test_a_bad_row_of_lines_that_are_its_own_cell_is_one(tmp_path):
    cell = '"[""a\nb\nc""]"'
    _, bad = read(written(tmp_path / "a.csv", HEAD + f"1,{cell},{cell},\n"))
    assert [row.lines for row in bad] == [1]


@pytest.mark.parametrize("kind", ["map", "date", "list of maps", "duration"])
def test_a_column_of_a_kind_that_is_not_read_is_said_to_be_there(tmp_path, kind):
    made = {
        "map": pyarrow.array([[("a", "b")]], pyarrow.map_(pyarrow.string(), pyarrow.string())),
        "list of maps": pyarrow.array(
            [[[("a", "b")]]], pyarrow.list_(pyarrow.map_(pyarrow.string(), pyarrow.string()))
        ),
        "date": pyarrow.array([1], pyarrow.date32()),
        "duration": pyarrow.array([1], pyarrow.duration("s")),
    }[kind]
    table = pyarrow.table({"id": [1], "prompt": made, "response_a": ["[]"], "response_b": ["[]"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="has prompt as .*, which cannot be read"):
        read(tmp_path / "a.parquet")
    parquet.write_table(
        table.set_column(1, "prompt", pyarrow.array(["[]"])).append_column("lang", made), tmp_path / "a.parquet"
    )
    assert read(tmp_path / "a.parquet") == (["1"], [])


def packed(name):
    data = (HEAD + GOOD.format(1)).encode()
    with io.BytesIO() as file:
        if name == "tar":
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.addfile(tarfile.TarInfo("a"))
        elif name == "zip":
            zipfile.ZipFile(file, "w").close()  # an empty one begins otherwise
        else:
            file.write(
                {
                    "lzma": lambda: lzma.compress(data, lzma.FORMAT_ALONE),
                    "7z": lambda: b"7z\xbc\xaf\x27\x1c" + bytes(30),
                    "rar": lambda: b"Rar!\x1a\x07\x01\x00",
                    "picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(30),
                    "PDF": lambda: b"%PDF-1.7\n",
                    "pickle": lambda: pickle_like(),
                    "UTF-32": lambda: data.decode().encode("utf-32"),
                    "UTF-32-le": lambda: data.decode().encode("utf-32-le"),
                    "UTF-32-be": lambda: data.decode().encode("utf-32-be"),
                }[name]()
            )
        return file.getvalue()


def pickle_like():
    return b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94."


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet", "txt"])
@pytest.mark.parametrize(
    "name",
    ["lzma", "7z", "rar", "tar", "zip", "picture", "PDF", "pickle"] + ["UTF-32", "UTF-32-le", "UTF-32-be"],
)
def test_what_is_no_text_is_called_what_it_is(tmp_path, name, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(packed(name))
    with pytest.raises(UserError) as fault:
        read(path)
    assert f" {name[:6] if name.startswith('UTF') else name}" in str(fault.value)

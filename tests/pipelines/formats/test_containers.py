"""Whatever a file is packed in, the rows are the same; what is no file of battles is named, and bombs are bounded."""

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import tracemalloc
import zipfile
import zlib

import pandas as pd
import pyarrow
import pytest

from pipelines.errors import UserError
from pipelines.formats.containers import excel_rows, json_stream, packed_files
from pipelines.formats.containers.file_formats import open_rows

NAMES = ["id", "prompt", "response_a", "response_b", "winner"]
TEXTS = ['["p, q"]', '["a; b\n\\t"]', '["„b“ \\"x\\""]']
RECORDS_OF_A_LINE = [dict.fromkeys(NAMES[1:], "a, b") | {"id": f"q{number}"} for number in range(6)]
RECORDS = [dict(zip(NAMES, [f"q{number}", *TEXTS, "tie"], strict=True)) for number in range(6)]


def rows_of(path):
    with open_rows(path) as opened:
        rows = list(opened.rows)
    assert not any(row.fault for row in rows), rows
    return [row.values for row in rows]


def refused(path):
    with pytest.raises(UserError) as fault:
        rows_of(path)
    assert str(fault.value).startswith(f"{path}: ") or str(fault.value).startswith(f"{path}, ")
    assert "\n" not in str(fault.value)
    return str(fault.value)


def table(delimiter=",", records=RECORDS, **how):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(records[0]), delimiter=delimiter, **how)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def lines():
    return "".join(json.dumps(record) + "\n" for record in RECORDS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt"])
def test_the_header_tells_what_stands_between_fields(tmp_path, delimiter, quoting, end, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_text(table(delimiter, quoting=quoting, lineterminator=end), encoding="utf-8-sig", newline="")
    assert rows_of(path) == RECORDS


def test_a_first_line_of_excel_that_names_the_delimiter_is_no_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sep=;\r\n" + table(";"), encoding="utf-8", newline="")
    assert rows_of(path) == RECORDS


def test_other_delimiters_in_a_quoted_name_do_not_count(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,"a;b;c;d;e",winner\n1,x;y,tie\n', encoding="utf-8")
    assert rows_of(path) == [{"id": "1", "a;b;c;d;e": "x;y", "winner": "tie"}]


def test_a_header_of_one_column_and_a_file_of_blank_lines_are_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n2\n", encoding="utf-8")
    assert rows_of(path) == [{"id": "1"}, {"id": "2"}]


def test_rows_of_semicolons_keep_broken_quotes_to_themselves(tmp_path):
    path = tmp_path / "a.csv"
    text = table(";", RECORDS_OF_A_LINE, lineterminator="\n").split("\n")
    text[3:3] = ['x;"never closed;a;b;tie']
    path.write_text("\n".join(text), encoding="utf-8")
    with open_rows(path) as opened:
        rows = list(opened.rows)
    assert [bool(row.fault) for row in rows].count(True) == 1
    assert [row.values["id"] for row in rows if not row.fault] == [record["id"] for record in RECORDS]


def test_cp1252_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(table(";").encode("utf-8").replace("„b“".encode(), b"\x84b\x93"))
    with open_rows(path) as opened:
        assert {row.fault for row in opened.rows} == {
            "holds bytes that are not UTF-8, but of another encoding such as Big5, GBK or cp1252; save the file as "
            "UTF-8, in Excel as CSV UTF-8"
        }


@pytest.mark.parametrize("inside", ["csv", "jsonl", "json", "parquet", "tsv"])
@pytest.mark.parametrize("by", ["gz", "zip", "gz without a name"])
def test_a_packed_file_gives_the_rows_of_the_file_inside(tmp_path, inside, by):
    content = {
        "csv": table().encode(),
        "tsv": table("\t").encode(),
        "jsonl": lines().encode(),
        "json": json.dumps(RECORDS).encode(),
        "parquet": pd.DataFrame(RECORDS).to_parquet(),
    }[inside]
    if by == "zip":
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.md", "about")
            archive.writestr(f"__MACOSX/._votes.{inside}", b"\0")
            archive.writestr(f"../../votes.{inside}", content)
    else:
        path = tmp_path / (f"a.{inside}.gz" if by == "gz" else "download")
        path.write_bytes(gzip.compress(content[:100]) + gzip.compress(content[100:]))  # members follow one another
    assert rows_of(path) == RECORDS
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def zipped(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def test_an_archive_without_one_file_of_battles_is_named_with_what_it_holds(tmp_path):
    path = tmp_path / "a.zip"
    assert "several files of battles (train.csv, test.csv); unpack it" in refused(
        zipped(path, train__csv=table(), test__csv=table())
    )
    assert "no file of battles (a.npy)" in refused(zipped(path, a__npy=b"x"))
    assert "no file of battles (empty)" in refused(zipped(path))
    assert "is a PyTorch file" in refused(zipped(path, data__pkl=b"x"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    assert "is a Word document" in refused(path)
    assert "in an archive; unpack it" in refused(zipped(path, a__csv=gzip.compress(table().encode())))


@pytest.mark.parametrize("damage", ["cut", "changed"])
@pytest.mark.parametrize("by", ["gz", "zip"])
def test_a_damaged_archive_is_one_sentence(tmp_path, damage, by):
    path = tmp_path / f"a.csv.{by}"
    if by == "gz":
        path.write_bytes(gzip.compress(table().encode()))
    else:
        zipped(path, a__csv=table())
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:60] + bytes(12) + data[72:])
    assert f"is a damaged {'gzip' if by == 'gz' else by} archive" in refused(path)


def test_a_zip_with_a_password_is_named(tmp_path):
    path = zipped(tmp_path / "a.zip", a__csv=table())
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "with a password" in refused(path)


@pytest.mark.parametrize("by", ["gz", "zip"])
@pytest.mark.parametrize("inside", ["csv", "parquet"])
def test_a_bomb_ends_where_the_bound_is(tmp_path, monkeypatch, by, inside):
    monkeypatch.setattr(packed_files, "LEAST_MOST", 10_000_000)
    start = table().encode() if inside == "csv" else b"PAR1"
    path = tmp_path / f"a.{inside}.{by}"
    if by == "gz":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        with path.open("wb") as file:
            file.write(packer.compress(start))
            for _ in range(100):
                file.write(packer.compress(bytes(1_000_000)))
            file.write(packer.flush())
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"a.{inside}", "w") as file:
            file.write(start)
            for _ in range(100):
                file.write(bytes(1_000_000))
    tracemalloc.start()
    said = refused(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unfolds to more than 1" in said and most < 40e6


BY = {
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pyarrow.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("by", BY)
def test_bzip2_xz_and_zstandard_are_unpacked_and_bounded(tmp_path, monkeypatch, by):
    plain, path = tmp_path / "a.csv", tmp_path / f"a.csv.{by}"
    plain.write_text("id,prompt\n" + "".join(f"{row},答{row}\n" for row in range(9_000)), encoding="utf-8")
    data = BY[by](plain.read_bytes())
    path.write_bytes(data)
    assert rows_of(path) == rows_of(plain)
    if by != "zst":  # joined archives hold what theirs hold, one after the other
        path.write_bytes(BY[by](b"id\n1\n") + BY[by](b"2\n"))
        assert rows_of(path) == [{"id": "1"}, {"id": "2"}]
        path.write_bytes(data[: len(data) // 2])
        assert "is a damaged" in refused(path)
    monkeypatch.setattr(packed_files, "LEAST_MOST", 100_000)
    monkeypatch.setattr(packed_files, "TIMES", 1)
    path.write_bytes(data)
    assert "unfolds to more than" in refused(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("suffix", ["txt", "csv", "jsonl"])
def test_text_in_utf16_is_read_as_excel_saves_it(tmp_path, encoding, suffix):
    rows = [{"id": str(row), "prompt": f"答 é 😀 {row}"} for row in range(3000)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if suffix != "jsonl":
        text = "id\tprompt\r\n" + "".join("\t".join(row.values()) + "\r\n" for row in rows)
    path = tmp_path / f"a.{suffix}"
    path.write_text(text, encoding=encoding, newline="")
    assert rows_of(path) == rows
    packed = tmp_path / f"a.{suffix}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert rows_of(packed) == rows
    if suffix != "txt":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(path, f"a.{suffix}")
        assert rows_of(tmp_path / "a.zip") == rows


def test_json_that_others_write_a_little_wrong_is_read_where_nothing_is_in_doubt(tmp_path):
    # Catches: a file of thousands of votes refused for a comma behind the last one.
    one, other = json.dumps(RECORDS[0]), json.dumps(RECORDS[1])
    for name, text in {
        "comma.json": f"[{one}, {other}, ]",
        "lists.json": f"[{one}]\n[{other}]\n",
        "line.json": f"{one}{other}",
        "commas.jsonl": f"{one},\n{other},\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert rows_of(tmp_path / name) == RECORDS[:2], name


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_a_key_that_stands_twice_is_not_guessed_between(tmp_path, suffix):
    # Catches: the second of two winners, which is the one that JSON's readers keep.
    path = tmp_path / f"a.{suffix}"
    path.write_text('{"id": 1, "winner": "A", "winner": "B"}\n{"id": 2, "winner": "A"}\n', encoding="utf-8")
    with open_rows(path) as opened:
        assert [row.fault for row in opened.rows] == ["has the key winner twice; keep one", ""]


def workbook(path, *sheets):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl (extra excel) is not installed")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"s{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


GRID = [NAMES, *(list(record.values()) for record in RECORDS)]


def test_a_sheet_of_excel_gives_its_rows(tmp_path):
    path = workbook(tmp_path / "a.xlsx", GRID, [], [["a note"]])
    assert rows_of(path) == RECORDS
    (tmp_path / "a.csv").write_bytes(path.read_bytes())
    assert rows_of(tmp_path / "a.csv") == RECORDS


def test_cells_of_excel_are_texts_numbers_or_nothing(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [["id", None, "b", "c", "d"], [1, "x", "é\nz_x000D_", None, True], [], [2.0]])
    assert rows_of(path) == [
        {"id": 1, "b": "é\nz\r", "c": None, "d": True},
        {"id": 2, "b": None, "c": None, "d": None},
    ]


def test_what_a_workbook_cannot_be_read_for_is_said(tmp_path, monkeypatch):
    path = tmp_path / "a.xlsx"
    assert "has 2 sheets with rows (s0, s1); leave one" in refused(workbook(path, GRID, GRID))
    assert "has no sheet with a row of names" in refused(workbook(path, []))
    assert "has the column id twice" in refused(workbook(path, [["id", "id"], [1, 2]]))
    monkeypatch.setattr(excel_rows, "LEAST_MOST", 100)
    monkeypatch.setattr(excel_rows, "TIMES", 0)
    assert "is an Excel workbook that unfolds to" in refused(workbook(path, GRID))
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    assert "is an Excel workbook that cannot be read; save it as CSV UTF-8" in refused(path)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert "install openpyxl (the extra excel) to read it, or save it as CSV UTF-8" in refused(path)


def test_a_cell_that_excel_has_cut_costs_its_row(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [["id", "prompt"], [1, "x" * 32_767], [2, "y"], [3, "z", "more"]])
    with open_rows(path) as opened:
        faults = [row.fault for row in opened.rows]
    assert "was cut" in faults[0] and faults[1] == "" and faults[2] == "has 3 cells, the header has 2"


def test_a_sheet_that_claims_a_billion_rows_is_not_waited_for(tmp_path):
    path = workbook(tmp_path / "a.xlsx", GRID)
    far = tmp_path / "far.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(far, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                content = content.replace(b'<row r="7"', b'<row r="1000000000"')
            new.writestr(entry, content)
    assert rows_of(far) == RECORDS[:5]


WRAPPED = {
    "rows of an API": {
        "features": [{"feature_idx": 0, "name": "id", "type": {"dtype": "string"}}],
        "rows": [{"row_idx": n, "row": row, "truncated_cells": []} for n, row in enumerate(RECORDS)],
        "num_rows_total": 6,
    },
    "data": {"version": 1, "data": RECORDS, "more": [1, 2]},
    "split": json.loads(pd.DataFrame(RECORDS).to_json(orient="split")),
    "table": {"schema": {"fields": [{"name": "id"}]}, "data": RECORDS},
    "list": RECORDS,
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("suffix", ["json", "jsonl", "txt"])
def test_rows_are_found_where_they_lie_in_an_object(tmp_path, monkeypatch, name, indent, suffix):
    monkeypatch.setattr(json_stream, "PIECE", 50)
    path = tmp_path / f"a.{suffix}"
    path.write_text(json.dumps(WRAPPED[name], indent=indent), encoding="utf-8")
    assert rows_of(path) == RECORDS


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_objects_that_follow_one_another_over_several_lines_are_rows(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_text("\n".join(json.dumps(record, indent=2) for record in RECORDS), encoding="utf-8")
    assert rows_of(path) == RECORDS


def test_a_first_line_longer_than_what_is_looked_at_is_a_line(tmp_path):
    long = [record | {"more": "x" * 5000} for record in RECORDS]
    path = tmp_path / "a.json"
    path.write_text("".join(json.dumps(record) + "\n" for record in long), encoding="utf-8")
    assert rows_of(path) == long


def test_a_broken_first_line_of_json_lines_costs_itself(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1,\n' + lines(), encoding="utf-8")
    with open_rows(path) as opened:
        assert [bool(row.fault) for row in opened.rows] == [True] + [False] * 6


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_an_object_of_columns_or_of_ids_is_named(tmp_path, long, suffix):
    frame = pd.DataFrame([record | {"more": "x" * 6000 * long} for record in RECORDS])
    path = tmp_path / f"a.{suffix}"
    for content in (frame.to_json(), frame.to_json(orient="index"), frame.set_index("id").to_json(orient="index")):
        path.write_text(content, encoding="utf-8")
        assert "holds one object of columns, or of battles by their ids" in refused(path)


TALK = [{"role": "user", "content": "Name a tea."}, {"role": "assistant", "content": "Oolong."}]
LONE = [
    {"chosen": TALK, "rejected": [TALK[0], {"role": "assistant", "content": "No."}]},
    {"input": {"messages": TALK[:1]}, "preferred_output": TALK[1:], "non_preferred_output": TALK[1:]},
]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("row", LONE)
def test_one_row_of_objects_and_lists_is_a_row(tmp_path, row, suffix, indent):
    path = tmp_path / f"a.{suffix}"
    path.write_text(json.dumps(row, indent=indent) + "\n", encoding="utf-8")
    assert rows_of(path) == [row]


def test_one_line_of_turns_is_a_battle_in_json_lines_and_not_guessed_at_in_json(tmp_path):
    row = {"prompt": ["p", "q"], "response_a": ["x", "y"], "response_b": ["z", ""]}
    for suffix in ("jsonl", "ndjson", "jsonl.gz"):
        path = tmp_path / f"a.{suffix}"
        written = json.dumps(row).encode()
        path.write_bytes(gzip.compress(written) if suffix.endswith("gz") else written)
        assert rows_of(path) == [row]
    (tmp_path / "a.json").write_text(json.dumps(row))
    assert "holds one object of columns" in refused(tmp_path / "a.json")
    (tmp_path / "b.jsonl").write_text(json.dumps({name: [TALK, TALK] for name in ("chosen", "rejected")}))
    assert "holds one object of columns" in refused(tmp_path / "b.jsonl")


def test_two_lists_of_battles_in_one_object_are_not_guessed_at(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": RECORDS, "votes": RECORDS}), encoding="utf-8")
    assert "under data and under votes" in refused(path)


@pytest.mark.parametrize("end", ["", "[{", '{"id": 1}', '"a"}', "}]"])
def test_an_object_that_breaks_off_is_no_json(tmp_path, end):
    path = tmp_path / "a.json"
    path.write_text('{"version": 1,\n"data": [{"id": 1},\n' + end, encoding="utf-8")
    assert "is not JSON" in refused(path) or "line 3" in refused(path)


def test_a_file_that_is_no_text_is_called_what_it_is(tmp_path):
    for content, said in (
        (b"FEA1" + bytes(50), "is a feather file of the first version"),
        (b"SQLite format 3\x00" + bytes(50), "is an SQLite database"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "is a damaged zstandard archive"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "is no text; write CSV"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a pointer of Git LFS"),
    ):
        for suffix in ("csv", "pkl", "db", "txt"):
            path = tmp_path / f"a.{suffix}"
            path.write_bytes(content)
            assert said in refused(path)

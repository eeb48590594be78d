"""Damaged files of battles, in every format: one sentence or battles, within seconds and bounded memory; never more."""

import json
import sys

import pyarrow
import pytest
from damage import ODD, SLOWLY, TOKENS, changed_json, damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from victim import Victim

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded by Linux's own means")
TALK = [{"role": "user", "content": "q 字"}, {"role": "assistant", "content": "a \ud83d"}]


def records(count):
    """Return battles in Kaggle's columns, and in the Arena's: with half a character where the format can hold it."""
    votes = ("winner_model_a", "winner_model_b", "winner_tie")
    kaggle, arena = [], []
    for number in range(count):
        turns = {
            "prompt": json.dumps(['p, "q"\n', None][: 1 + number % 2]),
            "response_a": json.dumps(["é 字"] * (1 + number % 3), ensure_ascii=number % 2 == 0),
            "response_b": json.dumps(["\ud83d " * number]),
        }
        marks = {name: int(number % 3 == place) for place, name in enumerate(votes)}
        kaggle.append({"id": number, "model_a": "m", "model_b": "n, o", **turns, **marks})
        sides = {"conversation_a": TALK, "conversation_b": TALK}
        arena.append({"question_id": f"q{number}", "winner": ["model_a", "tie", "both_bad"][number % 3], **sides})
    return kaggle, arena


def csv_text(rows):
    """Return rows as CSV."""
    import csv
    import io

    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def parquet_bytes(rows, **how):
    """Return rows as parquet."""
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink, **how)
    return sink.getvalue().to_pybytes()


def good_files():
    """Return good files by name."""
    kaggle, arena = records(9)
    whole = dict.fromkeys(("conversation_a", "conversation_b"), [TALK[0], {**TALK[1], "content": "a"}])
    return {
        "kaggle.csv": csv_text(kaggle),
        "arena.jsonl": "".join(json.dumps(row) + "\n" for row in arena).encode(),
        "kaggle.json": json.dumps(kaggle, indent=1).encode(),
        "arena.json": json.dumps(arena).encode(),
        "kaggle.jsonl": "".join(json.dumps(row) + "\n" for row in kaggle).encode(),
        "kaggle.parquet": parquet_bytes(kaggle),
        "arena.parquet": parquet_bytes([{**row, **whole} for row in arena], compression="zstd", row_group_size=3),
        "plain.parquet": parquet_bytes(kaggle, compression="none", use_dictionary=False, data_page_version="2.0"),
    }


GOOD = good_files()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder in which files are tried, with the process that tries them."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "good.csv").write_bytes(GOOD["kaggle.csv"])
    victim = Victim("reader", folder / "log.txt", folder / "good.csv")
    yield folder, victim
    victim.close()


@st.composite
def hostile(draw):
    """Return the name and the bytes of a file."""
    name = draw(st.sampled_from(sorted(GOOD)))
    data = GOOD[name]
    kind = draw(st.sampled_from(["damage", "damage", "damage", "change", "rows"]))
    if kind == "change" and name.endswith((".json", ".jsonl")):
        rows = json.loads(data) if name.endswith("json") else [json.loads(line) for line in data.splitlines()]
        found = draw(changed_json(rows))
        if name.endswith(".json") or not isinstance(found, list):
            return name, json.dumps(found).encode()
        return name, "".join(json.dumps(row) + "\n" for row in found).encode()
    if kind == "rows":
        return draw(made_up())
    return name, draw(damaged(data))


@st.composite
def made_up(draw):
    """Return a file that is well formed and holds what no battle does."""
    names = ["id", "question_id", "prompt", "response_a", "response_b", "conversation_a", "conversation_b", "winner"]
    cell = st.sampled_from(
        [*ODD, json.dumps(TALK), TALK, '["x"]', ["x"], "tie", *(t.decode("latin-1") for t in TOKENS)]
    )
    rows = draw(st.lists(st.dictionaries(st.sampled_from(names), cell, max_size=8), min_size=1, max_size=4))
    suffix = draw(st.sampled_from(["csv", "json", "jsonl", "parquet"]))
    if suffix == "json":
        return "made.json", json.dumps(rows).encode()
    if suffix == "jsonl":
        return "made.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode()
    if suffix == "csv":
        lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
        return "made.csv", "\n".join(lines).encode("utf-8", "surrogatepass")
    return "made.parquet", parquet_of({name: [row.get(name) for row in rows] for name in names})


def parquet_of(columns):
    """Return columns as parquet, those that it cannot hold as texts."""
    made = {}
    for name, values in columns.items():
        try:
            made[name] = pyarrow.array(values)
            parquet.write_table(pyarrow.table({name: made[name]}), pyarrow.BufferOutputStream())
        except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError, TypeError):
            made[name] = pyarrow.array([str(value).encode("utf-8", "replace").decode() for value in values])
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(made), sink)
    return sink.getvalue().to_pybytes()


def check(place, name, data):
    """Try a file, and keep it where it did harm."""
    folder, victim = place
    path = folder / name
    path.write_bytes(data)
    found = victim.try_(path)
    if found["outcome"] not in ("good", "refused"):
        kept = folder / f"harmful-{name}"
        kept.write_bytes(data)
        raise AssertionError(f"{name} ({len(data):,} bytes, kept as {kept}) {found['outcome']}: {found['said']}")


def test_the_good_files_are_good(place):
    folder, victim = place
    for name, data in GOOD.items():
        (folder / name).write_bytes(data)
        assert victim.try_(folder / name)["outcome"] == "good", name


def test_damaged_files_give_battles_or_one_sentence(place):
    @settings(SLOWLY, max_examples=150, derandomize=True)
    @given(hostile())
    def tried(file):
        check(place, *file)

    tried()


@pytest.mark.fuzz
def test_damaged_files_for_minutes(place, for_a_while):
    for_a_while(hostile(), lambda file: check(place, *file))

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.export_votes import write_votes
from dashboard.params import parse_dashboard
from dashboard.votes import exports
from dashboard.votes.agreement import OUTCOME_OF
from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import CHOICES, PAIRED, Battle, Choice, Pairing, Side
from pipelines.battles.sources import DataParams, load, read_battles
from pipelines.errors import UserError

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "\t=1",
    "\r=1",
    "\n=1",
    '";=1+1;"',
    "x;=HYPERLINK(1)",
    ";  @x",
    "＝1+1",
    "%0A=1",
    "|=1",
]


def stored(
    store: VoteStore, texts: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]], **names: str
) -> None:
    for number, (prompt, a, b) in enumerate(texts):
        sides = [Side(list(a), model=names.get("model", "m-1")), Side(list(b), "thorough", "m-2")]
        verdict = None if number == 1 else (0.2, 0.5, 0.3)
        battle = Battle(f"id-{number}", "s", list(prompt), *sides, verdict, lang="en")
        store.add_battle(battle)
        store.vote(battle.id, CHOICES[number % 4], "s")


@pytest.fixture
def store(tmp_path: Path) -> VoteStore:
    opened = VoteStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    yield opened
    opened.close()


def cells(raw: bytes, delimiter: str = ",") -> list[list[str]]:
    """What a spreadsheet makes of the file; a quote inside an unquoted cell is text, as there."""
    csv.field_size_limit(1 << 30)
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def is_formula(cell: str) -> bool:
    return cell.strip(" \"'\t\r\n")[:1] in set("=+-@＝＋－＠|%") and not cell.startswith("'")


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_however_the_file_is_split(store: VoteStore, text: str, delimiter: str) -> None:
    stored(store, [((text,), (text, text), (f'a "quoted", {text}',))], model=text)
    raw = exports.kaggle_csv(store.votes())
    found = [cell for row in cells(raw, delimiter)[1:] for cell in row]
    assert found and not [cell for cell in found if is_formula(cell)]
    row = dict(zip(*cells(raw), strict=True))
    assert json.loads(row["response_a"]) == [text, text]  # and yet the text is whole


def test_a_cell_longer_than_a_spreadsheets_is_harmless_wherever_it_is_cut(store: VoteStore) -> None:
    text = "=1+1 " * 20_000
    stored(store, [(("q",), (text,), ("b",))])
    row = dict(zip(*cells(exports.kaggle_csv(store.votes())), strict=True))
    assert json.loads(row["response_a"]) == [text]
    assert not set("=+-@") & set(row["response_a"])


def test_the_winners_of_each_choice(store: VoteStore) -> None:
    stored(store, [(("q",), (f"a{n}",), ("b",)) for n in range(4)])
    table = pd.read_csv(io.BytesIO(exports.kaggle_csv(store.votes())))
    assert table[["winner_model_a", "winner_model_b", "winner_tie"]].to_numpy().tolist() == [
        [1, 0, 0],
        [0, 0, 1],
        [0, 1, 0],
        [0, 0, 1],
    ]
    lines = [json.loads(line) for line in exports.arena_jsonl(store.votes()).decode().splitlines()]
    assert [line["winner"] for line in lines] == ["model_a", "tie", "model_b", "tie (bothbad)"]
    assert lines[0]["conversation_a"] == [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a0"}]
    parquet = pd.read_parquet(io.BytesIO(exports.parquet(store.votes())))
    assert parquet["choice"].tolist() == list(CHOICES)
    assert parquet["p_b"].fillna(-1).tolist() == [0.5, -1, 0.5, 0.5]
    assert str(parquet["voted_at"].dtype).endswith("UTC]")
    assert parquet["style_b"].tolist() == ["thorough"] * 4


def test_reasons_the_chance_of_a_pair_and_ones_own_prompt_go_out_with_a_vote(store: VoteStore) -> None:
    store.add_battle(
        Battle("id", "s", ["q"], Side(["a"]), Side(["b"]), None, paired=Pairing(6, 0.25), own_prompt="Be\0 kind.")
    )
    store.vote("id", "b", "s")
    store.give_reasons("id", "s", ["correct", "short"], "=right, 再見")
    line = json.loads(exports.arena_jsonl(store.votes()))
    assert (line["reasons"], line["remark"]) == (["correct", "short"], "=right, 再見")
    row = pd.read_parquet(io.BytesIO(exports.parquet(store.votes()))).iloc[0]
    assert row[["reasons", "remark", "pair_of", "pair_chance"]].tolist() == ["correct short", "=right, 再見", 6.0, 0.25]
    assert (row["own_prompt"], line["own_prompt"]) == ("Be\ufffd kind.", "Be\ufffd kind.")


@pytest.mark.parametrize("kind", list(exports.FORMATS))
def test_no_votes_make_a_file_with_no_rows(store: VoteStore, kind: str) -> None:
    name, make = exports.FORMATS[kind]
    raw = make(store.votes())
    if kind == "kaggle":
        assert cells(raw) == [list(exports.KAGGLE_COLUMNS)]
    elif kind == "arena":
        assert raw == b""
    else:
        assert list(pd.read_parquet(io.BytesIO(raw)).columns) == [*exports.KAGGLE_COLUMNS, *exports.EXTRA_COLUMNS]


TEXT = st.text(max_size=12) | st.sampled_from([*FORMULAS, "\ud800", "a\0b", "再見", '"', "\\", "\\u003b", "\u2028"])
TURNS = st.lists(TEXT, min_size=1, max_size=3).map(tuple)
ROW = st.tuples(st.sampled_from(CHOICES), TURNS, TURNS, TURNS)


def frame(rows: list[tuple[Choice, tuple[str, ...], tuple[str, ...], tuple[str, ...]]]) -> pd.DataFrame:
    columns: dict[str, list[object]] = {
        "battle_id": [f"id-{n}" for n in range(len(rows))],
        "choice": [row[0] for row in rows],
        "voted_at": list(pd.to_datetime(["2026-03-01T12:00:00Z"] * len(rows), utc=True)),
        **{name: [row[place] for row in rows] for place, name in ((1, "prompt"), (2, "response_a"), (3, "response_b"))},
        **{name: [0.25] * len(rows) for name in ("p_a", "p_b", "p_tie")},
        **{name: ["x"] * len(rows) for name in ("model_a", "model_b", "style_a", "style_b", "lang", "session")},
        **{name: [""] * len(rows) for name in ("fault_a", "fault_b", "asked", "origin", "origin_id", "judge", "named")},
        **{name: ["clear short"] * len(rows) for name in ("reasons", "remark", "own_prompt")},
        **{name: [None] * len(rows) for name in PAIRED},
        "source": ["ask"] * len(rows),
    }
    return pd.DataFrame(columns)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(ROW, min_size=1, max_size=4))
def test_texts_come_back_as_they_were(
    rows: list[tuple[Choice, tuple[str, ...], tuple[str, ...], tuple[str, ...]]],
) -> None:
    votes = frame(rows)
    header, *table = cells(exports.kaggle_csv(votes))
    parquet = pd.read_parquet(io.BytesIO(exports.parquet(votes)))
    lines = [json.loads(line) for line in exports.arena_jsonl(votes).decode().splitlines()]
    for place, (_, prompt, a, b) in enumerate(rows):
        row = dict(zip(header, table[place], strict=True))
        for name, turns in (("prompt", prompt), ("response_a", a), ("response_b", b)):
            assert tuple(json.loads(row[name])) == tuple(json.loads(parquet[name][place])) == turns
            assert not is_formula(row[name])
        for side, turns in (("a", a), ("b", b)):
            conversation = lines[place][f"conversation_{side}"]
            assert tuple(turn["content"] for turn in conversation if turn["role"] == "user") == prompt
            assert tuple(turn["content"] for turn in conversation if turn["role"] == "assistant") == turns


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=4), kind=st.sampled_from(list(exports.FORMATS)))
def test_a_run_can_learn_from_what_was_exported(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[Choice, tuple[str, ...], tuple[str, ...], tuple[str, ...]]],
    kind: str,
) -> None:
    name, make = exports.FORMATS[kind]
    path = tmp_path_factory.mktemp("export") / name
    path.write_bytes(make(frame(rows)))
    battles, bad = read_battles(path, labelled=True)
    assert bad == []
    assert battles["id"].tolist() == [f"id-{n}" for n in range(len(rows))]
    assert battles["outcome"].tolist() == [OUTCOME_OF[row[0]] for row in rows]
    for place, column in ((1, "prompt"), (2, "response_a"), (3, "response_b")):
        assert battles[column].tolist() == [row[place] for row in rows]
    assert battles["model_a"].tolist() == ["x"] * len(rows)
    if kind != "kaggle":  # Kaggle's columns have no language
        assert battles["lang"].tolist() == ["x"] * len(rows)


@pytest.mark.parametrize("kind", list(exports.FORMATS))
@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_a_file_made_piece_by_piece_is_the_same_file(kind: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    votes = frame([(CHOICES[n % 4], (f"q\n{n}",), ("再見",), ("b",)) for n in range(count)])
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    pieces = list(exports.in_pieces(kind, votes))
    assert len(pieces) >= count / 2  # one can stop in between
    name, make = exports.FORMATS[kind]
    if kind == "parquet" and count:
        read = [pd.read_parquet(io.BytesIO(raw)) for raw in (b"".join(pieces), make(votes))]
        pd.testing.assert_frame_equal(*read)
    else:
        assert b"".join(pieces) == make(votes)


@pytest.mark.parametrize("name", ["votes.csv", "votes.jsonl", "votes.parquet"])
def test_the_command_writes_what_the_next_run_learns_from(tmp_path: Path, store: VoteStore, name: str) -> None:
    stored(store, [((f"q{n}",), ("a",), ("b",)) for n in range(5)])
    params = parse_dashboard({"store": {"url": f"sqlite:///{tmp_path / 'votes.sqlite'}"}})
    assert write_votes(tmp_path / name, params) == (5, 0)
    loaded = load(DataParams(sources=({"path": tmp_path / name},)), tmp_path / "set_aside.jsonl")
    assert (loaded.set_aside, loaded.train["outcome"].tolist()) == (0, [0, 2, 1, 2, 0])


def test_the_command_refuses_what_it_cannot_write(tmp_path: Path, store: VoteStore) -> None:
    address = parse_dashboard({"store": {"url": f"sqlite:///{tmp_path / 'votes.sqlite'}"}})
    with pytest.raises(UserError, match=r"ending '.txt'; give it one of .csv, .jsonl, .parquet"):
        write_votes(tmp_path / "votes.txt", address)
    with pytest.raises(UserError, match="holds no votes yet"):
        write_votes(tmp_path / "votes.csv", address)
    assert not (tmp_path / "votes.csv").exists()


@pytest.mark.parametrize("content", [None, b"", b"SQLite format 3, but not really"])
def test_the_command_makes_no_store_where_there_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "deep" / "votes.sqlite"
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    params = parse_dashboard({"store": {"url": f"sqlite:///{path}"}})
    with pytest.raises(UserError) as fault:
        write_votes(tmp_path / "votes.csv", params)
    said = {None: "there is no such file", b"": "is no vote store (no such table: schema_steps)"}
    assert f"votes.sqlite: {said.get(content, 'is no vote store (file is not a database)')}" in str(fault.value)
    assert not (tmp_path / "votes.csv").exists()
    assert path.exists() == path.parent.exists() == (content is not None)
    if content is not None:
        assert path.read_bytes() == content


def test_votes_on_answers_that_name_their_model_are_left_out_unless_asked_for(tmp_path: Path, store: VoteStore) -> None:
    stored(store, [(("Who are you?",), ("I am Claude.",), ("A model.",)), (("q",), ("a",), ("b",))])
    assert store.votes()["named"].tolist() == ["a", ""]
    section = {"store": {"url": f"sqlite:///{tmp_path / 'votes.sqlite'}"}}
    assert write_votes(tmp_path / "votes.parquet", parse_dashboard(section)) == (1, 1)
    assert pd.read_parquet(tmp_path / "votes.parquet")["named"].tolist() == [""]
    wished = parse_dashboard(section | {"leave_out_named": False})
    assert write_votes(tmp_path / "votes.parquet", wished) == (2, 0)
    assert pd.read_parquet(tmp_path / "votes.parquet")["named"].tolist() == ["a", ""]


def test_when_all_votes_are_left_out_it_is_said_and_nothing_written(tmp_path: Path, store: VoteStore) -> None:
    stored(store, [(("Who are you?",), ("I am Claude.",), ("A model.",))])
    params = parse_dashboard({"store": {"url": f"sqlite:///{tmp_path / 'votes.sqlite'}"}})
    with pytest.raises(UserError, match="leave_out_named: false"):
        write_votes(tmp_path / "votes.csv", params)
    assert not (tmp_path / "votes.csv").exists()

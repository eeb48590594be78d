import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.battles.table import COLUMNS, battles_table
from pipelines.errors import UserError
from pipelines.preferences import export, main, pairs_of


def table(*rows: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], int]) -> pd.DataFrame:
    columns = {name: [""] * len(rows) for name in COLUMNS} | {"weight": [1.0] * len(rows)}
    columns |= {"id": [f"b{place}" for place in range(len(rows))]}
    for place, name in enumerate(("prompt", "response_a", "response_b", "outcome")):
        columns[name] = [row[place] for row in rows]
    return battles_table(columns)


def test_the_answer_voted_for_is_chosen() -> None:
    battles = table((("q",), ("left",), ("right",), 0), (("q",), ("left",), ("right",), 1))
    assert list(pairs_of(battles, "plain")) == [
        {"id": "b0", "prompt": "q", "chosen": "left", "rejected": "right"},
        {"id": "b1", "prompt": "q", "chosen": "right", "rejected": "left"},
    ]


def test_ties_make_no_pair_or_both() -> None:
    battles = table((("q",), ("left",), ("right",), 2), (("q",), ("left",), ("right",), -1))
    assert list(pairs_of(battles, "plain")) == []
    both = list(pairs_of(battles, "plain", "both"))
    assert [(pair["chosen"], pair["rejected"]) for pair in both] == [("left", "right"), ("right", "left")]


def test_answers_that_cannot_differ_make_no_pair() -> None:
    battles = table((("q",), ("same",), ("same",), 0), (("q",), (" ",), ("x",), 1), (("q",), ("x",), ("",), 0))
    assert list(pairs_of(battles, "plain", "both")) == []


def test_a_conversation_parts_after_its_first_question() -> None:
    battles = table((("q1", "q2"), ("a1", "a2"), ("b1", "b2"), 1))
    [pair] = pairs_of(battles)
    assert pair["prompt"] == [{"role": "user", "content": "q1"}]
    assert [message["content"] for message in pair["chosen"]] == ["b1", "q2", "b2"]
    assert [message["role"] for message in pair["rejected"]] == ["assistant", "user", "assistant"]
    assert [pair["chosen"] for pair in pairs_of(battles, "plain")] == ["b1\n\nq2\n\nb2"]


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5), st.sampled_from([-1, 0, 1, 2])), max_size=8))
def test_swapping_the_sides_swaps_nothing_else(rows: list[tuple[str, str, int]]) -> None:
    straight = table(*((("q",), (a,), (b,), outcome) for a, b, outcome in rows))
    swapped = table(*((("q",), (b,), (a,), {0: 1, 1: 0}.get(outcome, outcome)) for a, b, outcome in rows))
    assert list(pairs_of(straight)) == list(pairs_of(swapped))

    def sets(battles: pd.DataFrame) -> set[tuple[str, str, str]]:
        return {(pair["id"], pair["chosen"], pair["rejected"]) for pair in pairs_of(battles, "plain", "both")}

    assert sets(straight) == sets(swapped)


def kaggle_file(path: Path) -> Path:
    rows = [
        {"id": name, "model_a": "", "model_b": "", "prompt": '["q"]', "response_a": '["x"]', "response_b": '["雨 y"]'}
        | {"winner_model_a": a, "winner_model_b": b, "winner_tie": t}
        for name, a, b, t in (("1", 1, 0, 0), ("2", 0, 1, 0), ("3", 0, 0, 1))
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_files_become_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = kaggle_file(tmp_path / "votes.csv")
    main([str(source), "--out", str(tmp_path / "pairs.jsonl"), "--form", "plain", "--ties", "both"])
    form, pairs = capsys.readouterr().out.splitlines()
    assert form == f"{source}: Kaggle's columns, 3 votes."
    assert pairs.startswith("4 pairs from 3 battles")
    lines = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["chosen"] for line in lines] == ["x", "雨 y", "x", "雨 y"]
    assert export([source], tmp_path / "pairs.parquet") == (3, 2, 0)
    read = pd.read_parquet(tmp_path / "pairs.parquet")
    assert read["chosen"].iloc[0][0] == {"content": "x", "role": "assistant"}


def test_what_the_user_can_fix_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = kaggle_file(tmp_path / "votes.csv")
    with pytest.raises(UserError, match="end it in .jsonl or .parquet"):
        export([source], tmp_path / "pairs.txt")
    ties = pd.read_csv(source).iloc[2:]
    ties.to_csv(tmp_path / "ties.csv", index=False)
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "ties.csv"), "--out", str(tmp_path / "pairs.jsonl")])
    assert ended.value.code == 2
    assert "gives no pair of 1 battles" in capsys.readouterr().err
    assert not (tmp_path / "pairs.jsonl").exists()

"""Votes for the starter judge: which sets, and how several votes on one pair share its weight."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from pipelines.battles.starter_sets import PRIOR, SETS, UNSEEN, StarterSet, read_votes
from pipelines.errors import UserError

ONE = StarterSet("one", "a project", "MIT", "made up")


def write(folder, rows, name="one", drop=()):
    """Write votes of (pair, annotator, response_a, response_b, outcome) as a set."""
    (folder / "battles").mkdir(exist_ok=True)
    frame = pd.DataFrame(
        {
            "id": [f"{name}:{place}" for place in range(len(rows))],
            "prompt": json.dumps(["Why?"]),
            "response_a": [json.dumps([row[2]]) for row in rows],
            "response_b": [json.dumps([row[3]]) for row in rows],
            "model_a": "m",
            "model_b": "n",
            **{
                column: [int(row[4] == place) for row in rows]
                for place, column in enumerate(("winner_model_a", "winner_model_b", "winner_tie"))
            },
            "pair_id": [row[0] for row in rows],
            "annotator": [row[1] for row in rows],
            "lang": "en",
        }
    )
    frame.drop(columns=list(drop)).to_parquet(folder / "battles" / f"{name}.parquet", index=False)


def test_one_vote_a_pair_and_annotator(tmp_path):
    rows = [
        ("p", "ann", "long", "short", 0),  # ann voted three times on p, once with the sides swapped
        ("p", "ann", "short", "long", 1),
        ("p", "ann", "long", "short", 2),
        ("p", "bob", "long", "short", 1),
        ("q", "", "x", "y", 2),  # nobody knows who: three people
        ("q", "", "x", "y", 2),
        ("q", "", "x", "y", 0),
        ("r", "ann", "b", "a", 0),
    ]
    write(tmp_path, rows)
    votes = read_votes(tmp_path, [ONE])
    found = {(row.response_a[0], row.response_b[0], row.outcome): row.weight for row in votes.itertuples()}
    assert found == pytest.approx(
        {
            ("long", "short", 0): 1 / 3,  # two of ann's three votes, of her half
            ("long", "short", 2): 1 / 6,
            ("long", "short", 1): 1 / 2,
            ("x", "y", 2): 2 / 3,
            ("x", "y", 0): 1 / 3,
            ("a", "b", 1): 1.0,  # the sides are ordered by their texts
        }
    )
    assert votes["weight"].sum() == pytest.approx(3)
    assert votes.loc[votes["response_a"] == ("a",), ["model_a", "model_b"]].to_numpy().tolist() == [["n", "m"]]
    assert set(votes["source"]) == {"one"}


def test_a_set_that_is_missing_or_lacks_a_column_is_named(tmp_path):
    with pytest.raises(UserError, match=r"battles.one\.parquet: is not there; name the folder"):
        read_votes(tmp_path, [ONE])
    write(tmp_path, [("p", "", "a", "b", 0)], drop=["pair_id"])
    with pytest.raises(UserError, match=r"one\.parquet: is missing the column pair_id"):
        read_votes(tmp_path, [ONE])


def test_only_sets_under_terms_that_allow_it_are_learnt_from():
    assert {each.name: each.licence for each in SETS} == {
        "tulu1_human": "Apache-2.0",
        "fastchat_arena2024": "Apache-2.0",
        "pandalm_test": "Apache-2.0",
        "vicuna80_human": "MIT",
        "llmeval_squared": "MIT",
        "hh_rlhf_test": "MIT",
    }
    assert not {path.stem for _, path in UNSEEN} & {each.name for each in SETS}
    assert sum(PRIOR) == pytest.approx(1)


def test_the_command_says_what_is_missing(tmp_path, capfd):
    command = [sys.executable, "-m", "pipelines.starter", str(tmp_path), "--out", str(tmp_path / "judge")]
    assert subprocess.run(command, check=False).returncode == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "tulu1_human.parquet: is not there" in line
    assert not (tmp_path / "judge").exists()

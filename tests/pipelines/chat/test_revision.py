import json

import pytest
from judging_server import JudgingServer

from pipelines.chat.revision import main
from pipelines.formats.reading_options import ReadingOptions
from pipelines.formats.told_reading import read_told


@pytest.fixture
def server():
    with JudgingServer() as found:
        yield found


@pytest.fixture
def battles(tmp_path):
    rows = [
        {
            "id": "1",
            "prompt": "Why?",
            "response_a": "So {critique} {x}.",
            "response_b": "This is perfect.",
            "winner": "A",
        },
        {"id": "2", "prompt": "How?", "response_a": "Like this.", "response_b": "A perfect one.", "winner": "tie"},
        {"id": "3", "prompt": "Why?", "response_a": "So {critique} {x}.", "response_b": "No.", "winner": "B"},
    ]
    path = tmp_path / "battles.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def called(server, battles, tmp_path, model="revises", *more):
    main(
        [model, str(battles), "--out", str(tmp_path / "pairs.jsonl"), "--replies", str(tmp_path / "kept")]
        + ["--base-url", server.url, *more]
    )
    return [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]


def test_revised_answers_over_the_originals_are_pairs_that_dpo_reads(server, battles, tmp_path, capsys):
    pairs = called(server, battles, tmp_path, "revises", "--form", "plain", "--principles", "correct")
    assert {pair["rejected"]: pair["chosen"] for pair in pairs} == {
        "So {critique} {x}.": "Better: So {critique} {x}.",
        "Like this.": "Better: Like this.",
        "No.": "Better: No.",
    }
    assert len(server.asked) == 5 + 3  # five distinct answers, of which two are left as they are
    said = capsys.readouterr().out
    assert "critique 1: 5 questions to revises" in said and "3 pairs from 5 answers" in said
    assert "nothing to criticise 2" in said and "revision: 8 calls" in said
    assert "made up or not supported. Be specific" in server.asked[0]
    votes = read_told([tmp_path / "pairs.jsonl"], ReadingOptions(), lambda line: None, labelled=True)
    assert len(votes) == 3 and set(votes["outcome"]) <= {0, 1}
    called(server, battles, tmp_path, "revises", "--form", "plain", "--principles", "correct")
    assert len(server.asked) == 8


def test_a_second_round_goes_on_by_another_principle(server, battles, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("kind: Which is kinder?\nbrave: Which is braver?\n")
    pairs = called(server, battles, tmp_path, "revises", "--constitution", str(own), "--rounds", "2")
    chosen = {pair["rejected"][0]["content"]: pair["chosen"][0]["content"] for pair in pairs}
    assert chosen["No."] == "Better: Better: No."
    assert {"kind" in text or "brave" in text for text in server.asked if "falls short" in text} == {True}


@pytest.mark.parametrize(
    ("model", "more", "said"),
    [
        ("cuts", [], "3 of 5 answers have no revision (3 were cut off at --max-tokens 800"),
        ("revises", ["--most-calls", "2"], "not asked for); raise the limits"),
        ("revises", ["--rounds", "9"], "--rounds 9: must be 1 to 5"),
        ("revises", ["--most-cost", "1"], "most_cost needs price_in or price_out"),
        ("status-401", [], "refuses the key"),
    ],
)
def test_what_keeps_it_from_pairs_is_one_sentence_and_nothing_is_written(
    server, battles, tmp_path, capsys, model, more, said
):
    with pytest.raises(SystemExit) as ended:
        called(server, battles, tmp_path, model, *more)
    told = capsys.readouterr().err
    assert ended.value.code == 2 and said in told and told.count("\n") == 1
    assert not (tmp_path / "pairs.jsonl").exists()

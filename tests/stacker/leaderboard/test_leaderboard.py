"""The command and its parts, on files that the tests write."""

import json
import time

import numpy as np
import pytest

from pipelines.battles.table import battles_table
from stacker.leaderboard.__main__ import main
from stacker.leaderboard.answers import kind_of, read_answers
from stacker.leaderboard.board import board
from stacker.leaderboard.board_data import Gatherer
from stacker.leaderboard.pairing import pair_answers

WINS = {"strong": 2.0, "middle": 0.0, "weak": -2.0}
MARKS = ("model_a", "model_b", "tie")


def battle_rows(n=120, seed=0, models=tuple(WINS)):
    rng = np.random.default_rng(seed)
    for number in range(n):
        a, b = (models[place] for place in rng.permutation(len(models))[:2])
        chance = 1 / (1 + np.exp(WINS.get(b, 0.0) - WINS.get(a, 0.0)))
        yield {
            "id": f"battle {number}",
            "prompt": f"Question {number // 2}?",
            "response_a": f"{a} says {'more ' * int(rng.integers(1, 9))}.",
            "response_b": f"{b} says {'more ' * int(rng.integers(1, 9))}.",
            "model_a": a,
            "model_b": b,
            "winner": MARKS[2 if rng.random() < 0.1 else int(rng.random() > chance)],
        }


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def verdict_file(path, rows, right=0.8):
    said = []
    for row in rows:
        a = right if WINS[row["model_a"]] > WINS[row["model_b"]] else 0.9 - right
        said.append({"id": row["id"], "winner_model_a": a, "winner_model_b": 0.9 - a, "winner_tie": 0.1})
    return lines(path, said)


def ended(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_votes_alone_rank_models_on_the_screen_as_json_and_as_a_page(tmp_path, capsys):
    votes = lines(tmp_path / "votes.jsonl", battle_rows())
    main(["votes", str(votes), "--json", str(tmp_path / "b.json"), "--page", str(tmp_path / "b.html")])
    shown = capsys.readouterr().out
    assert "3 models, 120 battles on 60 prompts; ranked by people's votes" in shown
    found = json.loads((tmp_path / "b.json").read_text())
    assert [row["model"] for row in found["models"]] == ["strong", "middle", "weak"]
    assert [row["rank"] for row in found["models"]] == [{"low": place, "high": place} for place in (1, 2, 3)]
    for row in found["models"]:
        for key in ("strength", "win_rate", "controlled_win_rate", "controlled_strength"):
            assert row[key]["low"] < row[key]["value"] < row[key]["high"]
    page = (tmp_path / "b.html").read_text()
    assert "Leaderboard" in page and "strong" in page and "<script" not in page


def test_votes_count_by_their_weights_and_it_is_said(tmp_path, capsys):
    rows = [row | {"grade": 1} for row in battle_rows(60, models=("strong", "weak"))]
    for number, row in enumerate(rows):
        row["winner"] = "model_a" if (row["model_a"] == "strong") == (number % 4 > 0) else "model_b"
        row["grade"] = 1 if number % 4 else 9  # a quarter of the votes are for the weak one, each nine times as heavy
    columns = ["prompt", "response_a", "response_b", "winner", "model_a", "model_b"]
    named = ",".join([f"{name}={name}" for name in columns] + ["weight=grade"])
    votes = lines(tmp_path / "votes.jsonl", rows)
    main(["votes", str(votes), "--columns", named, "--json", str(tmp_path / "b.json")])
    found = json.loads((tmp_path / "b.json").read_text())
    rates = {row["model"]: row["win_rate"]["value"] for row in found["models"]}
    assert rates["strong"] == pytest.approx(3 / 12) and found["models"][0]["model"] == "weak"
    assert found["weighed"] and "Votes count by their weights" in capsys.readouterr().out
    main(["votes", str(votes), "--json", str(tmp_path / "b.json")])
    assert "by their weights" not in capsys.readouterr().out


def test_some_votes_and_all_verdicts_are_used_together(tmp_path, capsys):
    rows = list(battle_rows(200))
    verdicts = verdict_file(tmp_path / "verdicts.jsonl", rows)
    for row in rows[50:]:
        row["winner"] = ""
    main([str(verdicts), str(lines(tmp_path / "some.jsonl", rows)), "--json", str(tmp_path / "b.json")])
    shown = capsys.readouterr().out
    assert "50 battles have a vote and 200 a verdict" in shown and "For strengths" in shown
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["basis"] == "both" and set(found["models"][0]["by"]) == {"votes", "verdicts"}
    assert sum(row["votes"] for row in found["models"]) == 100
    assert found["saved"]["win_rates"]["low"] <= found["saved"]["win_rates"]["ratio"]


def test_a_judge_ranks_answers_of_one_model_a_file_and_against_a_reference(tmp_path, capsys):
    for model, words in (("one", 3), ("two", 30), ("three", 10)):
        rows = [{"instruction": f"Q{n}?", "output": "word " * words + str(n), "generator": model} for n in range(12)]
        (tmp_path / f"{model}.json").write_text(json.dumps(rows))
    files = [str(tmp_path / f"{model}.json") for model in ("one", "two", "three")]
    main(["starter", *files, "--reference", "one", "--json", str(tmp_path / "b.json")])
    assert "Answers of 3 models to 12 prompts: 24 of 24 pairs are judged." in capsys.readouterr().out
    found = json.loads((tmp_path / "b.json").read_text())
    rates = {row["model"]: row["win_rate"]["value"] for row in found["models"]}
    assert rates["one"] is None and all(0 < rates[model] < 1 for model in ("two", "three"))


def test_battles_are_written_for_another_judge_and_its_verdicts_come_back(tmp_path, capsys):
    rows = [
        {"question_id": n, "prompt": f"Q{n}?", "model": model, "answer": f"{model} {n}"}
        for n in range(20)
        for model in ("x", "y")
    ]
    answers = lines(tmp_path / "answers.jsonl", rows)
    asked = tmp_path / "ask.jsonl"
    main(["votes", str(answers), "--export", str(asked)])
    battles = [json.loads(line) for line in asked.read_text().splitlines()]
    assert len(battles) == 20 and {battle["model_a"] for battle in battles} == {"x", "y"}
    said = [{"id": each["id"], "winner": "A" if each["model_a"] == "x" else "B"} for each in battles]
    main([str(lines(tmp_path / "said.jsonl", said)), str(answers), "--json", str(tmp_path / "b.json")])
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["models"][0]["model"] == "x" and found["models"][0]["win_rate"]["value"] == 1
    assert found["models"][0]["rank"] == {"low": 1, "high": 1}


def test_fastchats_answers_find_their_questions(tmp_path):
    questions = lines(tmp_path / "question.jsonl", [{"question_id": 81, "category": "w", "turns": ["First?", "Then?"]}])
    answer = {"question_id": 81, "answer_id": "z", "model_id": "m", "choices": [{"index": 0, "turns": ["a", "b"]}]}
    path = lines(tmp_path / "m.jsonl", [answer])
    assert (kind_of(questions), kind_of(path)) == ("prompts", "answers")
    found = read_answers([questions, path])
    assert found.prompts == {"81": ("First?", "Then?")} and found.by == {"81": {"m": ("a", "b")}}


def test_a_draw_of_pairs_is_balanced_and_does_not_depend_on_the_order_of_files(tmp_path):
    paths = [
        lines(tmp_path / f"{model}.jsonl", [{"prompt": f"Q{n}?", "answer": f"{model}{n}"} for n in range(30)])
        for model in "abcd"
    ]
    one, other = (pair_answers(read_answers(order), most=60) for order in (paths, paths[::-1]))
    assert one == other and one.possible == 180
    met = [tuple(sorted(pair[1:])) for pair in one.battles]
    assert len(set(one.battles)) == 60 and {met.count(pair) for pair in met} == {10}


def test_battles_of_models_that_never_met_are_said_to_be(tmp_path, capsys):
    rows = [*battle_rows(40, models=("strong", "weak")), *battle_rows(40, 1, models=("middle", "other"))]
    votes = lines(tmp_path / "votes.jsonl", [row | {"id": str(n)} for n, row in enumerate(rows)])
    main(["votes", str(votes)])
    assert "The models fall into 2 groups that never met" in capsys.readouterr().out


def test_what_cannot_be_ranked_is_one_sentence(tmp_path, capsys):
    rows = list(battle_rows(20))
    votes = lines(tmp_path / "votes.jsonl", rows)
    nameless = lines(tmp_path / "nameless.jsonl", [row | {"model_a": ""} for row in rows])
    unvoted = lines(tmp_path / "unvoted.jsonl", [row | {"winner": None} for row in rows])
    answers = lines(tmp_path / "one.jsonl", [{"prompt": "Q?", "model": "m", "answer": "a"}])
    other = lines(tmp_path / "other.jsonl", [{"prompt": "R?", "model": "n", "answer": "a"}])
    few = verdict_file(tmp_path / "few.jsonl", rows[:5])
    assert "do not name both models" in ended(["votes", nameless], capsys)
    assert "no battle between two named models has a vote" in ended(["votes", unvoted], capsys)
    assert "holds answers, which nobody voted on" in ended(["votes", answers], capsys)
    assert "All answers are of one model, m" in ended(["starter", answers], capsys)
    assert "no two models answered the same prompt" in ended(["starter", answers, other], capsys)
    assert "holds answers, and" in ended(["starter", answers, votes], capsys)
    assert "has no verdict on 15 of 20 battles" in ended([few, votes], capsys)
    main([str(few), str(votes), "--allow-missing"])
    assert "no verdict on 15 battles" in capsys.readouterr().out
    assert "--reference nobody: is not among the models" in ended(["votes", votes, "--reference", "nobody"], capsys)
    assert "--level 1.5" in ended(["votes", votes, "--level", "1.5"], capsys)
    assert "--battles many" in ended(["starter", answers, "--battles", "many"], capsys)


def gathered(rows, swapped=False):
    columns = {}
    for to, of in (("a", "b"), ("b", "a")) if swapped else (("a", "a"), ("b", "b")):
        columns[f"model_{to}"] = [row[f"model_{of}"] for row in rows]
        columns[f"response_{to}"] = [(row[f"response_{of}"],) for row in rows]
    columns |= {"id": [row["id"] for row in rows], "prompt": [(row["prompt"],) for row in rows]}
    outcome = [MARKS.index(row["winner"]) for row in rows]
    columns["outcome"] = [(1, 0, 2)[each] for each in outcome] if swapped else outcome
    columns |= {"weight": [1.0] * len(rows), "source": [""] * len(rows), "lang": [""] * len(rows)}
    table = battles_table(columns)
    right = np.array([WINS[row["model_a"]] > WINS[row["model_b"]] for row in rows])
    said = np.where(right[:, None], [0.7, 0.2, 0.1], [0.2, 0.7, 0.1])
    gatherer = Gatherer()
    gatherer.add(gatherer.named(table), said[:, [1, 0, 2]] if swapped else said)
    return gatherer.finish()


def test_swapping_the_sides_of_every_battle_changes_no_digit_of_the_board():
    rows = list(battle_rows(150))
    one, other = (board(gathered(rows, swapped).with_votes(60, 0)) for swapped in (False, True))
    assert one == other


@pytest.mark.slow
def test_100000_battles_of_100_models_are_ranked_in_seconds():
    rng, n = np.random.default_rng(0), 100_000
    data = gathered(list(battle_rows(10)))
    first = rng.integers(0, 99, n)
    second = first + 1 + (rng.random(n) * (99 - first)).astype(np.int64)
    votes = (rng.random(n) < 1 / (1 + np.exp((first - second) / 50))).astype(float)
    evidence = type(data.evidence)(votes, np.full(n, np.nan))
    controls, group = rng.normal(size=(n, 5)), rng.integers(0, 800, n)
    many = type(data)(tuple(f"m{k:03}" for k in range(100)), first, second, evidence, controls, group)
    start = time.perf_counter()
    assert len(board(many)["models"]) == 100
    assert time.perf_counter() - start < 60

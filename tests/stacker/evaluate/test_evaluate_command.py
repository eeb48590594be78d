"""`python -m stacker.evaluate`: judges and verdicts against files of votes, as a user calls it."""

import json

import numpy as np
import pandas as pd
import pytest
from travelling_tasks import TravellingTasks

from pipelines.battles.built_in import sample_battles
from pipelines.battles.table import OUTCOMES
from pipelines.terminal.cluster.tasks import LocalTasks
from stacker.evaluate import __main__ as command
from stacker.evaluate.__main__ import main


def votes_file(path, count=40, start=0, answers=""):
    """Write built-in battles with votes, ids from `start`, as Kaggle's columns; return the outcomes by id."""
    battles = sample_battles(count).battles
    outcome = battles["outcome"].to_numpy()
    rows = pd.DataFrame({"id": np.arange(start, start + count)})
    for name in ("prompt", "response_a", "response_b"):
        rows[name] = [json.dumps([*turns[:-1], turns[-1] + answers]) for turns in battles[name]]
    for place, name in enumerate(OUTCOMES):
        rows[name] = (outcome == place).astype(int)
    rows.to_csv(path, index=False)
    return dict(zip(rows["id"].tolist(), outcome.tolist(), strict=True))


def verdicts_file(path, outcomes, right=0.8):
    rows = []
    for name, outcome in outcomes.items():
        said = np.full(3, (1 - right) / 2)
        said[outcome] = right
        rows.append({"id": name, "p_a": said[0], "p_b": said[1], "p_tie": said[2]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    return said


def test_the_starter_judge_on_votes_prints_its_scores_and_writes_them(here, capsys):
    votes_file(here / "votes.csv", count=15)
    main(["starter", "votes.csv", "--json", "out/found.json", "--page", "found.html", "--threads", "1"])
    said = capsys.readouterr().out
    assert "starter: trained on" in said and "log loss" in said and "longer" in said and "class prior" in said
    found = json.loads((here / "out" / "found.json").read_text())
    assert found["votes"] == 15 and found["scores"]["judge"]["log_loss"]["value"] > 0
    assert "<title>starter against people" in (here / "found.html").read_text()


def test_verdicts_of_another_judge_are_scored_by_id(here, capsys):
    outcomes = votes_file(here / "votes.csv")
    verdicts_file(here / "other.jsonl", dict(reversed(outcomes.items())))
    main(["other.jsonl", "votes.csv", "--json", "found.json"])
    found = json.loads((here / "found.json").read_text())
    assert found["scores"]["judge"]["log_loss"]["value"] == pytest.approx(-np.log(0.8))
    assert found["scores"]["judge"]["accuracy"]["value"] == 1
    assert found["asking"]["asked"] == 40 and found["asking"]["failed"] == 0


def test_failures_and_flips_of_a_verdict_file_are_told(here, capsys):
    outcomes = votes_file(here / "votes.csv")
    rows = [{"id": name, "winner": "A", "swapped": turned} for name in outcomes for turned in (False, True)]
    rows[0]["winner"] = "I cannot say"
    (here / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    main(["other.jsonl", "votes.csv", "--json", "found.json", "--page", "found.html"])
    asking = json.loads((here / "found.json").read_text())["asking"]
    assert (asking["asked"], asking["failed"], asking["both_orders"], asking["flipped"]) == (80, 1, 39, 39)
    said = capsys.readouterr().out
    assert "No log loss" in said and "1 of 80" in said and "39 of 39" in said
    assert "winner is I cannot say" in said


def test_several_files_are_one_evaluation_with_their_sources(here, capsys):
    first, second = votes_file(here / "one.csv"), votes_file(here / "two.csv", start=100)
    verdicts_file(here / "other.jsonl", first | second)
    main(["other.jsonl", "one.csv", "two.csv", "--json", "found.json"])
    found = json.loads((here / "found.json").read_text())
    assert [part["label"] for part in found["sources"]] == ["one", "two"] and found["votes"] == 80
    assert "By source" in capsys.readouterr().out


def test_most_verdicts_missing_is_an_error_that_names_an_id_and_a_key_allows_it(here, capsys):
    outcomes = votes_file(here / "votes.csv")
    verdicts_file(here / "other.jsonl", {name: outcomes[name] for name in list(outcomes)[:10]})
    said = refused(["other.jsonl", "votes.csv", "--json", "found.json"], capsys)
    assert "other.jsonl: has no verdict on 30 of 40 votes, such as that of id 10" in said
    assert not (here / "found.json").exists()
    main(["other.jsonl", "votes.csv", "--json", "found.json", "--allow-missing"])
    assert json.loads((here / "found.json").read_text())["missing"] == 30


def test_no_verdict_at_all_is_an_error_even_where_missing_ones_are_allowed(here, capsys):
    votes_file(here / "votes.csv")
    verdicts_file(here / "other.jsonl", {"x": 0})
    said = refused(["other.jsonl", "votes.csv", "--allow-missing"], capsys)
    assert "has no verdict on 40 of 40 votes" in said and "its first verdict is on id x" in said


def test_one_id_for_two_battles_is_refused_where_verdicts_are_found_by_it(here, capsys):
    first = votes_file(here / "one.csv")
    votes_file(here / "two.csv", answers=" and more")
    verdicts_file(here / "other.jsonl", first)
    said = refused(["other.jsonl", "one.csv", "two.csv"], capsys)
    assert "two.csv: the id 0 is that of another battle in one.csv" in said


def test_votes_of_several_people_on_one_id_share_its_verdict(here, capsys):
    rows = [
        {"id": "x", "prompt": "Why?", "response_a": "So.", "response_b": "No.", "winner": winner, "annotator": who}
        for winner, who in (("A", "ann"), ("B", "bob"), ("A", "eve"))
    ]
    (here / "votes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    verdicts_file(here / "other.jsonl", {"x": 0})
    main(["other.jsonl", "votes.jsonl", "--json", "found.json"])
    found = json.loads((here / "found.json").read_text())
    assert (found["votes"], found["missing"], found["ceiling"]["pairs"], found["ceiling"]["votes"]) == (3, 0, 1, 3)
    assert found["ceiling"]["one_other"]["judge"]["value"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("option", ["--page", "--json"])
def test_a_folder_in_place_of_an_output_is_refused_before_anything_is_judged(here, capsys, option):
    votes_file(here / "votes.csv")
    (here / "out").mkdir()
    assert "out: is a folder; name a file" in refused(["starter", "votes.csv", option, "out"], capsys)


def test_a_file_named_twice_is_refused(here, capsys):
    votes_file(here / "votes.csv")
    assert "is named twice, as votes; name it once" in refused(["starter", "votes.csv", "./votes.csv"], capsys)
    assert "which would be their own" in refused(["votes.csv", "votes.csv"], capsys)


def test_votes_that_cannot_be_read_are_told_and_most_of_them_is_an_error(here, capsys):
    votes_file(here / "votes.csv")
    rows = pd.read_csv(here / "votes.csv")
    rows.loc[:4, "winner_tie"] = 7
    rows.to_csv(here / "votes.csv", index=False)
    main(["starter", "votes.csv", "--json", "found.json", "--threads", "1"])
    assert json.loads((here / "found.json").read_text())["files"] == [{"name": "votes.csv", "votes": 35, "unread": 5}]
    assert "winner_tie is '7', neither 0 nor 1" in capsys.readouterr().out
    rows.loc[:30, "winner_tie"] = 7
    rows.to_csv(here / "votes.csv", index=False)
    assert "31 of 40 rows cannot be used" in refused(["starter", "votes.csv"], capsys)


def test_a_file_of_several_judges_is_not_taken_for_one_that_was_asked_again(here, capsys):
    outcomes = votes_file(here / "votes.csv")
    rows = [
        {"id": name, "judge": "wise", "winner": "AB"[outcome] if outcome < 2 else "tie"}
        for name, outcome in outcomes.items()
    ]
    rows += [{"id": name, "judge": "odd", "winner": "A"} for name in outcomes]
    (here / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = refused(["other.jsonl", "votes.csv"], capsys)
    assert "holds verdicts of several judges (wise, odd)" in said
    main(["other.jsonl", "votes.csv", "--judge-model", "wise", "--json", "found.json"])
    found = json.loads((here / "found.json").read_text())
    assert found["judge"]["name"] == "wise" and found["scores"]["judge"]["accuracy"]["value"] == 1


def test_a_judge_asked_on_the_nodes_of_a_cluster_has_the_same_scores(here, monkeypatch):
    tasks = TravellingTasks()
    monkeypatch.setattr(command, "tasks_at", lambda address: LocalTasks() if address is None else tasks)
    monkeypatch.setattr(command, "ROWS_AT_ONCE", 4)
    votes_file(here / "votes.csv", count=10)
    for name, more in (("here.json", []), ("there.json", ["--cluster", "auto"])):
        main(["starter", "votes.csv", "--json", name, "--threads", "1", *more])
    assert len(tasks.done) == 3
    assert (here / "here.json").read_bytes() == (here / "there.json").read_bytes()

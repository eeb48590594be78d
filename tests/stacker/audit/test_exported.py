"""An audit of a judge that is asked elsewhere says what the audit of the same judge at hand says."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest
from graded_battles import PlantedJudge, graded_battles
from test_questions import swapped

from pipelines.errors import UserError
from pipelines.formats.reading import read_battles
from stacker.audit.audit import audit
from stacker.audit.exported import audit_verdicts, export, files_by_judge
from stacker.evaluate.verdicts.verdict_table import judges_in, read_verdicts
from stacker.judge.any_judge import VerdictFile

BATTLES = graded_battles(40, prompts=30)


def judged(path, judge, out, winners=False):
    """Ask a judge about a file of battles and write its verdicts."""
    battles, bad = read_battles(path, labelled=False)
    assert not bad
    said = judge.probabilities(battles)
    rows = pd.DataFrame(said, columns=["p_a", "p_b", "p_tie"]).assign(id=battles["id"])
    if winners:
        rows = pd.DataFrame({"id": battles["id"], "winner": np.array(["A", "B", "tie"])[said.argmax(axis=1)]})
    rows.to_csv(out, index=False)
    return VerdictFile(out.name, read_verdicts(out))


def numbers(found):
    return [
        (effect.name, effect.way, effect.battles, effect.rate, effect.change, effect.state) for effect in found.effects
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_the_round_trip_says_what_the_judge_at_hand_says(suffix, tmp_path):
    judge = PlantedJudge(lambda text: 0.008 * len(text), first=0.4)
    battles, questions = export(BATTLES, tmp_path / f"q{suffix}", 3, rows=25)
    verdicts = judged(tmp_path / f"q{suffix}", judge, tmp_path / "v.csv")
    found, own = audit_verdicts(verdicts, BATTLES, 3), audit(judge, BATTLES, 3, rows=25, both_orders=True)
    assert battles == found.battles == 25 and questions <= found.questions and found.missing == 0
    assert [each[:3] for each in numbers(found)] == [each[:3] for each in numbers(own)]
    for one, two in zip(found.effects, own.effects, strict=True):
        assert one.change["mean"] == pytest.approx(two.change["mean"], abs=1e-9) and one.state == two.state
    assert numbers(audit_verdicts(verdicts, swapped(BATTLES), 3)) == numbers(found)


def test_a_file_of_questions_says_nothing_of_how_they_were_made(tmp_path):
    export(BATTLES, tmp_path / "q.csv", rows=10)
    with (tmp_path / "q.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ids = [row["id"] for row in rows]
    assert list(rows[0]) == ["id", "prompt", "response_a", "response_b"] and ids == sorted(set(ids))
    assert all(re.fullmatch("[0-9a-f]{24}", name) for name in ids)
    assert not {"padding", "b0"} & set(" ".join(ids).split())
    pairs = {(row["prompt"], row["response_a"], row["response_b"]) for row in rows}
    assert all((prompt, b, a) in pairs for prompt, a, b in pairs)


def test_a_lone_surrogate_can_be_written_and_read(tmp_path):
    battles = BATTLES.copy()
    battles.at[0, "response_a"] = ("Bad \ud800 sign. topic0 grade3. Then more. And more.",)
    for suffix in (".csv", ".jsonl"):
        export(battles, tmp_path / f"q{suffix}", rows=None, probes=["twice"])
        assert len(read_battles(tmp_path / f"q{suffix}", labelled=False)[0]) > 100
        verdicts = judged(tmp_path / f"q{suffix}", PlantedJudge(), tmp_path / "v.csv")
        assert audit_verdicts(verdicts, battles, probes=["twice"]).missing == 0


def test_winners_and_verdicts_that_cannot_be_read(tmp_path):
    export(BATTLES, tmp_path / "q.jsonl", rows=None, probes=["padding"])
    judged(tmp_path / "q.jsonl", PlantedJudge(first=9, hard=True), tmp_path / "v.csv", winners=True)
    rows = pd.read_csv(tmp_path / "v.csv")
    rows.loc[::10, "winner"] = "I cannot say."
    rows.iloc[: len(rows) * 9 // 10].to_csv(tmp_path / "v.csv", index=False)
    found = audit_verdicts(VerdictFile("v", read_verdicts(tmp_path / "v.csv")), BATTLES, probes=["padding"])
    silent = found.asked["no_verdict"]
    assert 0.15 < silent["share"] < 0.25 and silent["low"] < silent["share"] < silent["high"]
    assert found.effect("sides", "orders").state == "moved" and found.effect("padding").state != "moved"


def test_probes_that_were_not_exported_are_left_out(tmp_path):
    export(BATTLES, tmp_path / "q.csv", rows=20, probes=["padding"])
    found = audit_verdicts(judged(tmp_path / "q.csv", PlantedJudge(), tmp_path / "v.csv"), BATTLES)
    assert {effect.name for effect in found.effects} >= {"padding", "rewrite"} and found.missing == 0
    assert "filler" not in {effect.name for effect in found.effects}


def test_the_wrong_seed_battles_or_most_verdicts_missing_are_refused(tmp_path):
    export(BATTLES, tmp_path / "q.csv", rows=None, probes=["padding"])
    verdicts = judged(tmp_path / "q.csv", PlantedJudge(), tmp_path / "v.csv")
    with pytest.raises(UserError, match="has none of the battles' ids"):
        audit_verdicts(verdicts, graded_battles(20, seed=9))
    rows = pd.read_csv(tmp_path / "v.csv").iloc[::3]
    rows.to_csv(tmp_path / "third.csv", index=False)
    third = VerdictFile("third.csv", read_verdicts(tmp_path / "third.csv"))
    with pytest.raises(UserError, match="has no verdict on"):
        audit_verdicts(third, BATTLES, probes=["padding"])
    assert audit_verdicts(third, BATTLES, probes=["padding"], allow_missing=True).missing > 0


def test_verdicts_on_the_battles_tell_flips_failures_and_tastes(tmp_path):
    battles = graded_battles(300, prompts=200, seed=4)
    rows = []
    for place, row in enumerate(battles.itertuples()):
        longer = "A" if len(row.response_a[0]) >= len(row.response_b[0]) else "B"
        rows.append({"id": row.id, "order": "AB", "winner": longer})
        flips = place % 10 == 0
        rows.append({"id": row.id, "order": "BA", "winner": longer if flips else {"A": "B", "B": "A"}[longer]})
        if place % 20 == 0:
            rows.append({"id": row.id, "order": "AB", "winner": "no idea"})
    pd.DataFrame(rows).to_csv(tmp_path / "v.csv", index=False)
    found = audit_verdicts(VerdictFile("v", read_verdicts(tmp_path / "v.csv")), battles)
    assert found.asked["flipped"]["share"] == pytest.approx(0.1) and found.asked["failed"]["share"] == pytest.approx(
        1 / 60
    )
    assert {(effect.name, effect.way) for effect in found.findings} == {("longer", "people")}
    assert found.effect("longer", "people").rate["share"] > 0.9


def test_always_a_on_the_battles_is_found_and_swaps(tmp_path):
    battles = graded_battles(200, seed=5)
    pd.DataFrame({"id": battles["id"], "winner": "A"}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"id": battles["id"], "winner": "B"}).to_csv(tmp_path / "b.csv", index=False)
    found = audit_verdicts(VerdictFile("a", read_verdicts(tmp_path / "a.csv")), battles).effect("first", "people")
    other = audit_verdicts(VerdictFile("b", read_verdicts(tmp_path / "b.csv")), swapped(battles)).effect(
        "first", "people"
    )
    assert found.state == "moved" and found.change["mean"] == -other.change["mean"] > 0.3


def test_own_family_against_people_and_other_judges(tmp_path):
    battles = graded_battles(300, seed=6, models=("ant-1", "bee-2", "cat-3"))
    fair, rows = PlantedJudge().probabilities(battles), []
    for place, row in enumerate(battles.itertuples()):
        own = (row.model_a == "ant-1") - (row.model_b == "ant-1")
        for judge in ("ant-9", "owl"):
            p = np.clip(fair[place] + (0.2 * own * np.array([1, -1, 0]) if judge == "ant-9" else 0), 0.01, 0.99)
            rows.append({"id": row.id, "judge": judge, "probabilities": json.dumps((p / p.sum()).tolist())})
    path = tmp_path / "v.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    assert judges_in(path) == ["ant-9", "owl"]
    mine, other = files_by_judge(path, ["ant-9", "owl"])
    found = audit_verdicts(mine, battles, judge_model="ant-9", rivals=[other])
    for way in ("people", "judges"):
        assert found.effect("self", way).state == "moved" and 0.1 < found.effect("self", way).change["mean"] < 0.25
    fair = audit_verdicts(other, battles, judge_model="ant-9", rivals=[other])
    assert fair.effect("self", "judges").change["mean"] == 0 and not fair.findings

"""The starter judge: made bit for bit, used where no judge is named, and one more learner of a stack."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from small_runs import small_params, small_run

from features.build import FeatureParams
from pipelines.battles.built_in import sample_battles
from pipelines.battles.starter_sets import PRIOR, StarterSet
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Screen
from stacker import predict
from stacker.evaluate import metrics
from stacker.judge.judge import Judge
from stacker.learners.judges.starter_prior import CARD, StarterLearner, configured_prior, judge_hash, starter_folder
from stacker.learners.learner_interface import Fit
from stacker.learners.linear.linear import LinearParams
from stacker.learners.stacking.pool import ALIKE, Pool
from stacker.learners.stacking.stack import StackParams, fit_stack
from stacker.learners.trees.boosting import LightGBMParams
from stacker.starter.__main__ import make_starter
from stacker.starter.card import score_unseen
from stacker.starter.gain import WITH, WITHOUT, _draw, as_table, draw, measure
from stacker.starter.starter_fit import StarterSettings, equal_pool, weighted_rows
from stacker.training.made.check_fitting import CheckSettings

SETS = tuple(StarterSet(name, "the project", "Apache-2.0", "built in") for name in ("one", "two", "none_tied"))
SMALL = StarterSettings(
    factors={"two": 0.5},
    lightgbm=LightGBMParams(n_estimators=12, early_stopping_rounds=6, bags=3, num_leaves=4, min_child_samples=5),
    linear=LinearParams(C=(0.003, 0.03), inner_folds=3),
    checks=CheckSettings(count=8, families=("repeated", "other"), real=30, rounds=10),
)
KAGGLE = Path(__file__).parents[3].parent / "shared" / "data" / "kaggle"


def raw(frame, name):
    """Return battles as a set of votes holds them."""
    columns = {column: [json.dumps(list(turns)) for turns in frame[column]] for column in TEXT_COLUMNS}
    votes = {column: (frame["outcome"] == place).astype(int) for place, column in enumerate(OUTCOMES)}
    ids = [f"{name}:{id}" for id in frame["id"]]
    return pd.DataFrame(
        {"id": ids, **columns, "model_a": "", "model_b": "", **votes, "pair_id": ids, "annotator": "", "lang": ""}
    )


def write_sets(folder, backwards=False):
    """Write three sets of built-in battles, the last without ties."""
    (folder / "battles").mkdir(parents=True)
    battles = sample_battles(240, 5).battles
    for number, each in enumerate(SETS):
        part = battles.iloc[number * 80 : number * 80 + 80]
        part = part[part["outcome"] < 2] if each.name == "none_tied" else part
        part = part.assign(prompt=[(f"{each.name}: {turns[0]}", *turns[1:]) for turns in part["prompt"]])
        frame = raw(part, each.name)
        (frame[::-1] if backwards else frame).to_parquet(folder / "battles" / f"{each.name}.parquet", index=False)
    (folder / "kaggle").mkdir()
    raw(battles.iloc[:40], "k").drop(columns=["pair_id", "annotator"]).to_csv(
        folder / "kaggle" / "train.csv", index=False
    )


def quiet():
    return Screen(Console(quiet=True))


@pytest.mark.slow
def test_made_twice_from_shuffled_rows_it_has_the_same_bits(tmp_path):
    write_sets(tmp_path / "a")
    write_sets(tmp_path / "b", backwards=True)
    made = make_starter(tmp_path / "a", tmp_path / "one", quiet(), settings=SMALL, sets=SETS, threads=1)
    again = make_starter(tmp_path / "b", tmp_path / "two", quiet(), settings=SMALL, sets=SETS, threads=2)
    assert made == again == judge_hash(tmp_path / "one") == judge_hash(tmp_path / "two")
    assert (tmp_path / "one" / CARD).read_bytes() == (tmp_path / "two" / CARD).read_bytes()
    card = (tmp_path / "one" / CARD).read_text(encoding="utf-8")
    assert f"`{made}`" in card and "| Kaggle's rows (Chatbot Arena) | 40 | 0 |" in card and "not there" in card
    judge = Judge.load(tmp_path / "one")
    assert judge.caution is not None and judge.caution.known[0] == 1 and "- Caution: margins are multiplied by" in card
    asked = sample_battles(30, 9).battles
    said = judge.predict_proba(asked)
    turned = judge.predict_proba(asked.rename(columns={"response_a": "response_b", "response_b": "response_a"}))
    np.testing.assert_allclose(said, turned[:, [1, 0, 2]], rtol=0, atol=1e-9)
    assert judge.explain("Why?", "So it is.", "No.").groups


def test_too_few_families_are_refused(tmp_path):
    write_sets(tmp_path / "a")
    with pytest.raises(UserError, match="2 families of sets without a prompt in common, it needs 3"):
        make_starter(tmp_path / "a", tmp_path / "one", quiet(), settings=SMALL, sets=SETS[:2])


def test_sets_are_weighed_by_pairs_and_brought_to_one_share_of_ties():
    votes = pd.DataFrame(
        {
            "source": ["one"] * 9 + ["none_tied"] * 4,
            "outcome": [0, 1, 1, 0, 0, 1, 0, 1, 2] + [0, 1, 1, 1],
            "weight": 1.0,
            "lang": "en",
        }
    )
    rows = weighted_rows(votes, np.repeat([4, 7], [9, 4]), {"none_tied": 0.5}, 0.5, 0.3)
    of = {"one": rows.family == 4, "two": rows.family == 5, "none_tied": rows.family == 7}
    total = {name: rows.weight[inside].sum() for name, inside in of.items()}
    assert total["one"] / total["none_tied"] == pytest.approx(9**0.5 / (0.5 * 4**0.5)) and total["two"] == 0
    for name in ("one", "none_tied"):
        inside = of[name]
        assert rows.weight[inside & (rows.outcome == 2)].sum() / total[name] == pytest.approx(0.3)
    made_up = of["none_tied"] & (rows.outcome == 2)
    assert sorted(rows.battle[made_up]) == [9, 10, 11, 12] and rows.weight.mean() == pytest.approx(1)
    assert len(set(rows.battle)) == 13 and rows.take(np.arange(5)).weight.mean() == pytest.approx(1)


def test_a_language_of_a_set_is_not_taken_for_its_voters_habit():
    # Chinese battles hardly ever tie here, those of a rare language always do.
    outcome = [0] * 55 + [2] * 5 + [1, 2] * 40 + [2] * 6
    lang = ["zh"] * 60 + ["en"] * 80 + ["eo"] * 6
    votes = pd.DataFrame({"source": "one", "outcome": outcome, "weight": 1.0, "lang": lang})
    rows = weighted_rows(votes, np.zeros(len(votes), dtype=int), {}, 1.0, 0.3)
    of = np.array(lang)[rows.battle]
    for name in ("zh", "en"):
        assert np.average(rows.outcome[of == name] == 2, weights=rows.weight[of == name]) == pytest.approx(0.3)
        assert rows.weight[of == name].sum() / rows.weight.sum() == pytest.approx(lang.count(name) / len(lang))
    assert rows.weight[of == "eo"].sum() / rows.weight.sum() == pytest.approx(6 / len(lang))


def test_the_equal_pool_says_ties_as_often_as_assumed():
    rng = np.random.default_rng(0)
    held = rng.dirichlet([2, 2, 1], size=(60, 2)).reshape(60, 2, 3)
    votes = pd.DataFrame({"source": "one", "outcome": rng.integers(0, 3, 60), "weight": rng.uniform(0.1, 1, 60)})
    votes["lang"] = ""
    rows = weighted_rows(votes, np.zeros(len(votes), dtype=int), {}, 0.5, 0.3)
    held = held[rows.battle]
    pool = equal_pool(held, rows, PRIOR[2])
    assert np.average(pool.predict_proba(held)[:, 2], weights=rows.weight) == pytest.approx(PRIOR[2], abs=1e-9)
    assert pool.margin_weights_.tolist() == [0.5, 0.5]
    # Random votes: the more even the verdicts, the better.
    assert pool.temperature_ > 1.5


def test_the_judge_in_the_package_is_the_default_and_matches_its_card():
    card = (starter_folder() / CARD).read_text(encoding="utf-8")
    assert f"`{judge_hash(starter_folder())}`" in card
    files = [path for path in starter_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 5e6
    assert {path.suffix for path in files} <= {".json", ".txt", ".safetensors", ".md"}
    judge = Judge.load()
    assert judge.encoder is None and judge.about["starter"] is True
    answer = "A list keeps tasks in order.\n\n1. Write them down.\n2. Do the hard one first.\n3. Rest."
    verdict = judge.compare("How can I plan my day?", answer, "no idea")
    assert verdict.preferred == "A" and verdict.a > 2 * verdict.b
    assert judge.compare("How can I plan my day?", "no idea", answer).probabilities == pytest.approx(
        verdict.swapped().probabilities, abs=1e-9
    )
    assert sum(part.margin for part in judge.explain("How can I plan my day?", answer, "no idea").groups) > 0


def test_battles_whose_prompts_it_learnt_from_are_not_battles_it_never_saw(tmp_path):
    battles = sample_battles(30, 2).battles
    raw(battles, "x").drop(columns=["pair_id", "annotator"]).to_csv(tmp_path / "x.csv", index=False)
    learnt, other = battles["prompt"].iloc[:4], battles["prompt"].iloc[4:]
    left_out = sum(turns in set(learnt) for turns in battles["prompt"])
    upper = [tuple(turn.upper() + "  " for turn in turns) for turns in learnt]
    (scored,) = score_unseen(Judge.load(), tmp_path, upper, [("x", Path("x.csv"))])
    assert (scored.known, scored.battles) == (left_out, 30 - left_out)
    (none,) = score_unseen(Judge.load(), tmp_path, [*learnt, *other], [("x", Path("x.csv"))])
    assert (none.known, none.battles) == (30, 0)


def test_it_is_less_sure_of_chinese():
    judge = Judge.load()
    english = judge.compare(
        "Why is the sky blue?", "Air scatters blue light more than red light, so it is blue.", "No."
    )
    chinese = judge.compare("天空為什麼是藍色的？", "空氣散射藍光多於紅光，所以我們看到的天空是藍色的。", "不知道。")
    assert 0 < chinese.margin < english.margin
    assert chinese.a + chinese.b + chinese.tie == pytest.approx(1)


def test_files_are_predicted_where_no_run_is_named(tmp_path, capsys):
    frame = sample_battles(6, 2).battles
    raw(frame, "x").to_csv(tmp_path / "in.csv", index=False)
    predict.main([str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv"), "--threads", "1"])
    assert "Verdicts on 6 battles" in capsys.readouterr().out
    written = pd.read_csv(tmp_path / "out.csv")[list(OUTCOMES)]
    np.testing.assert_allclose(written, Judge.load().predict_proba(frame), rtol=0, atol=1e-12)


def test_a_judge_without_files_is_told_from_files_without_a_judge(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("judge").mkdir()
    assert predict.judge_and_inputs([Path("judge"), Path("a.csv")]) == (Path("judge"), [Path("a.csv")])
    with pytest.raises(UserError, match="gone: there is no such judge"):
        predict.judge_and_inputs([Path("gone"), Path("a.csv")])
    assert predict.judge_and_inputs([Path("a.csv"), Path("b.CSV")]) == (
        starter_folder(),
        [Path("a.csv"), Path("b.CSV")],
    )
    with pytest.raises(UserError, match="judge: is a judge, and no file of battles is named"):
        predict.judge_and_inputs([Path("judge")])


def test_the_starter_judge_and_that_of_a_run_go_by_their_names(tmp_path, monkeypatch):
    """As for the other commands; a folder that is not there ends in a sentence, not in the starter's verdicts."""
    monkeypatch.chdir(tmp_path)
    Path("run/judge").mkdir(parents=True)
    Path("run/judge/judge.json").touch()
    asked = []
    monkeypatch.setattr(predict, "_command", lambda folder, *_: asked.append(folder))
    for named in ("starter", "run"):
        predict.main([named, "a.csv", "--out", "out.csv"])
    assert asked == [starter_folder(), Path("run/judge")]
    with pytest.raises(SystemExit):
        predict.main(["gone", "a.csv", "--out", "out.csv"])


def test_as_a_learner_it_says_what_the_judge_says(tmp_path):
    frame = sample_battles(20, 3).battles
    judge = Judge.load()
    data = judge.data(frame, cache=None, threads=1, progress=lambda *_: None)
    learner = StarterLearner()
    assert learner.fit(data, None) is learner
    expected = judge.pool.predict_proba(judge.member_probabilities(data))  # the checks are the judge's alone
    np.testing.assert_array_equal(learner.predict_proba(data), expected)
    order = np.arange(len(data.pairs.names))[::-1].tolist()
    shuffled = type(data)(data.texts, data.pairs.columns(order), None)
    np.testing.assert_array_equal(learner.predict_proba(shuffled), expected)
    learner.save(tmp_path)
    np.testing.assert_array_equal(StarterLearner.load(tmp_path).predict_proba(data), expected)
    keep = [place for place, name in enumerate(data.pairs.names) if not name.startswith("style")]
    with pytest.raises(UserError, match="needs features of style that are not computed"):
        learner.predict_proba(type(data)(data.texts, data.pairs.columns(keep), None))


def test_a_block_that_is_off_is_named_before_anything_is_computed():
    assert configured_prior(None, FeatureParams(style=False)) == []
    assert [each.kind for each in configured_prior("starter", FeatureParams(embedding=False))] == ["starter"]
    with pytest.raises(UserError, match=r"needs features\.style, which is off"):
        configured_prior("starter", FeatureParams(style=False))


def test_a_run_can_start_from_it(tmp_path):
    learners = {kind: {"enabled": False} for kind in ("xgboost", "sparse", "lightgbm")}
    params = small_params(tmp_path, stack={"prior": "starter"}, learners=learners)
    found, _ = small_run(params)
    assert found["learners"] == ["linear", "starter"] and len(found["stack"]["margin_weights"]) == 2
    assert found["swap_error"]["starter"] < 1e-9
    assert "starter" in [gap["against"] for gap in found["intervals"].values()]
    assert found["stack"]["temperature"] == 1.0
    judge = Judge.load(tmp_path / "run" / "judge")
    explained = judge.explain("Why?", "Because it is so.\n- It is.", "No.")
    assert sum(part.margin for part in explained.groups) == pytest.approx(explained.verdict.margin, abs=1e-9)


def test_where_votes_are_few_the_stack_leans_on_the_starter():
    rng = np.random.default_rng(0)
    said, outcome = rng.dirichlet([2, 2, 2], size=(300, 3)), rng.integers(0, 3, 300)
    few = Pool(shrink=1e6, prior=-1).fit(said, outcome, np.full(300, 1e-4))
    few.tie_offset_ = 0.0
    np.testing.assert_allclose(few.predict_proba(said), said[:, 2], atol=1e-3)
    fit, folds = Fit(outcome, np.ones(300), np.arange(300), 0), np.arange(300) % 4
    plain, leaning = (fit_stack(StackParams(shrink=1e6, prior=prior), said, fit, folds) for prior in (None, "starter"))
    np.testing.assert_allclose(plain.margin_weights_, 1 / 3, atol=1e-3)
    own = 300 / (300 + ALIKE)
    for weights in (leaning.tie_weights_, leaning.margin_weights_):
        np.testing.assert_allclose(weights, [own / 3, own / 3, own / 3 + 1 - own], atol=1e-3)


def test_a_prior_holds_the_weights_harder_and_brings_no_temperature_and_ties_stay_free(monkeypatch):
    rng = np.random.default_rng(1)
    said, outcome = rng.dirichlet([2, 2, 2], size=(400, 3)), np.where(rng.random(400) < 0.9, 2, 0)  # ties nearly always
    fit, folds = Fit(outcome, np.ones(400), np.arange(400), 0), np.arange(400) % 4
    free, held = (fit_stack(StackParams(prior=prior), said, fit, folds) for prior in (None, "starter"))
    assert free.temperature_ != 1.0 and held.temperature_ == 1.0
    assert held.tie_offset_ > 1  # who voted here ties far more often than any learner says
    few, votes = said[:60], outcome[:60]
    held, towards = (Pool(shrink=shrink, prior=-1).fit(few, votes, np.ones(60)) for shrink in (5.0, 1e9))
    monkeypatch.setattr("stacker.learners.stacking.pool.HOLD", 1.0)
    looser = Pool(prior=-1).fit(few, votes, np.ones(60))
    for weights in ("margin_weights_", "tie_weights_"):
        near, far = (np.abs(getattr(pool, weights) - getattr(towards, weights)).max() for pool in (held, looser))
        assert near < 0.9 * far
    alone = Pool(shrink=1e9, prior=-1).fit(said[:1], outcome[:1], np.full(1, 1e-6))
    np.testing.assert_allclose(alone.margin_weights_, [0, 0, 1], atol=1e-6)  # hardly a vote: the starter as it is


def test_the_gain_is_measured_on_other_prompts_and_drawn(tmp_path):
    group = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 5])
    rows, rest = _draw(group, 4, seed=1)
    assert len(rows) == 4 and not set(group[rows]) & set(group[rest])
    battles = sample_battles(260, 4).battles
    raw(battles, "x").to_csv(tmp_path / "votes.csv", index=False)
    found = measure(tmp_path / "votes.csv", sizes=(30,), draws=2)
    assert [gain.size for gain in found] == [30] and found[0].losses[WITH].shape == (2, 260)
    difference = found[0].losses[WITH] - found[0].losses[WITHOUT]
    learnt = np.isnan(difference)
    assert (learnt.sum(axis=1) >= 30).all() and (learnt[0] != learnt[1]).any()
    gain = found[0].interval(WITH, WITHOUT)
    assert gain["low"] < gain["mean"] < gain["high"]
    assert gain["mean"] == pytest.approx(np.mean([row[~np.isnan(row)].mean() for row in difference]))
    assert as_table(found).count("\n| 30 | ") == 1
    interval = {kind: found[0].interval(kind) for kind in (WITH, WITHOUT)}
    draw(tmp_path / "gain.svg", {30: interval, 300: interval})
    shapes = ElementTree.parse(tmp_path / "gain.svg").getroot()
    assert sum(element.tag.endswith("circle") for element in shapes.iter()) == 4
    with pytest.raises(UserError, match="has 260 battles"):
        measure(tmp_path / "votes.csv", sizes=(1000,), draws=1)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not KAGGLE.is_dir(), reason="the real battles are not beside the checkout")
def test_on_battles_it_never_saw_it_is_better_than_the_prior_and_calibrated():
    battles, _ = read_battles(KAGGLE / "train.csv", labelled=True)
    outcome = battles["outcome"].to_numpy()
    scores = metrics.scores(Judge.load().predict_proba(battles, threads=2), outcome)
    assert scores["log_loss"] < 1.055 and scores["accuracy"] > 0.45 and scores["ece"] < 0.04

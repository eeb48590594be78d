import json

import numpy as np
import pandas as pd
import pytest
from outside_files import oracle, write_predictions
from small_runs import small_params, small_run

from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.errors import UserError
from stacker.evaluate.results import STACK
from stacker.judge.judge import Judge
from stacker.learners.judges.outside import OutsideLearner, OutsideParams, open_outside
from stacker.learners.judges.outside_file import read_outside
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import TAKEN
from stacker.predict import main as predict
from stacker.training.cross_fitting import BASELINES
from stacker.training.estimator import PreferenceStacker
from stacker.training.params import parse_params

LINEAR = {"lightgbm": {"enabled": False}, "xgboost": {"enabled": False}, "sparse": {"enabled": False}}


@pytest.fixture(scope="module")
def battles():
    return sample_battles(120).battles


def data_of(battles, flip=False):
    turned = {"response_a": "response_b", "response_b": "response_a"}
    return LearnerData(battles.rename(columns=turned) if flip else battles, None, None)


def fitted(learner, battles):
    count = len(battles)
    return learner.fit(data_of(battles), Fit(battles["outcome"].to_numpy(), np.ones(count), np.arange(count), 0))


def opened(path, battles, **more):
    return open_outside(OutsideParams(name="llm", out_of_fold=path, **more), battles)


def test_predictions_are_found_by_id_swap_with_the_sides_and_survive_saving(tmp_path, battles):
    said = oracle(np.random.default_rng(0), battles["outcome"].to_numpy())
    order = np.random.default_rng(1).permutation(len(said))
    path = write_predictions(tmp_path / "p.csv", battles["id"].iloc[order], said[order])
    learner = fitted(opened(path, battles).learner(), battles)
    found = learner.predict_proba(data_of(battles))
    assert np.abs(found - said).max() < 1e-9
    assert (learner.predict_proba(data_of(battles, flip=True))[:, FLIP] == found).all()
    (tmp_path / "kept").mkdir()
    learner.save(tmp_path / "kept")
    assert (OutsideLearner.load(tmp_path / "kept").predict_proba(data_of(battles)) == found).all()


def test_logits_log_probabilities_and_percentages_are_told_apart(tmp_path, battles):
    said = oracle(np.random.default_rng(0), battles["outcome"].to_numpy())
    ids = battles["id"]
    logits = write_predictions(tmp_path / "l.csv", ids, np.log(said) + 3)
    logs = write_predictions(tmp_path / "logs.csv", ids, np.log(said))
    named = write_predictions(tmp_path / "n.csv", ids, np.log(said) + 3, ("logit_a", "logit_b", "logit_tie"))
    percents = write_predictions(
        tmp_path / "p.csv", ids, 100 * said, ("winner_model_a", "winner_model_b", "winner_tie")
    )
    for path, kind in ((logits, "logits"), (logs, "logits"), (named, "logits"), (percents, "probabilities")):
        found = read_outside(path)
        assert found.values == kind and np.abs(found.of(ids) - said).max() < 1e-9
    odd = said.copy()
    odd[3] = 0.2
    with pytest.raises(UserError, match="line 5: holds 0.2, 0.2, 0.2, which do not add up to 1"):
        read_outside(write_predictions(tmp_path / "odd.csv", ids, odd))
    assert read_outside(tmp_path / "odd.csv", "probabilities").unread == 1
    scores = pd.DataFrame({"id": ids, "score_a": 1, "score_b": 2})
    scores.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(UserError, match="holds scores, and a learner needs probabilities or logits"):
        read_outside(tmp_path / "s.csv")
    several = write_predictions(tmp_path / "several.csv", ids, said, judge=["x", "y"] * (len(said) // 2))
    with pytest.raises(UserError, match=r"holds verdicts of several judges \(x, y\); keep the rows of one of them\."):
        read_outside(several)


@pytest.mark.parametrize("cell", ["", "NaN", "N/A", "inf", "-inf", "1e999"])
def test_a_row_that_lacks_a_number_says_nothing_and_the_others_count(tmp_path, battles, cell):
    said = oracle(np.random.default_rng(0), battles["outcome"].to_numpy())
    for name, values in (("probabilities", said), ("logits", np.log(said) + 3)):
        path = write_predictions(tmp_path / f"{name}.csv", [f" {each} " for each in battles["id"]], values)
        lines = path.read_text().splitlines()
        lines[4] = f"{lines[4].split(',')[0]},{cell},0.4,0.2"
        path.write_text("\n".join(lines))
        found = opened(path, battles)
        assert (found.told["values"], found.told["unread"], found.told["missing"]) == (name, 1, 1)


def test_both_orders_are_averaged_and_an_id_that_comes_again_is_told(tmp_path, battles):
    ids, first = battles["id"], np.tile([0.7, 0.2, 0.1], (len(battles), 1))
    rows = np.concatenate([first, first])  # a judge that likes what it sees first, whatever it is
    path = write_predictions(tmp_path / "p.csv", [*ids, *ids], rows, swapped=[False] * len(ids) + [True] * len(ids))
    found = read_outside(path)
    assert np.allclose(found.of(ids), [0.45, 0.45, 0.1]) and found.repeated == 0
    again = write_predictions(tmp_path / "again.csv", [*ids, ids.iloc[0]], np.concatenate([first, [[0.3, 0.6, 0.1]]]))
    found = opened(again, battles)
    assert found.told["repeated"] == 1 and "1 ids come more than once and are averaged" in found.sentence()
    assert np.allclose(fitted(found.learner(), battles).predict_proba(data_of(battles))[0], [0.5, 0.4, 0.1], atol=0.02)


def test_a_file_of_two_classes_gets_its_ties_from_the_votes(tmp_path, battles):
    pair = np.tile([0.8, 0.2], (len(battles), 1))
    path = write_predictions(tmp_path / "p.csv", battles["id"], pair, ("p_a", "p_b"))
    found = fitted(opened(path, battles).learner(), battles).predict_proba(data_of(battles))
    share = (battles["outcome"] == 2).mean()
    assert abs(found[0, 2] - share) < 0.01 and np.allclose(found[:, 0] / found[:, 1], 4)
    assert np.allclose(found.sum(axis=1), 1)


def test_wrong_ids_too_few_rows_and_battles_without_ids_are_one_sentence(tmp_path, battles):
    said = oracle(np.random.default_rng(0), battles["outcome"].to_numpy())
    wrong = write_predictions(tmp_path / "w.csv", [f"x{row}" for row in range(len(said))], said)
    with pytest.raises(UserError, match="none of its 120 ids is that of a battle"):
        opened(wrong, battles)
    few = write_predictions(tmp_path / "f.csv", battles["id"].iloc[:30], said[:30])
    with pytest.raises(UserError, match=r"no prediction for 90 of 120 battles; .* above 0.75"):
        opened(few, battles)
    found = opened(few, battles, max_missing=0.8)
    assert found.told["missing"] == 90 and "30 of 120 battles have predictions" in found.sentence()
    outside = [{"name": "llm", "out_of_fold": str(few)}]
    model = PreferenceStacker(learners=["linear"], embedding=False, folds=2, settings={"learners.outside": outside})
    with pytest.raises(ValueError, match="these battles have no ids"):
        model.fit(battles[["prompt", "response_a", "response_b"]], battles["outcome"])


@pytest.mark.parametrize(
    ("learners", "said"),
    [
        ({"outside": [{"name": "Linear", "out_of_fold": "x.csv"}]}, "linear is the name of two learners"),
        ({"outside": [{"name": "stack", "out_of_fold": "x.csv"}]}, "stack is no name for a learner"),
        ({"judges": [{"name": "class prior", "model": "m"}]}, "class prior is no name for a learner"),
        (
            {"outside": [{"name": "llm", "out_of_fold": "x.csv"}], "judges": [{"name": "llm", "model": "m"}]},
            "llm is the name of two learners; give one of them another",
        ),
    ],
)
def test_names_that_two_have_are_refused_before_anything_is_asked(learners, said):
    with pytest.raises(UserError, match=f"learners: {said}"):
        parse_params({"learners": learners})
    off = {key: [{**each, "enabled": False} for each in entries] for key, entries in learners.items()}
    parse_params({"learners": off})
    assert {*BASELINES, STACK} == set(TAKEN)


def outside_params(folder, **entry):
    learners = {**LINEAR, "outside": [{"name": "llm", **entry}] if entry else []}
    features = dict.fromkeys(("style", "sentiment", "readability", "overlap", "turns"), False)
    report = {"enabled": bool(entry), "learning_curve": False}
    return small_params(folder, learners=learners, report=report, features=features)


@pytest.fixture(scope="module")
def run_with_some(tmp_path_factory):
    """Return a run of the linear learner and a file that lacks every third battle, and the same run without it."""
    folder = tmp_path_factory.mktemp("outside")
    battles = sample_battles(120).battles
    said = oracle(np.random.default_rng(0), battles["outcome"].to_numpy())
    has = np.arange(120) % 3 > 0
    path = write_predictions(folder / "oof.csv", battles["id"][has], said[has])
    test = sample_battles(15, part="test").battles
    test_path = write_predictions(folder / "test.csv", test["id"].iloc[:10], np.tile([0.9, 0.05, 0.05], (10, 1)))
    params = outside_params(folder / "with", out_of_fold=str(path), test=str(test_path))
    found, shown = small_run(params)
    small_run(outside_params(folder / "without"))
    return folder, found, shown, battles, has


def test_battles_without_a_prediction_have_bitwise_the_verdicts_of_a_run_without_it(run_with_some):
    folder, found, shown, battles, has = run_with_some
    tables = [pd.read_parquet(folder / name / "run" / "out_of_fold.parquet") for name in ("with", "without")]
    columns = [f"stack: winner_{which}" for which in ("model_a", "model_b", "tie")]
    stacks = [table[columns].to_numpy() for table in tables]
    assert tables[0]["id"].tolist() == battles["id"].tolist()
    assert (stacks[0][~has] == stacks[1][~has]).all() and (stacks[0][has] != stacks[1][has]).any()
    judges = [Judge.load(folder / name / "run" / "judge") for name in ("with", "without")]
    judges[0].members[1].learner.goes_without = True
    new = sample_battles(8, seed=5).battles
    assert (judges[0].predict_proba(new) == judges[1].predict_proba(new)).all()
    battle = new[["prompt", "response_a", "response_b"]].iloc[0]
    parts = judges[0].explain(*battle).groups
    assert [part.margin for part in parts] == [part.margin for part in judges[1].explain(*battle).groups]
    known = battles[["prompt", "response_a", "response_b"]].iloc[1]
    assert "outside predictions" in [part.group for part in judges[0].explain(*known).groups]


def test_a_run_tells_scores_and_ablates_it_and_uses_its_test_file(run_with_some):
    folder, found, shown, battles, has = run_with_some
    assert "llm: 80 of 120 battles have predictions from outside (probabilities)" in shown
    assert "llm: 5 of 15 battles to predict have no prediction from outside" in shown
    assert found["learners"] == ["linear", "llm"] and found["scores"]["llm"]["log_loss"] < 1.1
    assert found["outside"][0]["missing"] == 40
    assert {each["name"] for each in found["report"]["ablation"]["learners"]} == {"linear", "llm"}
    both, alone = (pd.read_csv(folder / name / "run" / "submission.csv") for name in ("with", "without"))
    assert (both.iloc[10:] == alone.iloc[10:]).all(axis=None) and (both.iloc[:10]["winner_model_a"] > 0.5).all()
    assert json.loads((folder / "with/run/judge/judge.json").read_text())["pool"]["fallbacks"][0]["silent"] == [1]


def test_a_judge_without_its_file_says_so_and_predicts_with_it_or_without(run_with_some, tmp_path, capsys):
    folder = run_with_some[0]
    new = sample_battles(6, seed=5).battles
    new.assign(**{name: [json.dumps(t) for t in new[name]] for name in ("prompt", "response_a", "response_b")})[
        ["id", "prompt", "response_a", "response_b"]
    ].to_csv(tmp_path / "new.csv", index=False)
    said = np.tile([0.9, 0.05, 0.05], (6, 1))
    file = write_predictions(tmp_path / "p.csv", new["id"], said)
    call = [str(folder / "with/run/judge"), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]
    with pytest.raises(SystemExit) as ended:
        predict(call)
    told = capsys.readouterr().err
    assert ended.value.code == 2 and told.count("\n") == 1 and "--outside llm=FILE" in told
    predict([*call, "--without", "llm"])
    alone = pd.read_csv(tmp_path / "out.csv")
    predict([*call, "--outside", f"llm={file}"])
    assert (pd.read_csv(tmp_path / "out.csv")["winner_model_a"] > alone["winner_model_a"]).all()
    capsys.readouterr()
    few = write_predictions(tmp_path / "few.csv", new["id"].iloc[1:4], said[1:4])
    predict([*call, "--outside", f"llm={few}", "--rows-at-once", "2"])
    assert "llm: 3 of 6 battles to predict have no prediction from outside" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        predict([*call, "--without", "other"])
    assert "those that it can go without are llm" in capsys.readouterr().err

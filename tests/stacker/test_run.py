import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_runs import small_params, small_run

from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.battles.sources import DataParams
from pipelines.errors import UserError
from stacker import run as run_module
from stacker.judge.judge import Judge
from stacker.judge.provenance import read_provenance
from stacker.learners.learner_registry import SWITCHED
from stacker.training.params import dump_params, read_params
from stacker.training.run_folder import RunFolder

NAMES = list(SWITCHED)
OUTCOMES = ["winner_model_a", "winner_model_b", "winner_tie"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run with the built-in encoder: its parameters, results and screen."""
    folder = tmp_path_factory.mktemp("done")
    params = small_params(folder, features={"embedding": True}, data={"sample": {"rows": 60, "test_rows": 9}})
    return params, *small_run(params)


def test_a_run_writes_all_that_it_names(done):
    params, _, shown = done
    folder = RunFolder(params.run.folder)
    for path in (folder.judge, folder.submission, folder.results):
        assert path.exists()
        assert str(path) in shown
    assert not folder.set_aside.exists()
    assert read_params(folder.params) == params
    folds = pd.read_parquet(folder.folds)
    assert sorted(folds["fold"].unique()) == [0, 1, 2]
    assert not [path for path in folder.path.rglob("*") if path.suffix in (".part", ".old", ".pkl", ".joblib")]


def test_the_judge_draws_verdicts_back_in_scripts_that_the_votes_do_not_have(done):
    caution = Judge.load(RunFolder(done[0].run.folder).judge).caution
    assert caution is not None and caution.known == (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_the_judge_says_that_it_was_trained_on_made_up_battles(done):
    found = read_provenance(RunFolder(done[0].run.folder).judge)
    assert (found.kind, found.battles, found.sources) == ("built-in", 60, {"built-in": 60})
    assert date.today() - date.fromisoformat(found.date) <= timedelta(days=1)


def test_results_score_everything_alike(done):
    params, found, shown = done
    stands = json.loads(RunFolder(params.run.folder).results.read_text(encoding="utf-8"))
    assert stands == found
    names = [*NAMES, "stack", "uniform", "class prior", "length only"]
    assert list(found["scores"]) == names
    wanted = {"log_loss", "accuracy", "balanced_accuracy", "macro_f1", "bradley_terry_loss", "win_rate", "kendall_tau"}
    wanted |= {"brier", "ece", "log_loss_a", "log_loss_b", "log_loss_tie"}
    for name in names:
        assert wanted <= set(found["scores"][name])
        assert f"  {name} " in shown
    assert found["scores"]["uniform"]["log_loss"] == pytest.approx(np.log(3))
    assert set(found["intervals"]) == {"length only", "best learner"}
    assert found["encoder"]["used_fallback"] is True
    assert found["encoder"]["wanted"] == "distilbert-base-uncased"
    assert "DISTILBERT-BASE-UNCASED IS NOT ON THIS DISK" in shown.upper()
    assert {"python", "torch", "lightgbm", "xgboost-cpu"} <= set(found["versions"])
    assert max(found["swap_error"].values()) < 1e-9


def test_out_of_fold_table_agrees_with_the_scores(done):
    params, found, _ = done
    table = pd.read_parquet(RunFolder(params.run.folder).out_of_fold)
    for name in [*NAMES, "stack"]:
        p = table[[f"{name}: {outcome}" for outcome in OUTCOMES]].to_numpy()
        loss = -np.log(p[np.arange(len(p)), table["outcome"]]).mean()
        assert loss == pytest.approx(found["scores"][name]["log_loss"])


def test_the_judge_gives_the_same_in_another_process(done):
    params, _, _ = done
    folder = RunFolder(params.run.folder)
    code = (
        "import sys, json\nfrom stacker import Judge\nfrom pipelines.battles.built_in import sample_battles\n"
        "test = sample_battles(9, 0, part='test').unlabelled()\n"
        "print(json.dumps(Judge.load(sys.argv[1]).predict_proba(test).tolist()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(folder.judge)], capture_output=True, text=True, check=True
    ).stdout
    submission = pd.read_csv(folder.submission)
    np.testing.assert_allclose(np.array(json.loads(said)), submission[OUTCOMES].to_numpy(), atol=1e-6)
    np.testing.assert_allclose(submission[OUTCOMES].sum(axis=1), 1.0, atol=1e-9)
    assert submission["id"].tolist() == sample_battles(9, 0, part="test").battles["id"].tolist()


def test_the_judge_swaps_with_the_sides_and_does_not_mind_company(done):
    params, _, _ = done
    judge = Judge.load(RunFolder(params.run.folder).judge)
    battles = sample_battles(12, 3).battles
    straight = judge.predict_proba(battles)
    names = {"response_a": "response_b", "response_b": "response_a"}
    np.testing.assert_allclose(judge.predict_proba(battles.rename(columns=names))[:, FLIP], straight, atol=1e-9)
    order = np.random.default_rng(0).permutation(12)
    np.testing.assert_allclose(judge.predict_proba(battles.iloc[order]), straight[order], atol=1e-5)
    for row in (0, 11):
        np.testing.assert_allclose(judge.predict_proba(battles.iloc[[row]])[0], straight[row], atol=1e-5)


def without_times(found):
    return {key: value for key, value in found.items() if key != "seconds"}


@pytest.mark.slow
def test_same_file_and_seed_give_the_same_numbers_and_another_seed_others(tmp_path):
    first, _ = small_run(small_params(tmp_path / "a"))
    again, _ = small_run(small_params(tmp_path / "b"))
    assert without_times(first) == without_times(again)
    other, _ = small_run(small_params(tmp_path / "c", run={"seed": 1}))
    assert other["folds"]["sha256"] != first["folds"]["sha256"]


def test_a_second_run_fits_nothing_and_computes_no_feature(tmp_path, monkeypatch):
    params = small_params(tmp_path)
    first, _ = small_run(params)

    def forbidden(*_, **__):
        raise AssertionError("was done before")

    monkeypatch.setattr("features.parallel._chunk", forbidden)
    for kind in ("trees.boosting.Boosting", "linear.linear.LinearLearner", "linear.sparse.SparseLearner"):
        monkeypatch.setattr(f"stacker.learners.{kind}.fit", forbidden)
    again, _ = small_run(params)
    assert without_times(first) == without_times(again)


def written_csv(battles, path):
    table = pd.DataFrame({"id": battles["id"], "model_a": battles["model_a"], "model_b": battles["model_b"]})
    for column in ("prompt", "response_a", "response_b"):
        table[column] = [json.dumps(list(turns)) for turns in battles[column]]
    for place, outcome in enumerate(OUTCOMES):
        table[outcome] = (battles["outcome"] == place).astype(int)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


@pytest.mark.slow
def test_the_order_of_the_files_rows_makes_no_difference(tmp_path):
    battles = sample_battles(90, 5).battles
    tables = {}
    for name, rows in (("straight", np.arange(90)), ("shuffled", np.random.default_rng(1).permutation(90))):
        folder = tmp_path / name
        written_csv(battles.iloc[rows], folder / "kaggle" / "train.csv")
        params = small_params(folder, data={"dir": str(folder / "kaggle")})
        found, shown = small_run(params)
        assert "Submission" not in shown
        table = pd.read_parquet(RunFolder(params.run.folder).out_of_fold)
        assert table["id"].tolist() == battles["id"].iloc[rows].tolist()
        tables[name] = table.set_index("id").sort_index(), found["scores"]
    pd.testing.assert_frame_equal(tables["straight"][0], tables["shuffled"][0])
    assert tables["straight"][1] == tables["shuffled"][1]


def test_a_run_that_breaks_off_or_is_refused_leaves_the_run_before(tmp_path, monkeypatch):
    params = small_params(tmp_path)
    small_run(params)
    folder = RunFolder(params.run.folder)

    def snapshot():
        return {path: path.is_file() and path.read_bytes() for path in folder.path.rglob("*")}

    before = snapshot()
    assert folder.results in before and folder.judge / "judge.json" in before
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "swap_error", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            small_run(params)
    assert snapshot() == before
    with pytest.raises(UserError, match="there is no such file"):
        small_run(params.model_copy(update={"data": DataParams(sources=({"path": "tpyo.csv"},))}))
    assert snapshot() == before
    small_run(small_params(tmp_path, data={"sample": {"rows": 120, "test_rows": 0}}))
    assert not folder.submission.exists(), "of the run before"


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    params = small_params(tmp_path)
    with RunFolder(params.run.folder).writing(), pytest.raises(UserError, match="another command is writing it"):
        small_run(params)


def test_too_few_battles_or_one_prompt_alone_is_said(tmp_path):
    battles = sample_battles(30, 0).battles
    written_csv(battles.head(8), tmp_path / "few" / "train.csv")
    with pytest.raises(UserError, match="has 8 battles with a vote, a run needs 20"):
        small_run(small_params(tmp_path, data={"dir": str(tmp_path / "few")}))
    battles["prompt"] = [("the same",)] * 30
    written_csv(battles, tmp_path / "one" / "train.csv")
    with pytest.raises(UserError, match="every battle has the same prompt"):
        small_run(small_params(tmp_path, data={"dir": str(tmp_path / "one")}))


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "stacker.run", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_command_ends_well_or_says_one_sentence(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(dump_params(small_params(tmp_path)), encoding="utf-8")
    ended = command(path, "--set", "data.sample.rows=60")
    assert ended.returncode == 0, ended.stderr
    assert "stack" in ended.stdout
    assert ended.stderr == ""
    ended = command(path, "--set", "data.dir=nowhere")
    assert ended.returncode == 2
    assert ended.stderr == ("data.dir nowhere: there is no such folder; name the one with Kaggle's train.csv.\n")


def test_the_help_names_every_key(capsys):
    with pytest.raises(SystemExit) as ended:
        run_module.main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    keys = ("data.dir", "folds.count", "learners.lightgbm.num_leaves", "transformer.models", "stack.form", "run.seed")
    for key in keys:
        assert key in shown


REFERENCE = Path(__file__).parent / "reference_run.json"


def test_the_numbers_have_not_drifted(tmp_path):
    """The stored scores of a small run; another version of a library may move them a little, a mistake more."""
    found, _ = small_run(small_params(tmp_path, data={"sample": {"rows": 400, "test_rows": 0}}))
    stands = json.loads(REFERENCE.read_text(encoding="utf-8"))
    assert set(stands) == {*NAMES, "stack", "length only"}
    for name, loss in stands.items():
        assert found["scores"][name]["log_loss"] == pytest.approx(loss, abs=0.01), name

"""Checks of a judge that is trained: fitted fold by fold to made battles, priced on real votes, and kept on disk."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_runs import small_params, small_run

from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.battles.folds import prompt_groups
from pipelines.terminal.command_line import silent
from stacker import Judge
from stacker.judge.verdict_control import with_checks
from stacker.learners.judges.starter_prior import judge_hash
from stacker.training.counterfactuals import Counterfactuals, price
from stacker.training.params import parse_params
from stacker.training.run_folder import RunFolder
from stacker.training.train import train

ONE = {kind: {"enabled": False} for kind in ("lightgbm", "xgboost", "sparse")}
MADE = {
    "enabled": True,
    "fewest": 100,
    "answers": 30,
    "families": ["repeated", "other", "emptied"],
    "held_out": ["plea"],
    "rounds": 20,
    "style": False,
    "submission": False,
    "shown": 5,
}
ROWS = 105


def params_in(folder: Path, **more):
    return small_params(
        folder,
        data={"sample": {"rows": ROWS, "test_rows": 5}},
        learners=ONE,
        training={"counterfactuals": {**MADE, **more}},
        report={"enabled": True, "ablation": False, "learning_curve": False, "listed": 2},
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished run with checks, what results.json holds, and what the screen showed."""
    folder = tmp_path_factory.mktemp("checked")
    params = params_in(folder)
    _, shown = small_run(params)
    where = RunFolder(params.run.folder)
    return where, json.loads(where.results.read_text(encoding="utf-8")), shown


@pytest.fixture(scope="module")
def judge(done):
    return Judge.load(done[0].judge)


def changed(battles: pd.DataFrame, change) -> pd.DataFrame:
    """Return each answer A against what is made of it."""
    answers = battles["response_a"]
    return pd.DataFrame(
        {"prompt": battles["prompt"], "response_a": answers, "response_b": [(change(each[-1]),) for each in answers]}
    )


@pytest.fixture(scope="module")
def asked():
    battles = sample_battles(40, 8).battles
    return battles[[len(turns) == 1 for turns in battles["response_a"]]].head(20).reset_index(drop=True)


@pytest.mark.parametrize("change", [lambda text: f"{text}\n\n{text}", lambda text: f"{text} {text} {text}"])
def test_an_answer_written_again_won_before_the_checks_and_loses_with_them(judge, asked, change):
    battles = changed(asked, change)
    before, after = with_checks(judge, None).predict_proba(battles), judge.predict_proba(battles)
    assert (before[:, 1] > before[:, 0]).mean() > 0.9
    assert (after[:, 1] > after[:, 0]).mean() < 0.1


def test_the_same_answer_twice_is_a_tie(judge, asked):
    assert judge.predict_proba(changed(asked, lambda text: text))[:, 2].min() >= 0.9


def test_swapping_the_sides_swaps_the_verdict(judge, asked):
    swapped = asked.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    np.testing.assert_array_equal(judge.predict_proba(asked), judge.predict_proba(swapped)[:, FLIP])


def test_the_price_on_real_votes_is_in_the_results_on_the_screen_and_in_the_report(done):
    where, found, shown = done
    cost = found["checks"]["price"]
    assert cost["battles"] == ROWS and cost["before"] == pytest.approx(found["scores"]["stack"]["log_loss"])
    assert cost["difference"] == pytest.approx(cost["after"] - cost["before"])
    assert cost["low"] < cost["difference"] < cost["high"]
    assert f"Checks of answers: log loss {cost['difference']:+.4f}" in shown
    page = where.report.read_text(encoding="utf-8")
    assert "Tricks, and what checks of answers cost" in page and "a text that asks for the vote (held out)" in page
    assert json.loads((where.judge / "judge.json").read_text(encoding="utf-8"))["about"]["checks"] == found["checks"]


def test_each_trick_is_told_with_its_interval_and_a_held_out_one_is_marked(done):
    _, found, _ = done
    tricks = {row["family"]: row for row in found["tricks"]}
    assert set(tricks) == {*MADE["families"], "plea"} and "plea" not in found["checks"]["families"]
    assert [name for name, row in tricks.items() if row["held_out"]] == ["plea"]
    for row in tricks.values():
        assert row["battles"] <= MADE["shown"] and row["even"] is None
        assert all(row[key]["low"] <= row[key]["share"] <= row[key]["high"] for key in ("before", "checked"))
    assert tricks["repeated"]["checked"]["share"] < tricks["repeated"]["before"]["share"]


def test_the_submission_is_of_votes_alone_where_that_is_asked(done, judge):
    written = pd.read_csv(done[0].submission).iloc[:, 1:].to_numpy()
    asked = sample_battles(5, 0, part="test").battles
    np.testing.assert_allclose(written, with_checks(judge, None).predict_proba(asked), atol=1e-9)


def test_nothing_of_a_fold_teaches_the_checks_that_are_asked_about_it(done):
    trained = train(sample_battles(ROWS).battles, params_in(done[0].path.parent))
    fitted = trained.counterfactuals
    assert isinstance(fitted, Counterfactuals)
    made, folds = fitted.data.made, trained.prepared.folds
    real = {fold: set() for fold in np.unique(folds).tolist()}
    for side in ("response_a", "response_b"):
        for fold, turns in zip(folds.tolist(), trained.prepared.battles[side], strict=True):
            real[fold].add("\n\n".join(turns).strip())
    others = {text for text in set.union(*real.values()) if sum(text in texts for texts in real.values()) == 1}
    for fold, text, family in zip(fitted.fold.tolist(), made["response_b"].str[0], made["family"], strict=True):
        if family == "other" and text.strip() in others:
            assert text.strip() in real[fold]
    group = prompt_groups(trained.prepared.battles["prompt"])
    fold_of = dict(zip(group.tolist(), folds.tolist(), strict=True))
    assert [fold_of[each] for each in made["group"].tolist()] == fitted.fold.tolist()


def test_a_run_that_was_killed_and_resumed_gives_the_same_judge(done, tmp_path):
    battles = sample_battles(ROWS).battles

    def saved(name, progress=silent):
        if not (tmp_path / name).exists():  # the features are known, the fits are not
            shutil.copytree(done[0].path.parent / "cache" / "blocks", tmp_path / name / "cache" / "blocks")
        trained = train(battles, params_in(tmp_path / name), progress=progress)
        trained.judge.save(tmp_path / f"judge-{name}")
        return judge_hash(tmp_path / f"judge-{name}")

    def killed(stage, done, total):
        if stage == "checks: all battles" and done == 1:
            raise KeyboardInterrupt

    whole = saved("whole")
    with pytest.raises(KeyboardInterrupt):
        saved("part", killed)
    assert saved("part") == whole


def test_too_few_battles_say_so_and_the_starter_judge_lends_its_checks_where_it_is_the_prior(tmp_path):
    battles = sample_battles(40, 2).battles
    said: list[str] = []
    params = params_in(tmp_path)
    assert train(battles, params, note=said.append).judge.checks is None
    assert [line for line in said if line.startswith("Checks")] == [
        "Checks of answers: 40 battles are too few to fit them (100 are needed), so that this judge has none; "
        "tricks such as padding may win."
    ]
    with_prior = parse_params({**params.model_dump(mode="json"), "stack": {"prior": "starter"}})
    lent = train(battles, with_prior, note=said.append).judge
    assert lent.checks is not None and lent.even_style is not None and "starter judge are taken" in said[-1]


def test_the_price_is_the_growth_of_the_loss():
    before, after = np.array([[0.5, 0.3, 0.2]] * 2), np.array([[0.25, 0.5, 0.25]] * 2)
    found = price(before, after, np.array([0, 0]), np.array([0, 1]))
    assert found["difference"] == pytest.approx(np.log(2))
    assert found["battles"] == 2 and found["after"] == pytest.approx(np.log(4))

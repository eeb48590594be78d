"""Studies in one process: the space, what is proposed, what is refused, and what a study ends in."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from study_double import GRID, SPACE, Cheap, study_log, value

from pipelines.errors import UserError
from pipelines.terminal.command_line import Screen
from stacker.study.nested import compare, outer_folds
from stacker.study.objective import CrossFitted, shown, widest
from stacker.study.space import key_of, read_space, todays_point
from stacker.study.storage import open_storage
from stacker.study.study_log import DEAD, WHY, work
from stacker.training.cross_fitting import FitStore
from stacker.training.data_set import prepare, read_data
from stacker.training.params import parse_params, read_params

SMALL = {
    "data": {"sample": {"rows": 120, "test_rows": 10}},
    "features": {"embedding": False, "sentiment": False, "readability": False, "overlap": False},
    "transformer": {"enabled": False},
    "learners": {
        "lightgbm": {"enabled": False},
        "xgboost": {"enabled": False},
        "sparse": {"enabled": False},
        "linear": {"components": 0, "C": [0.01]},
    },
    "folds": {"count": 3},
}
SMALL_SPACE = {
    "learners.linear.C": [[0.01], [0.1]],
    "stack.shrink": {"low": 1.0, "high": 100.0, "log": True},
    "features.style": [True, False],
}


@pytest.fixture(autouse=True)
def closed_logs(monkeypatch):
    """Close what a test opened: a connection left open is a warning, and warnings are errors."""
    import study_double

    opened = []
    real = study_double.study_log

    def tracked(*args, **kwargs):
        found = real(*args, **kwargs)
        opened.append(found)
        return found

    monkeypatch.setitem(globals(), "study_log", tracked)
    yield
    for each in opened:
        each.close()


def points(opened):
    return [key_of(trial.params) for trial in opened.finished()]


def run(opened, seconds=0.0):
    objective = Cheap(seconds)
    work(opened, objective, lambda: False)
    return objective


BAD_SPACES = [
    (
        {"learners.lightgbm.num_leafs": {"low": 1, "high": 2}},
        ["leafs is no parameter", "did you mean learners.lightgbm.num_leaves?"],
    ),
    ({"learners.lightgbm.num_leaves": {"low": 24, "high": 4}}, ["from 24 to 4", "upside down"]),
    ({"learners.lightgbm.num_leaves": {"low": 4.5, "high": 9}}, ["whole numbers"]),
    ({"learners.lightgbm.num_leaves": {"lo": 4, "high": 9}}, ["leaves is {'lo': 4", "low: field required"]),
    ({"learners.lightgbm.num_leaves": 4}, ["is 4", "{low: 1, high: 9}"]),
    ({"learners.lightgbm.num_leaves": []}, ["no choices"]),
    ({"features.style": [True, True]}, ["twice"]),
    ({"features.style": ["perhaps"]}, ["features.style may not be 'perhaps'"]),
    ({"balance.gamma": {"low": -1.0, "high": 2.0}}, ["balance.gamma may not be -1.0", "greater than or equal to 0"]),
    ({"learners.lightgbm.l2": {"low": 0.0, "high": 2.0, "log": True}}, ["begins at 0", "above 0"]),
    ({"learners.lightgbm.l2": {"low": 0.1, "high": 2.0, "log": True, "step": 0.1}}, ["both log and step"]),
    ({"learners.lightgbm.l2": {"low": 0.1, "high": 2.0, "step": 0.0}}, ["the step 0.0"]),
    ({"learners.lightgbm.l2": {"low": 0.1, "high": 2.0, "step": 1e-30}}, ["the step 1e-30", "too many"]),
    ({"folds.count": [3, 5]}, ["folds.count decides what is scored"]),
    ({"study.trials": [3, 5]}, ["study.trials decides what is scored"]),
    ({}, ["names nothing to tune"]),
]


@pytest.mark.parametrize(("space", "said"), BAD_SPACES)
def test_a_mistake_in_the_space_is_one_sentence(space, said):
    params = parse_params({})
    with pytest.raises(UserError) as fault:
        read_space(params, space, False)
    assert "\n" not in str(fault.value)
    for part in said:
        assert part in str(fault.value)


def test_a_grid_must_be_countable_and_not_endless():
    params = parse_params({})
    with pytest.raises(UserError, match="l2 has no step, so a grid cannot count it"):
        read_space(params, {"learners.lightgbm.l2": {"low": 0.1, "high": 2.0}}, True)
    endless = {f"learners.{trees}.n_estimators": {"low": 1, "high": 5000} for trees in ("lightgbm", "xgboost")}
    with pytest.raises(UserError, match="25,000,000 points"):
        read_space(params, endless, True)


def test_a_space_in_sections_is_that_of_dotted_names():
    dotted = read_space(parse_params({}), SPACE, False)
    nested = read_space(
        parse_params({}),
        {
            "learners": {
                "lightgbm": {
                    "learning_rate": {"low": 0.01, "high": 0.1, "log": True},
                    "num_leaves": {"low": 4, "high": 24},
                }
            },
            "features": {"sentiment": [True, False]},
        },
        False,
    )
    assert dotted.distributions == nested.distributions


def test_a_point_becomes_parameters_and_the_default_is_one_of_them():
    space = read_space(parse_params({}), {**SPACE, "learners.sparse.word_ngrams": [[1, 2], [1, 3]]}, False)
    default = space.default()
    assert space.params(default) == space.base
    point = {**default, "learners.lightgbm.num_leaves": 5, "learners.sparse.word_ngrams": "[1, 3]"}
    params = space.params(point)
    assert (params.learners.lightgbm.num_leaves, params.learners.sparse.word_ngrams) == (5, (1, 3))
    earlier = {"learners.lightgbm.leaves" if "leaves" in name else name: value for name, value in point.items()}
    assert earlier != point and todays_point(earlier) == point and space.params(earlier) == params
    outside = read_space(parse_params({}), {"learners.lightgbm.num_leaves": {"low": 100, "high": 200}}, False)
    assert outside.default() is None


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_one_seed_repeats_however_often_the_study_is_stopped(sampler, tmp_path):
    trials = 13
    whole = study_log(tmp_path / "whole", sampler=sampler, trials=trials)
    run(whole)
    parts = study_log(tmp_path / "parts", sampler=sampler, trials=trials)
    for stop in (4, 11):
        done = len(parts.finished())
        steps = iter(range(stop - done))
        work(parts, Cheap(), lambda steps=steps: next(steps, None) is None)
        parts = study_log(tmp_path / "parts", sampler=sampler, trials=trials)
    run(parts)
    assert points(whole) == points(parts)
    assert len(set(points(whole))) == trials
    assert whole.best().params == parts.best().params
    assert whole.space.params(whole.finished()[0].params) == whole.space.base  # the default is the first
    other = study_log(tmp_path / "other", sampler=sampler, trials=3, seed=5)
    run(other)
    assert points(other)[1:] != points(whole)[1:3]


def test_a_grid_visits_each_point_once_and_ends(tmp_path):
    opened = study_log(tmp_path, space=GRID, sampler="grid", trials=100)
    objective = run(opened)
    assert len(points(opened)) == len(set(points(opened))) == 12
    assert len(objective.asked) == 12
    assert not opened.unfinished()
    assert opened.best().value == min(value(opened.space.params(each)) for each in opened.space.points())


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_no_point_twice_even_where_few_are_left(sampler, tmp_path):
    opened = study_log(tmp_path, space=GRID, sampler=sampler, trials=100)
    run(opened)
    assert len(points(opened)) == len(set(points(opened))) == 12


def test_trials_count_those_of_earlier_commands(tmp_path):
    run(study_log(tmp_path, trials=3))
    assert len(run(study_log(tmp_path, trials=5)).asked) == 2
    assert run(study_log(tmp_path, trials=5)).asked == []


def test_bad_trials_are_pruned_after_a_fold(tmp_path):
    opened = study_log(tmp_path, pruner="median", trials=40)
    run(opened)
    pruned = [trial for trial in opened.finished() if trial.state == TrialState.PRUNED]
    assert pruned
    assert {len(trial.intermediate_values) for trial in pruned} <= {1, 2}
    assert opened.best().state == TrialState.COMPLETE


def test_several_objectives_give_a_front(tmp_path):
    opened = study_log(tmp_path, objectives=("log_loss", "accuracy"), pruner="median", trials=12)
    run(opened)
    assert [direction.name for direction in opened.study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert all(trial.state == TrialState.COMPLETE for trial in opened.finished())
    assert opened.best().number in {trial.number for trial in opened.study.best_trials}


def test_what_cannot_be_fitted_is_written_down_and_five_in_a_row_end_it(tmp_path):
    class Refusing(Cheap):
        def evaluate(self, params, report):
            raise UserError("stack.shrink: too much.")

    opened = study_log(tmp_path, trials=20)
    with pytest.raises(UserError, match="5 trials in a row came to nothing; stack.shrink: too much"):
        work(opened, Refusing(), lambda: False)
    failed = opened.study.get_trials(states=(TrialState.FAIL,))
    assert len({key_of(trial.params) for trial in failed}) == 5
    assert failed[0].user_attrs[WHY] == "stack.shrink: too much."


def test_ctrl_c_loses_the_running_trial_alone(tmp_path):
    class Interrupted(Cheap):
        def evaluate(self, params, report):
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super().evaluate(params, report)

    opened = study_log(tmp_path, trials=4)
    with pytest.raises(KeyboardInterrupt):
        work(opened, Interrupted(), lambda: False)
    assert len(opened.finished()) == 2
    run(opened)
    whole = study_log(tmp_path / "whole", trials=4)
    run(whole)
    assert points(opened) == points(whole)


def test_a_trial_whose_worker_is_dead_is_failed_and_its_point_comes_again(tmp_path):
    opened = study_log(tmp_path, trials=3)
    lost = opened.ask()
    opened.study.set_user_attr("untouched", True)
    opened.storage.set_trial_user_attr(lost._trial_id, "worker", "0" * 32)
    run(opened)
    trials = opened.study.get_trials()
    assert trials[0].state == TrialState.FAIL
    assert trials[0].user_attrs[WHY] == DEAD
    assert key_of(trials[0].params) == key_of(trials[1].params)
    assert len(opened.finished()) == 3


CHANGES = [
    ({"space": {**SPACE, "learners.lightgbm.num_leaves": {"low": 4, "high": 30}}}, "learners.lightgbm.num_leaves"),
    ({"space": {**SPACE, "balance.gamma": {"low": 0.5, "high": 2.0}}}, "balance.gamma"),
    ({"about": "other battles"}, "the battles or their folds changed"),
    ({"code": "other"}, "the program or a library that it uses changed"),
    ({"seed": 3}, "run.seed was 0, is 3"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_a_study_that_changed_is_refused_with_the_way_out(change, said, tmp_path):
    run(study_log(tmp_path, trials=2))
    with pytest.raises(UserError) as fault:
        study_log(tmp_path, trials=4, **change)
    for part in (said, "give study.name another name", "--continue-anyway"):
        assert part in str(fault.value)
    assert len(run(study_log(tmp_path, trials=4, continue_anyway=True, **change)).asked) == 2
    assert len(run(study_log(tmp_path, trials=5, **change)).asked) == 1  # it is the study's own from now on


def test_other_choices_and_other_objectives_need_another_study(tmp_path):
    run(study_log(tmp_path, trials=2))
    space = {**SPACE, "features.sentiment": [True]}
    with pytest.raises(UserError, match="features.sentiment has other choices"):
        study_log(tmp_path, space=space, continue_anyway=True)
    with pytest.raises(UserError, match="begun with other objectives"):
        study_log(tmp_path, objectives=("accuracy",), continue_anyway=True)


def test_a_study_of_another_project_is_refused(tmp_path):
    storage, lock = open_storage(None, tmp_path, "study")
    foreign = optuna.create_study(storage=storage, study_name="study")
    foreign.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    lock.close()
    with pytest.raises(UserError, match="none of this project's; give study.name another name"):
        study_log(tmp_path)


ADDRESSES = [
    ("postgresql://me:secret@127.0.0.1:9/none", ["127.0.0.1", "cannot be used"]),
    ("mysql://me:secret@host/db", ["cannot be a mysql", "sqlite or postgresql"]),
    ("sqlite://", ["must be a file, as memory forgets"]),
    ("sqlite:////nowhere/at/all/study.sqlite", ["/nowhere/at/all"]),
    ("no address", ["is no database address"]),
    ("postgresql://me:secret@host:port/db", ["is no database address"]),
    ("sqlite+aiosqlite:///study.sqlite", ["names the driver aiosqlite"]),
    ("sqlite:///study.sqlite?timeout=x", ["without host and options"]),
]


@pytest.mark.parametrize(("address", "said"), ADDRESSES)
def test_a_storage_that_cannot_be_used_is_one_sentence_without_a_password(address, said, tmp_path):
    if "nowhere" in address:
        (tmp_path / "file").write_text("")
        address = f"sqlite:///{tmp_path}/file/study.sqlite"
        said = [f"{tmp_path}/file"]
    with pytest.raises(UserError) as fault:
        study_log(tmp_path, storage=address)
    sentence = str(fault.value)
    assert "\n" not in sentence
    assert "secret" not in sentence
    assert sentence.startswith("study.storage")
    for part in said:
        assert part in sentence


def test_a_journal_that_is_none(tmp_path):
    (tmp_path / "study.journal").write_text("a diary\nof mine\n")
    with pytest.raises(UserError, match=r"study\.journal: is no journal of a study"):
        study_log(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return parse_params({**SMALL, "run": {"cache": str(folder), "threads": 1}})


def prepared(params, tmp_path):
    return prepare(params, read_data(params, tmp_path / "aside", Screen()).train)


def whole_of(params, tmp_path, wide=None, target="stack"):
    return CrossFitted(lambda wanted: prepared(wanted, tmp_path), wide or params.features, target)


def test_blocks_switched_off_by_a_trial_are_as_if_they_had_never_been_computed(small, tmp_path):
    wide = widest(small.features, {"features.sentiment": (True, False), "features.overlap": (True,), "stack.form": ()})
    assert wide.sentiment
    assert wide.overlap
    whole = prepared(small.model_copy(update={"features": wide}), tmp_path)
    plain = prepared(small, tmp_path)
    seen = shown(whole.data, small.features)
    assert seen.pairs.names == plain.data.pairs.names
    np.testing.assert_array_equal(seen.pairs.values, plain.data.pairs.values)
    np.testing.assert_array_equal(seen.pairs.partner, plain.data.pairs.partner)
    objective = whole_of(small, tmp_path, wide)
    assert objective._at(small)[1].prints == plain.prints  # so that a run finds the study's fits


def test_a_trial_fits_only_what_it_changed(small, tmp_path, monkeypatch):
    kept = []
    real = FitStore.keep_arrays
    monkeypatch.setattr(FitStore, "keep_arrays", lambda self, key, arrays: (kept.append(key), real(self, key, arrays)))
    content = small.model_dump(mode="json")
    content["run"]["cache"] = str(tmp_path / "cache")
    params = parse_params(content)
    objective = whole_of(params, tmp_path)
    first = objective.evaluate(params, lambda *_: False)
    assert len(kept) == 3
    other = params.model_copy(update={"stack": params.stack.model_copy(update={"shrink": 1.0})})
    again = objective.evaluate(other, lambda *_: False)
    assert len(kept) == 3
    assert set(first) == set(again) >= {"log_loss", "ece", "tie_recall"}
    told = []
    assert objective.evaluate(params, lambda *said: told.append(said) or len(told) == 2) is None
    assert [fold for fold, _, _ in told] == [0, 1]


def test_a_target_that_is_not_there_is_named(small, tmp_path):
    with pytest.raises(UserError, match="study.target oracle: no such learner is switched on; there are stack, linear"):
        whole_of(small, tmp_path, target="oracle").evaluate(small, lambda *_: False)


def test_the_comparison_never_sees_the_battles_that_it_is_scored_on(small, tmp_path):
    objective = whole_of(small, tmp_path)
    fit = objective.prepared(small).fit
    folds = outer_folds(fit, 2, 0)
    assert sorted(np.concatenate([outer.held for outer in folds])) == list(range(len(fit.outcome)))
    for outer in folds:
        assert not set(fit.group[outer.train]) & set(fit.group[outer.held])
        with pytest.raises(ValueError, match="cannot be held out"):
            objective.part(outer.train).verdicts(small, outer.train[:3])
    same = compare(objective, folds, small, [small, small], [1.0, 1.0])
    assert same.difference == same.low == same.high == 0.0
    assert same.battles == len(fit.outcome)
    assert same.table()[-1][0] == "all"
    assert outer_folds(fit, 0, 0) == []


@pytest.mark.slow
def test_the_command_from_params_to_params_that_run(tmp_path):
    """Two workers, then the same command again with a further trial, then a change that is refused."""
    path = tmp_path / "p.yaml"
    content = {
        **SMALL,
        "run": {
            "cache": str(tmp_path / "cache"),
            "folder": str(tmp_path / "run"),
            "threads": 1,
        },
        "study": {"folder": str(tmp_path / "study"), "outer_folds": 2, "space": SMALL_SPACE},
    }
    path.write_text(json.dumps(content))  # JSON is YAML

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "stacker.study", path, *arguments],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
            check=False,
        )

    first = command("--trials", "3", "--workers", "2")
    assert first.returncode == 0, first.stderr
    assert "Tuned against default on battles that no tuning saw" in first.stdout
    again = command("--trials", "4")
    assert again.returncode == 0, again.stderr
    assert "Going on with study: 3 of 4 trials done." in again.stdout
    found = json.loads((tmp_path / "study" / "study.json").read_text())
    assert found["trials"]["complete"] + found["trials"]["pruned"] == 4
    assert found["nested"]["battles"] == 120
    tuned = read_params(tmp_path / "study" / "params.tuned.yaml")
    assert list(tuned.learners.linear.C) in ([0.01], [0.1])
    assert tuned.stack.shrink == found["best"]["params"]["stack.shrink"]
    page = (tmp_path / "study" / "study.html").read_text()
    assert "study" in page
    changed = command("--set", "stack.form=logistic")
    assert changed.returncode == 2
    assert changed.stderr.count("\n") == 1
    assert "stack.form" in changed.stderr
    assert "--continue-anyway" in changed.stderr

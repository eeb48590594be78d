"""Studies whose workers are elsewhere: the trials of one machine, done once, whoever dies."""

import subprocess
import sys
from contextlib import closing

import pytest
from optuna.trial import TrialState
from postgres import empty_database, private_server
from rich.console import Console
from small_runs import small_params
from travelling_tasks import TravellingTasks
from two_nodes import ROOT, two_nodes

from pipelines.errors import UserError
from pipelines.terminal.cluster.tasks import Died
from pipelines.terminal.command_line import Screen
from stacker.study import spread_study
from stacker.study.space import key_of
from stacker.study.spread_study import is_spread, tune_on_cluster
from stacker.study.study_log import DEAD, WHY, work
from stacker.study.tuning import open_tuning
from stacker.training.params import dump_params

SPACE = {"learners.linear.C": [[0.01], [0.1], [1.0]], "stack.shrink": [1.0, 10.0]}
TRIALS = 2


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spread_study, "POLL_S", 0.0)


def params_in(folder, **study):
    only = {name: {"enabled": name == "linear"} for name in ("lightgbm", "xgboost", "sparse", "linear")}
    only["linear"] |= {"components": 0}
    own = {"space": SPACE, "trials": TRIALS, "sampler": "random", "pruner": "none", "outer_folds": 2, "workers": 2}
    own |= {"folder": str(folder / "study"), "storage": f"sqlite:///{folder}/study.sqlite", **study}
    few = dict.fromkeys(("embedding", "sentiment", "readability", "overlap"), False)
    sample = {"sample": {"rows": 60, "test_rows": 5}}
    return small_params(folder, data=sample, features=few, learners=only, study=own)


def opened(folder, **study):
    folder.mkdir(exist_ok=True)
    return closing(open_tuning(params_in(folder, **study), Screen(Console(quiet=True)), False))


def trials_of(tuning):
    return [{key_of(trial.params): trial.values for trial in job.log.finished()} for job in tuning.jobs]


def never():
    return False


@pytest.mark.parametrize("outer", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_trials_done_elsewhere_have_the_points_and_values_of_one_machine_and_their_fits_come_back(outer, tmp_path):
    here, there = (opened(tmp_path / name, outer_folds=outer) for name in ("here", "there"))
    with here as here, there as there:
        for job in here.jobs:
            work(job.log, job.objective, never)
        tune_on_cluster(there, TravellingTasks(), lambda: None, never)
        assert [len(each) for each in trials_of(here)] == [TRIALS] * (1 + outer)
        assert trials_of(here) == trials_of(there)
        stores = [each.whole.prepared(each.params).store.folder for each in (here, there)]
        assert {path.name for path in stores[0].glob("*.npz")} == {path.name for path in stores[1].glob("*.npz")}


class OneDies(TravellingTasks):
    """Tasks whose first worker asks for a point and is gone."""

    def workers(self, made, count):
        workers = super().workers(made, count)
        ended, calls = workers.ended, []

        def dying(seconds):
            if [method for _, method, _ in list(workers._told)[:1]] == ["trial"] and not calls:
                number, *_ = workers._told.popleft()
                calls.append(workers._held[number]._jobs[0].log.ask())
                return [(number, Died("ActorDiedError"))]
            return ended(seconds)

        workers.ended = dying
        return workers


def test_the_trial_of_a_worker_that_died_is_failed_and_its_point_done_by_another(tmp_path):
    with opened(tmp_path / "there", outer_folds=0) as there:
        tune_on_cluster(there, OneDies(), lambda: None, never)
        found = there.jobs[0].log.study.get_trials()
        assert [trial.state for trial in found] == [TrialState.FAIL] + [TrialState.COMPLETE] * TRIALS
        assert found[0].user_attrs[WHY] == DEAD
        points = [key_of(trial.params) for trial in found[1:]]
        assert key_of(found[0].params) in points and len(set(points)) == TRIALS


def test_workers_that_only_die_end_the_study_with_a_sentence(tmp_path):
    class AllDie(TravellingTasks):
        def workers(self, made, count):
            workers = super().workers(made, count)
            workers.ended = lambda seconds: [(workers._told.popleft()[0], Died("ActorDiedError"))]
            return workers

    with opened(tmp_path / "there", outer_folds=0) as there, pytest.raises(UserError, match="died 6 times before"):
        tune_on_cluster(there, AllDie(), lambda: None, never)


@pytest.mark.parametrize(
    ("cluster", "storage", "workers", "found"),
    [
        ("local", "sqlite:///x", 4, False),
        ("auto", None, 1, False),
        ("auto", "postgresql://me@db/study", 1, True),
        ("ray://head:10001", None, 4, "share a study by PostgreSQL alone"),
        ("auto", "sqlite:///x", 4, "share a study by PostgreSQL alone"),
    ],
)
def test_workers_go_to_nodes_where_these_reach_the_study(tmp_path, cluster, storage, workers, found):
    params = params_in(tmp_path, storage=storage, workers=workers)
    params = params.model_copy(update={"run": params.run.model_copy(update={"cluster": cluster})})
    if isinstance(found, bool):
        assert is_spread(params) is found
        return
    with pytest.raises(UserError, match=found):
        is_spread(params)


@pytest.mark.slow
def test_four_workers_on_two_nodes_of_which_one_is_killed_do_the_study_of_one_machine(tmp_path):
    space = {"learners.linear.C": [[0.001 * number] for number in range(1, 11)]}
    how = {"space": space, "trials": 10, "sampler": "grid", "workers": 4, "outer_folds": 0}
    with opened(tmp_path / "here", **how) as here:
        work(here.jobs[0].log, here.jobs[0].objective, never)
        expected, best = trials_of(here), here.jobs[0].log.best().params
    with private_server() as server, two_nodes() as nodes, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        nodes.start("head", cores=2)
        nodes.start("worker", cores=2)
        params = params_in(tmp_path / "there", storage=empty_database(server), **how)
        (tmp_path / "params.yaml").write_text(dump_params(params), encoding="utf-8")
        command = [sys.executable, "-m", "stacker.study", tmp_path / "params.yaml", "--cluster", "auto"]
        study = nodes.popen("head", command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = ""
        while "3 of 10" not in said:
            line = study.stdout.readline()
            assert line, (said, study.communicate())
            said += line
        nodes.kill("worker")
        rest, errors = study.communicate(timeout=240)
        assert study.returncode == 0, (said + rest, errors)
        # It may end before the head takes the node for dead.
        assert rest.count("is lost; what it was at is done again") <= 1 and "raylet" not in rest + errors
        with closing(open_tuning(params, Screen(Console(quiet=True)), False)) as there:
            log = there.jobs[0].log
            assert trials_of(there) == expected and log.best().params == best
            assert not log.count(TrialState.RUNNING)

"""Studies of several processes: killed at random, on every kind of storage."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from optuna.trial import TrialState
from postgres import empty_database, private_server
from study_double import GRID, study_log, value

from stacker.study.space import key_of
from stacker.study.storage import JOURNAL, heal
from stacker.study.study_log import DEAD, WHY

ROOT = Path(__file__).parents[3]
SUPPORT = ROOT / "tests" / "support"


@pytest.fixture(scope="module")
def postgres():
    with private_server() as server:
        yield server


def worker(folder, storage, trials, sampler="tpe", said=subprocess.DEVNULL):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{SUPPORT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, SUPPORT / "study_double.py", folder, storage or "-", str(trials), sampler]
    return subprocess.Popen(command, env=environment, stdout=said)


@contextmanager
def said():
    """A pipe that workers write a line into after each trial: what to read, and what to hand them."""
    read, write = os.pipe()
    with os.fdopen(read) as lines:
        yield lines, write


def check(opened, trials):
    """Every completed trial is there once, with the value that asking again gives."""
    found = opened.study.get_trials(deepcopy=False)
    whole = [trial for trial in found if trial.state == TrialState.COMPLETE]
    assert len(whole) == trials
    assert [trial.number for trial in found] == list(range(len(found)))
    assert max(Counter(key_of(trial.params) for trial in whole).values()) == 1
    for trial in whole:
        assert trial.values == [value(opened.space.params(trial.params))]
    assert opened.best().value == min(value(opened.space.params(trial.params)) for trial in whole)
    assert all(trial.state in (TrialState.COMPLETE, TrialState.FAIL) for trial in found)
    assert all(trial.user_attrs[WHY] == DEAD for trial in found if trial.state == TrialState.FAIL)
    return found


@pytest.mark.slow
def test_a_study_of_two_workers_that_is_killed_ten_times_loses_no_trial(tmp_path):
    draw = random.Random(7)
    trials = 70
    before = 0
    for _ in range(10):
        with said() as (lines, write):
            team = [worker(tmp_path, None, trials, said=write) for _ in range(2)]
            os.close(write)
            # Killed once they have ended so many trials more, at whatever they do a moment later.
            for _ in range(draw.randrange(1, 5)):
                assert lines.readline() == "trial\n"
            for _ in range(draw.randrange(0, 2000)):
                pass
            for member in team:
                member.send_signal(signal.SIGKILL)
            for member in team:
                member.wait()
        with closing(study_log(tmp_path, trials=trials)) as opened:
            after = len(opened.finished())
        assert after > before
        before = after
    assert before < trials
    team = [worker(tmp_path, None, trials) for _ in range(2)]
    for member in team:
        assert member.wait() == 0
    with closing(study_log(tmp_path, trials=trials)) as opened:
        assert not opened.unfinished()
        found = check(opened, trials)
    assert 0 < len(found) - trials <= 20  # at most the running trial of each worker was lost


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_workers_share_a_database_and_one_is_killed(kind, tmp_path, request):
    storage = f"sqlite:///{tmp_path}/study.sqlite"
    if kind == "postgresql":
        storage = empty_database(request.getfixturevalue("postgres"))
    with said() as (lines, write):
        team = [worker(tmp_path, storage, 24, said=write) for _ in range(2)]
        os.close(write)
        for _ in range(4):
            assert lines.readline() == "trial\n"
        team[0].send_signal(signal.SIGKILL)
        assert [member.wait() for member in team] == [-signal.SIGKILL, 0]
    with closing(study_log(tmp_path, storage=storage, trials=24)) as opened:
        if opened.unfinished():  # the killed one's trial was running when the other had done
            assert worker(tmp_path, storage, 24).wait() == 0
        check(opened, 24)


@pytest.mark.slow
def test_two_workers_visit_each_point_of_a_grid_once(tmp_path):
    team = [worker(tmp_path, None, 500, "grid") for _ in range(2)]
    for member in team:
        assert member.wait() == 0
    with closing(study_log(tmp_path, space=GRID, trials=500, sampler="grid")) as opened:
        points = [key_of(trial.params) for trial in opened.finished()]
        assert len(points) == len(set(points)) == opened.space.size() == 12


def test_a_journal_that_ends_in_half_a_line_is_healed(tmp_path):
    opened = study_log(tmp_path, trials=2)
    opened.ask()
    journal = tmp_path / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"worker_id":"x')
    again = study_log(tmp_path, trials=2)
    assert len(again.study.get_trials()) == 1
    again.ask()
    assert len(study_log(tmp_path, trials=2).study.get_trials()) == 2
    journal.write_bytes(whole[:10])
    heal(journal)
    assert journal.read_bytes() == b""

"""Saved boosters by the libraries' C interfaces: the packages' own numbers, in one process and another, no package."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from small_judges import battles, small_judge

from pipelines.terminal.command_line import silent
from stacker.judge.judge import Judge
from stacker.learners.trees.native_boosters import FEW_ROWS, NativeLightGBM, NativeXGBoost


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native") / "judge"
    small_judge(embedding=False).save(folder)
    return folder, Judge.load(folder)


@pytest.fixture(params=[NativeLightGBM, NativeXGBoost])
def booster(judge, request):
    place = (NativeLightGBM, NativeXGBoost).index(request.param)
    learner = judge[1].members[place].learner
    data = judge[1].data(battles(30)[0], cache=None, threads=1, progress=silent)
    found = learner.boosters_[0]
    assert isinstance(found, request.param)
    return found, learner, learner.pairs(data).values


def test_numbers_are_those_of_the_package(booster):
    native, learner, values = booster
    many = np.concatenate([values] * (FEW_ROWS // len(values) + 1))
    many[::3, ::2] = np.nan
    for rows in (many, many[:1], many[1::2], np.asfortranarray(values)):
        assert native.raw(rows).tobytes() == learner._apply(native.full, rows).tobytes()
        np.testing.assert_array_equal(native.contributions(rows), learner.contributions(native.full, rows))
    assert native.raw(values[:0]).shape == (0, 3)


def test_a_copy_in_another_process_says_the_same(booster):
    native, _, values = booster
    for other in (pickle.loads(pickle.dumps(native)), copy.deepcopy(native)):
        assert other.raw(values).tobytes() == native.raw(values).tobytes()


@pytest.mark.slow
def test_a_saved_judge_gives_a_verdict_without_the_packages(judge):
    folder = judge[0]
    code = (
        "import sys; from stacker import Judge\n"
        f"judge = Judge.load({str(folder)!r})\n"
        "judge.compare('Why?', 'Because it is so.', 'No.')\n"
        "heavy = {'lightgbm', 'xgboost', 'sklearn', 'scipy.stats', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

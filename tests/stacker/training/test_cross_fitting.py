import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.build import FeatureParams, build_features
from pipelines.errors import UserError
from pipelines.terminal.command_line import silent
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import Configured, load_learner
from stacker.learners.linear.linear import LinearLearner, LinearParams
from stacker.training.cross_fitting import FitStore, fingerprint, fitted_on_all, out_of_fold


def frame(n):
    return pd.DataFrame(
        {
            "prompt": [(f"What is {i} plus one?",) for i in range(n)],
            "response_a": [(f"It is {i + 1}. " * (1 + i % 5),) for i in range(n)],
            "response_b": [(f"**{i + 1}**, I think! " * (1 + i % 3),) for i in range(n)],
            "outcome": [i % 3 for i in range(n)],
            "weight": 1.0,
        }
    )


class Counting(LinearLearner):
    fits = 0

    def fit(self, data, fit):
        Counting.fits += 1
        assert fit.workdir is not None
        assert fit.workdir.is_dir()
        return super().fit(data, fit)


PARAMS = LinearParams(C=(0.01,), components=0)
LEARNER = Configured("linear", "linear", PARAMS.model_dump_json(), lambda: Counting(PARAMS))


@pytest.fixture
def case():
    battles = frame(40)
    built = build_features(battles, FeatureParams(embedding=False))
    data = LearnerData(battles[["prompt", "response_a", "response_b"]], built.pairs, None)
    outcome = battles["outcome"].to_numpy()
    Counting.fits = 0
    return battles, data, Fit(outcome, np.ones(40), np.arange(40), 0), np.arange(40) % 4


def test_each_fold_is_predicted_by_a_fit_that_never_saw_it(case, tmp_path):
    battles, data, fit, folds = case
    prints = fingerprint(battles, "1")
    found, swap = out_of_fold(LEARNER, data, fit, folds, prints, FitStore(tmp_path), silent)
    assert Counting.fits == 4
    assert swap < 1e-9
    held = np.flatnonzero(folds == 1)
    rest = np.flatnonzero(folds != 1)
    by_hand = LinearLearner(PARAMS).fit(data.take(rest), Fit(fit.outcome[rest], fit.weight[rest], fit.group[rest], 0))
    np.testing.assert_array_equal(found[held], by_hand.predict_proba(data.take(held)))


def test_nothing_is_fitted_twice_and_what_changed_is_fitted_again(case, tmp_path):
    battles, data, fit, folds = case
    store = FitStore(tmp_path)
    first, _ = out_of_fold(LEARNER, data, fit, folds, fingerprint(battles, "1"), store, silent)
    again, _ = out_of_fold(LEARNER, data, fit, folds, fingerprint(battles, "1"), store, silent)
    assert Counting.fits == 4
    np.testing.assert_array_equal(first, again)
    out_of_fold(LEARNER, data, fit, folds, fingerprint(battles, "2"), store, silent)  # other features
    assert Counting.fits == 8
    battles.loc[0, "outcome"] = 1  # one vote
    out_of_fold(LEARNER, data, fit, folds, fingerprint(battles, "1"), store, silent)
    assert Counting.fits == 12


@pytest.mark.parametrize("place", ["stacker.learners.learner_registry", "stacker.training.cross_fitting"])
def test_what_other_code_has_fitted_is_fitted_again(case, tmp_path, monkeypatch, place):
    battles, data, fit, folds = case
    prints = fingerprint(battles, "1")
    out_of_fold(LEARNER, data, fit, folds, prints, FitStore(tmp_path), silent)
    monkeypatch.setattr(f"{place}.code_version", lambda *_, **__: "other")
    out_of_fold(LEARNER, data, fit, folds, prints, FitStore(tmp_path), silent)
    assert Counting.fits == 8


@pytest.mark.parametrize("name", ["outcome", "weight", "group"])
def test_other_votes_weights_or_groups_of_the_same_battles_are_another_fit(case, tmp_path, name):
    """A study's part has weights of its own, whatever the fingerprints of its battles say."""
    battles, data, fit, folds = case
    prints, store = fingerprint(battles, "1"), FitStore(tmp_path)
    out_of_fold(LEARNER, data, fit, folds, prints, store, silent)
    changed = getattr(fit, name).copy()
    changed[0] += 1
    out_of_fold(LEARNER, data, replace(fit, **{name: changed}), folds, prints, store, silent)
    assert Counting.fits > 4


def test_two_at_once_fit_the_same_only_once(case, tmp_path):
    """They would write over each other's checkpoints."""
    battles, data, fit, folds = case
    prints, found = fingerprint(battles, "1"), []

    def work():
        found.append(out_of_fold(LEARNER, data, fit, folds, prints, FitStore(tmp_path), silent)[0])

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Counting.fits == 4
    np.testing.assert_array_equal(*found)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npz"}


def test_a_damaged_fit_is_fitted_again(case, tmp_path):
    battles, data, fit, folds = case
    store = FitStore(tmp_path)
    prints = fingerprint(battles, "1")
    first, _ = out_of_fold(LEARNER, data, fit, folds, prints, store, silent)
    damaged = sorted(tmp_path.glob("*.npz"))[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    again, _ = out_of_fold(LEARNER, data, fit, folds, prints, store, silent)
    assert Counting.fits == 5
    np.testing.assert_array_equal(first, again)
    assert not list(tmp_path.glob("*.work"))


def test_the_learner_of_all_battles_is_read_back_from_where_it_was_kept(case, tmp_path):
    battles, data, fit, _ = case
    store = FitStore(tmp_path)
    learner, folder = fitted_on_all(LEARNER, data, fit, fingerprint(battles, "1"), store, silent)
    again, _ = fitted_on_all(LEARNER, data, fit, fingerprint(battles, "1"), store, silent)
    assert Counting.fits == 1
    np.testing.assert_array_equal(learner.predict_proba(data), again.predict_proba(data))
    path = folder / "learner.json"
    written = json.loads(path.read_text())
    assert (written.pop("format"), written["params"]["C"]) == (2, [0.01])
    # As versions wrote it that had another name of the setting, and no format.
    written["params"]["strengths"] = written["params"].pop("C")
    path.write_text(json.dumps(written))
    np.testing.assert_array_equal(load_learner("linear", folder).predict_proba(data), again.predict_proba(data))
    path.write_text(json.dumps({**written, "format": 3}))
    with pytest.raises(UserError, match="format"):
        load_learner("linear", folder)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:20]), lambda path: path.unlink()])
def test_a_damaged_learner_of_all_battles_is_fitted_again(case, tmp_path, damage):
    battles, data, fit, _ = case
    store, prints = FitStore(tmp_path), fingerprint(battles, "1")
    learner, folder = fitted_on_all(LEARNER, data, fit, prints, store, silent)
    for path in folder.iterdir():
        damage(path)
    again, _ = fitted_on_all(LEARNER, data, fit, prints, store, silent)
    assert Counting.fits == 2
    np.testing.assert_array_equal(learner.predict_proba(data), again.predict_proba(data))
    fitted_on_all(LEARNER, data, fit, prints, store, silent)
    assert Counting.fits == 2


def test_an_unknown_kind_of_learner_is_named():
    with pytest.raises(UserError, match="holds a learner of kind oracle"):
        load_learner("oracle", Path("judge"))


def test_a_fingerprint_knows_texts_votes_and_lone_surrogates():
    battles = frame(2)
    battles.at[1, "prompt"] = ("half a pair \ud83d",)
    one, other = fingerprint(battles, "1")
    assert one != other
    battles.loc[0, "weight"] = 2.0
    assert fingerprint(battles, "1")[0] != one

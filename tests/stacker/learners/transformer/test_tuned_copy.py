"""Fine-tuned encoders by converted copies: the verdicts of torch, the same when saved again; no torch, few copies."""

import os
import subprocess
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from transformer_battles import fit_of, learner_data

from features.encoder.choice import resolve
from features.encoder.engines.copies import FOLDER
from pipelines.battles.arrays import FLIP
from stacker.learners.transformer import tuned_copy
from stacker.learners.transformer.frozen import FrozenRunner
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import TransformerParams

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="the extra openvino is not installed")
SMALL = {"epochs": 0.2, "C": (0.01,), "batch_size": 8, "prompt_tokens": 16, "answer_tokens": 24, "learning_rate": 1e-3}


@pytest.fixture(autouse=True)
def _libraries_warn_of_themselves():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def saved(folder, checkpoint, **settings):
    data, outcome = learner_data(16)
    params = TransformerParams(**{**SMALL, "engine": "openvino", **settings})
    learner = TransformerLearner("m", params, resolve(str(checkpoint), None, folder / "models"))
    learner.fit(data, fit_of(outcome))
    (folder / "saved").mkdir(parents=True)
    learner.save(folder / "saved")
    return learner, data


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        pytest.param("distilbert", {"tuning": "top_k", "store": "beside"}, marks=pytest.mark.slow),
        pytest.param("bert", {"tuning": "lora", "store": "beside"}, marks=pytest.mark.slow),
        pytest.param("roberta", {"tuning": "all", "head": "joint", "store": "whole"}, marks=pytest.mark.slow),
    ],
)
def test_verdicts_are_those_of_torch_and_need_none_of_it_later(tiny_checkpoint, tmp_path, architecture, settings):
    learner, data = saved(tmp_path, tiny_checkpoint(architecture), **settings)
    found = learner.predict_proba(data)
    again = TransformerLearner.load(tmp_path / "saved")
    assert isinstance(again.runner_, FrozenRunner) and again.runner_.chosen.told == "openvino fp32"
    by_copy = again.predict_proba(data)
    np.testing.assert_allclose(by_copy, found, atol=2e-5)
    untrained = TransformerLearner._read(tmp_path / "saved", by_copy=False)
    assert not isinstance(untrained.runner_, FrozenRunner)
    assert abs(by_copy - again.predict_proba(data.flip())[:, FLIP]).max() <= 1e-9
    assert again.predict_proba(data.take(np.array([3]))).tobytes() == by_copy[3:4].tobytes()
    begun = again.begin(data.texts.iloc[:2])
    assert begun is not None and begun().tobytes() == by_copy[:2].tobytes()
    (tmp_path / "twice").mkdir()
    again.save(tmp_path / "twice")  # adapters and weights come back from what was saved
    assert TransformerLearner.load(tmp_path / "twice").predict_proba(data).tobytes() == by_copy.tobytes()
    assert len(list((tmp_path / "models" / tuned_copy.TUNED / FOLDER).iterdir())) == 1
    code = (
        "import sys; from stacker.learners.transformer.learner import TransformerLearner\n"
        f"TransformerLearner.load({str(tmp_path / 'saved')!r})\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_copies_that_were_not_used_for_the_longest_time_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tuned_copy, "KEPT", 2)
    folder = tmp_path / FOLDER
    for age, name in enumerate(("oldest", "old", "used", "new")):
        (folder / name / "fp32").mkdir(parents=True)
        os.utime(folder / name, (1000 + age, 1000 + age))
    tuned_copy._keep_last([folder / "old" / "fp32"], folder)
    assert {path.name for path in folder.iterdir()} == {"old", "new"}
    tuned_copy._keep_last([], tmp_path / "not there")

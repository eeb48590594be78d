"""A frozen encoder by a converted copy and its head by NumPy: the numbers of torch, the same when saved, no torch."""

import json
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from transformer_battles import fit_of, learner_data

from features.encoder.choice import EncoderParams, resolve
from features.encoder.embedding import EmbeddingBlock
from features.encoder.tokens import OwnTokens, SavedTokens
from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.errors import UserError
from pipelines.models.model_loading import load_tokenizer
from stacker.learners.transformer.frozen import ArrayHead, FrozenRunner
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.network.network import battle_logits, make_head
from stacker.learners.transformer.params import TransformerParams
from stacker.training.params import parse_params
from stacker.training.train import train

SMALL = {"tuning": "frozen", "C": (0.01,), "prompt_tokens": 16, "answer_tokens": 24, "engine": "openvino"}
OPENVINO = pytest.mark.skipif(find_spec("openvino") is None, reason="the extra openvino is not installed")


@pytest.fixture(autouse=True)
def _libraries_warn_of_themselves():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.fixture
def fitted(tiny_checkpoint, tmp_path):
    def of(architecture="bert", **settings):
        data, outcome = learner_data(24)
        params = TransformerParams(**{**SMALL, "precision": "fp32", **settings})
        encoder = resolve(str(tiny_checkpoint(architecture)), None, tmp_path)
        return TransformerLearner("m", params, encoder).fit(data, fit_of(outcome)), data

    return of


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize(
    ("kind", "ties"), [("pairwise", "davidson"), ("pairwise", "rao_kupper"), ("joint", "davidson")]
)
def test_the_head_by_numpy_is_that_of_torch(kind, ties, lengths):
    torch.manual_seed(0)
    head = make_head(kind, 8, lengths, 0.1, ties).eval()
    for weight in head.parameters():
        torch.nn.init.normal_(weight)
    params = TransformerParams(head=kind, ties=ties, lengths=lengths)
    own = ArrayHead.of(params, 8, {name: value.numpy() for name, value in head.state_dict().items()})
    assert own.parts == head.parts and own.both_orders == head.both_orders
    draw = np.random.default_rng(0)
    pooled = draw.normal(size=(10, len(head.parts), 8))
    scaled = draw.normal(size=(10, head.length_count))
    with torch.no_grad():
        double = head.double()
        wanted = double(double.inputs(torch.from_numpy(pooled), torch.from_numpy(scaled)).double()).numpy()
    found = own.numbers(pooled, scaled)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    pairs = found[np.arange(10).reshape(5, 2)]
    np.testing.assert_allclose(own.logits(pairs), battle_logits(head, pairs), atol=1e-12)
    assert own.logits(pairs[:, ::-1]).tobytes() == np.ascontiguousarray(own.logits(pairs)[:, FLIP]).tobytes()
    assert own.numbers(pooled[3:4], scaled[3:4]).tobytes() == found[3:4].tobytes()


def test_a_head_of_other_shapes_is_refused():
    arrays = {"score.weight": np.zeros((1, 20)), "tie.weight": np.zeros((1, 10)), "tie.bias": np.zeros(1)}
    assert ArrayHead.of(TransformerParams(), 8, arrays).width == 8
    with pytest.raises(ValueError, match="other shapes"):
        ArrayHead.of(TransformerParams(), 9, arrays)
    with pytest.raises(ValueError, match="other shapes"):
        ArrayHead.of(TransformerParams(head="joint"), 8, arrays)


@OPENVINO
@pytest.mark.parametrize(
    ("architecture", "settings"),
    [("bert", {}), ("distilbert", {"head": "joint", "store": "beside"})],
)
def test_verdicts_are_those_of_torch_and_the_same_when_it_is_saved(fitted, tmp_path, architecture, settings):
    learner, data = fitted(architecture, **settings)
    found = learner.predict_proba(data)
    assert isinstance(learner.runner_, FrozenRunner) and learner.about_["engine"] == "openvino fp32"
    by_torch, _ = fitted(architecture, **{**settings, "engine": "torch"})
    assert not isinstance(by_torch.runner_, FrozenRunner)
    np.testing.assert_allclose(found, by_torch.predict_proba(data), atol=2e-3)  # the heads' fits end a little apart
    assert abs(found - learner.predict_proba(data.flip())[:, FLIP]).max() <= 1e-9
    assert learner.predict_proba(data.take(np.array([3]))).tobytes() == found[3:4].tobytes()
    begun = learner.begin(data.texts.iloc[3:5])
    assert begun is not None and begun().tobytes() == found[3:5].tobytes()
    assert learner.begin(data.texts) is None and by_torch.begin(data.texts.iloc[:1]) is None
    (tmp_path / "saved").mkdir()
    learner.save(tmp_path / "saved")
    again = TransformerLearner.load(tmp_path / "saved")
    assert isinstance(again.runner_, FrozenRunner)
    assert again.predict_proba(data).tobytes() == found.tobytes()
    own, theirs = again.embed(data), by_torch.embed(data)
    for part in ("prompt", "a", "b"):
        np.testing.assert_allclose(getattr(own, part), getattr(theirs, part), atol=1e-4)
    # What was loaded without torch is saved again, with the weights of its base where they lie inside.
    (tmp_path / "twice").mkdir()
    again.save(tmp_path / "twice")
    assert TransformerLearner.load(tmp_path / "twice").predict_proba(data).tobytes() == found.tobytes()


@OPENVINO
def test_int8_moves_verdicts_little_and_torch_takes_over_where_the_engine_is_missing(fitted, tmp_path, monkeypatch):
    learner, data = fitted(precision="auto", store="beside")
    assert learner.about_["engine"] == "openvino int8"
    found = learner.predict_proba(data)
    (tmp_path / "saved").mkdir()
    learner.save(tmp_path / "saved")
    monkeypatch.setattr("stacker.learners.transformer.frozen.is_installed", lambda name: False)
    other = TransformerLearner.load(tmp_path / "saved")  # auto is torch in these tests
    assert not isinstance(other.runner_, FrozenRunner)
    assert 0 < abs(other.predict_proba(data) - found).max() < 0.02


@OPENVINO
def test_a_saved_head_that_does_not_fit_is_one_sentence(fitted, tmp_path):
    learner, _ = fitted(store="beside")
    learner.save(tmp_path)
    meta = json.loads((tmp_path / "learner.json").read_text(encoding="utf-8"))
    meta["params"]["head"] = "joint"
    (tmp_path / "learner.json").write_text(json.dumps(meta), encoding="utf-8")
    with pytest.raises(UserError, match="other shapes"):
        TransformerLearner.load(tmp_path)


@OPENVINO
def test_encoder_and_branch_of_one_model_share_what_is_loaded(fitted, tiny_checkpoint, tmp_path):
    learner, data = fitted()
    learner.runner_.kept = None  # else nothing is left to compute
    learner.predict_proba(data)
    folder = str(tiny_checkpoint("bert"))
    params = EncoderParams(model=folder, engine="openvino", precision="fp32", device="cpu", models_dir=tmp_path)
    block = EmbeddingBlock(resolve(folder, None, tmp_path), params, threads=learner.runner_.threads)
    assert block._engine is learner.runner_._engine


@OPENVINO
@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "albert", "deberta-v2", "modernbert"])
def test_two_texts_are_framed_alike_without_transformers(tiny_checkpoint, tmp_path, architecture):
    own = OwnTokens(load_tokenizer(tiny_checkpoint(architecture), "m"))
    own.save(tmp_path)
    assert SavedTokens(tmp_path).pair_frame() == own.pair_frame()


_PREDICTS = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from transformer_battles import learner_data
from stacker.learners.learner_registry import load_learner
data, _ = learner_data(24)
found = load_learner("transformer", Path({folder!r})).predict_proba(data)
loaded = {{"torch", "transformers", "sentence_transformers"}} & set(sys.modules)
assert not loaded, loaded
sys.stdout.buffer.write(found.tobytes())
"""


@OPENVINO
def test_a_saved_transformer_predicts_without_torch(fitted, tmp_path):
    learner, data = fitted(precision="int8")
    (tmp_path / "saved").mkdir()
    learner.save(tmp_path / "saved")
    TransformerLearner.load(tmp_path / "saved").predict_proba(data)  # makes the copy of the base that lies inside
    root = Path(__file__).parents[4]
    code = _PREDICTS.format(paths=[str(root), str(root / "tests" / "support")], folder=str(tmp_path / "saved"))
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    assert ended.stdout == learner.predict_proba(data).tobytes()


_JUDGES = """
import sys
from pipelines.battles.built_in import sample_battles
from stacker import Judge
judge = Judge.load({folder!r})
found = judge.predict_proba(sample_battles(5).battles)
loaded = {{"torch", "transformers", "sentence_transformers"}} & set(sys.modules)
assert not loaded, loaded
sys.stdout.buffer.write(found.tobytes())
"""


@OPENVINO
@pytest.mark.slow
def test_a_judge_of_encoder_and_frozen_transformer_is_loaded_and_asked_without_torch(tiny_checkpoint, tmp_path):
    model = str(tiny_checkpoint("bert"))
    engine = {"engine": "openvino", "precision": "int8"}
    params = parse_params(
        {
            "encoder": {"model": model, "max_tokens": 64, "models_dir": str(tmp_path / "models"), **engine},
            "transformer": {"models": [model], "store": "beside", "C": [0.01], **engine},
            "learners": {"lightgbm": {"enabled": False}, "xgboost": {"enabled": False}, "sparse": {"enabled": False}},
            "training": {"counterfactuals": {"enabled": False}},
            "folds": {"count": 2},
            "run": {"cache": str(tmp_path / "cache"), "threads": 1},
        }
    )
    judge = train(sample_battles(40).battles, params).judge
    judge.save(tmp_path / "judge")
    record = json.loads((tmp_path / "judge" / "judge.json").read_text(encoding="utf-8"))
    assert record["encoder"]["engine"] == "openvino int8"
    code = _JUDGES.format(folder=str(tmp_path / "judge"))
    root = Path(__file__).parents[4]
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, timeout=300, cwd=root)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    assert ended.stdout == judge.predict_proba(sample_battles(5).battles).tobytes()

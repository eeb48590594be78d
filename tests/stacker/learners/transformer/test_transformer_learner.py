"""The learner whole: five architectures train, save, load and predict; killed fits go on; nothing is pickled."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformer_battles import fit_of, learner_data

from features.encoder.choice import resolve
from pipelines.battles.arrays import FLIP
from pipelines.errors import UserError
from stacker.learners.transformer import training_loop as training
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import TransformerParams

ONE_STEP = {
    "tuning": "top_k",
    "engine": "torch",  # the copies of fine-tuned encoders have tests of their own
    "epochs": 0.05,
    "C": (0.01,),
    "batch_size": 16,
    "prompt_tokens": 16,
    "answer_tokens": 24,
}


def fitted(folder, data, outcome, *, workdir=None, **settings):
    params = TransformerParams(**{**ONE_STEP, **settings})
    return TransformerLearner("m", params, resolve(str(folder))).fit(data, fit_of(outcome, workdir=workdir))


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("distilbert", {"tuning": "top_k"}),
        ("roberta", {"tuning": "all", "head": "joint"}),
        ("albert", {"tuning": "lora", "top_layers": 0}),
        ("deberta-v2", {"tuning": "lora", "ties": "rao_kupper"}),
        ("modernbert", {"tuning": "top_k", "head": "joint"}),
        ("bert", {"tuning": "frozen", "head": "joint", "lengths": False}),
    ],
)
def test_architectures_train_one_step_save_load_and_predict(tiny_checkpoint, tmp_path, architecture, settings):
    data, outcome = learner_data(20)
    before = resolve(str(tiny_checkpoint(architecture)))
    learner = fitted(
        before.folder, data, outcome, store="beside" if architecture == "deberta-v2" else "auto", **settings
    )
    found = learner.predict_proba(data)
    assert found.shape == (20, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found, learner.predict_proba(data.flip())[:, FLIP], atol=1e-9)
    alone = learner.predict_proba(data.take(np.array([3])))
    np.testing.assert_allclose(alone, found[[3]], atol=1e-5)
    learner.save(tmp_path)
    again = TransformerLearner.load(tmp_path)
    np.testing.assert_allclose(again.predict_proba(data), found, atol=1e-6)
    assert again.name == "m"
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {
        ".json",
        ".safetensors",
        ".txt",
        ".model",
    }
    assert (tmp_path / "encoder").exists() == (architecture != "deberta-v2")


def test_a_base_that_does_not_run_is_refused_when_it_is_loaded(tiny_checkpoint, tmp_path):
    data, outcome = learner_data(20)
    fitted(tiny_checkpoint("distilbert"), data, outcome, store="whole").save(tmp_path)
    config = tmp_path / "encoder" / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"n_heads": 2', '"n_heads": -1'), encoding="utf-8")
    with pytest.raises(UserError, match="encoder: "):
        TransformerLearner.load(tmp_path)


@pytest.mark.parametrize("tuning", ["top_k", "lora", "all"])
def test_a_step_changes_what_learns_and_nothing_else(tiny_checkpoint, tuning):
    data, outcome = learner_data(20)
    folder = tiny_checkpoint("distilbert")
    learner = fitted(
        folder, data, outcome, tuning=tuning, learning_rate=0.01, watch=("accuracy",), patience=9, epochs=2.0
    )
    before = resolve(str(folder))
    from stacker.learners.transformer.stored import open_checkpoint

    old = open_checkpoint(before.folder, "old").model.state_dict()
    new = learner.network_.encoder.model.state_dict()
    assert old.keys() == new.keys()
    changed = {name for name, value in new.items() if not torch.equal(value, old[name])}
    best = training.best_place(learner.about_["evaluations"], "accuracy")
    if best == 0:  # training never helped: the weights from before it are back
        assert not changed
    elif tuning != "all":
        assert changed
        assert all("layer.1." in name for name in changed)


def test_the_best_weights_are_kept(tiny_checkpoint):
    """A learning rate that ruins everything leaves the first head's predictions."""
    data, outcome = learner_data(40)
    folder = tiny_checkpoint("distilbert")
    ruined = fitted(folder, data, outcome, tuning="all", learning_rate=0.5, head_learning_rate=5.0, epochs=1.0)
    history = [entry["log_loss"] for entry in ruined.about_["evaluations"]]
    assert min(history) == history[0]
    untouched = fitted(folder, data, outcome, tuning="all", learning_rate=1e-12, head_learning_rate=1e-12)
    np.testing.assert_allclose(ruined.predict_proba(data), untouched.predict_proba(data), atol=1e-5)


def test_learning_learns_what_the_frozen_encoder_does_not_show(tiny_checkpoint):
    data, outcome = learner_data(120)
    learner = fitted(
        tiny_checkpoint("distilbert"),
        data,
        outcome,
        tuning="all",
        learning_rate=3e-3,
        head_learning_rate=3e-3,
        epochs=6.0,
    )
    history = [entry["log_loss"] for entry in learner.about_["evaluations"]]
    assert min(history) < history[0] - 0.05


@pytest.mark.parametrize("tuning", ["top_k", "lora"])
def test_a_killed_fit_goes_on_to_the_same_weights(tiny_checkpoint, tmp_path, monkeypatch, tuning):
    data, outcome = learner_data(40)
    folder = tiny_checkpoint("distilbert")
    settings = {"tuning": tuning, "epochs": 2.0, "batch_size": 8, "evaluations_per_epoch": 2, "learning_rate": 1e-3}
    whole = fitted(folder, data, outcome, workdir=tmp_path / "whole", **settings)
    steps = []
    original = training.BattleTrainer.training_step

    def step(self, *arguments):
        steps.append(self.state.global_step)
        if len(steps) == 7:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(training.BattleTrainer, "training_step", step)
    with pytest.raises(KeyboardInterrupt):
        fitted(folder, data, outcome, workdir=tmp_path / "killed", **settings)
    resumed = fitted(folder, data, outcome, workdir=tmp_path / "killed", **settings)
    assert steps[7] > 0  # it did not begin anew
    for one, other in zip(resumed.about_["evaluations"], whole.about_["evaluations"], strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    np.testing.assert_allclose(resumed.predict_proba(data), whole.predict_proba(data), atol=1e-5)
    assert not list((tmp_path / "killed").glob("checkpoints/*"))
    before = len(steps)
    again = fitted(folder, data, outcome, workdir=tmp_path / "killed", **settings)
    assert len(steps) == before  # a finished fit is taken as it is
    np.testing.assert_allclose(again.predict_proba(data), resumed.predict_proba(data), atol=1e-6)


@pytest.mark.parametrize("tuning", ["top_k", "lora", "all"])
def test_gradient_checkpointing_gives_the_same_numbers(tiny_checkpoint, tuning):
    data, outcome = learner_data(24)
    settings = {"tuning": tuning, "epochs": 1.0, "learning_rate": 1e-3}
    plain, thrifty = (
        fitted(tiny_checkpoint("distilbert"), data, outcome, gradient_checkpointing=on, **settings)
        for on in (False, True)
    )
    found = [[entry["log_loss"] for entry in learner.about_["evaluations"]] for learner in (plain, thrifty)]
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_checkpoints_of_other_battles_are_not_taken(tiny_checkpoint, tmp_path):
    data, outcome = learner_data(20)
    fitted(tiny_checkpoint("bert"), data, outcome, workdir=tmp_path, tuning="frozen")
    other = fitted(tiny_checkpoint("bert"), data, FLIP_ALL[outcome], workdir=tmp_path, tuning="frozen")
    fresh = fitted(tiny_checkpoint("bert"), data, FLIP_ALL[outcome], tuning="frozen")
    np.testing.assert_allclose(other.predict_proba(data), fresh.predict_proba(data), atol=1e-6)


def test_checkpoints_of_other_code_are_not_taken(tiny_checkpoint, tmp_path, monkeypatch):
    data, outcome = learner_data(20)
    fitted(tiny_checkpoint("bert"), data, outcome, workdir=tmp_path, tuning="frozen")
    trained = []
    train = TransformerLearner._train
    monkeypatch.setattr(TransformerLearner, "_train", lambda *given: trained.append(1) or train(*given))
    fitted(tiny_checkpoint("bert"), data, outcome, workdir=tmp_path, tuning="frozen")
    assert not trained
    monkeypatch.setattr("stacker.learners.transformer.learner.code_version", lambda *_: "other")
    fitted(tiny_checkpoint("bert"), data, outcome, workdir=tmp_path, tuning="frozen")
    assert trained


FLIP_ALL = np.array(FLIP)


def test_fits_leave_the_generators_as_they_were(tiny_checkpoint):
    data, outcome = learner_data(20)
    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(5)
    np.random.seed(5)
    fitted(tiny_checkpoint("distilbert"), data, outcome)
    assert (torch.rand(1), np.random.rand()) == expected


def test_the_same_seed_gives_the_same_numbers(tiny_checkpoint):
    data, outcome = learner_data(20)
    one, other = (fitted(tiny_checkpoint("distilbert"), data, outcome).predict_proba(data) for _ in range(2))
    assert np.array_equal(one, other)


def test_embeddings_swap_with_the_sides_and_are_of_unit_length(tiny_checkpoint):
    data, outcome = learner_data(12)
    for head in ("pairwise", "joint"):
        learner = fitted(tiny_checkpoint("bert"), data, outcome, tuning="frozen", head=head)
        straight, swapped = learner.embed(data), learner.embed(data.flip())
        assert straight.a.shape == (12, 32)
        np.testing.assert_allclose(np.linalg.norm(straight.prompt, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(straight.a, swapped.b)
        np.testing.assert_array_equal(straight.prompt, swapped.prompt)


def test_pairwise_scores_rank_any_number_of_answers_as_its_verdicts_do(tiny_checkpoint):
    data, outcome = learner_data(30)
    learner = fitted(tiny_checkpoint("bert"), data, outcome, tuning="frozen")
    prompts, a, b = (data.texts[name].tolist() for name in ("prompt", "response_a", "response_b"))
    gap = learner.score(prompts, a) - learner.score(prompts, b)
    logits = learner.logits(data)
    np.testing.assert_allclose(logits[:, 0] - logits[:, 1], gap, atol=1e-5)
    joint = fitted(tiny_checkpoint("bert"), data, outcome, tuning="frozen", head="joint")
    with pytest.raises(ValueError, match="only the pairwise head"):
        joint.score(prompts, a)


def test_no_battles_get_no_verdicts(tiny_checkpoint):
    data, outcome = learner_data(12)
    learner = fitted(tiny_checkpoint("bert"), data, outcome, tuning="frozen")
    assert learner.predict_proba(data.take(np.array([], dtype=np.int64))).shape == (0, 3)


def saved_beside(tiny_checkpoint, tmp_path):
    """Save a learner beside a base of its own; return both folders."""
    from shutil import copytree

    base = Path(copytree(tiny_checkpoint("distilbert"), tmp_path / "base"))
    data, outcome = learner_data(12)
    saved = tmp_path / "saved"
    saved.mkdir()
    fitted(base, data, outcome, tuning="frozen", store="beside").save(saved)
    return base, saved


def test_a_base_with_other_weights_is_refused(tiny_checkpoint, tmp_path):
    base, saved = saved_beside(tiny_checkpoint, tmp_path)
    TransformerLearner.load(saved)
    weights = bytearray((base / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (base / "model.safetensors").write_bytes(weights)
    with pytest.raises(UserError, match="was fine-tuned from .* but the ones here are"):
        TransformerLearner.load(saved)


def test_a_base_that_is_gone_is_said_in_one_sentence(tiny_checkpoint, tmp_path):
    base, saved = saved_beside(tiny_checkpoint, tmp_path)
    base.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="base: is neither a folder here nor a Hub name"):
        TransformerLearner.load(saved)


@pytest.mark.parametrize("file", ["learner.json", "learned.safetensors"])
def test_damaged_saves_are_said_in_one_sentence(tiny_checkpoint, tmp_path, file):
    _, saved = saved_beside(tiny_checkpoint, tmp_path)
    (saved / file).write_bytes((saved / file).read_bytes()[:-9])
    with pytest.raises(UserError, match="the saved transformer cannot be read"):
        TransformerLearner.load(saved)


def test_weights_of_another_head_are_refused(tiny_checkpoint, tmp_path):
    _, saved = saved_beside(tiny_checkpoint, tmp_path)
    meta = json.loads((saved / "learner.json").read_text())
    meta["params"]["head"] = "joint"
    (saved / "learner.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="does not fit .* and a joint head; make the judge again"):
        TransformerLearner.load(saved)


def test_with_several_gpus_one_is_used_so_that_halves_are_not_torn_apart(tiny_checkpoint, monkeypatch):
    """The Trainer would copy the network to each GPU; the copies' upper halves would go on using the first one's."""

    class Two(training.TrainingArguments):
        def __post_init__(self):
            super().__post_init__()
            self._n_gpu = 2

    seen = []
    step = training.BattleTrainer.training_step
    monkeypatch.setattr(training, "TrainingArguments", Two)
    monkeypatch.setattr(
        training.BattleTrainer,
        "training_step",
        lambda self, model, *rest: seen.append((type(model).__name__, self.args.n_gpu)) or step(self, model, *rest),
    )
    data, outcome = learner_data(20)
    fitted(tiny_checkpoint("distilbert"), data, outcome, device="cpu")
    assert seen and set(seen) == {("PreferenceNetwork", 1)}

"""What a bundle does with the models and the learners of a judge that lie outside its folder."""

import json

import pytest

from pipelines.errors import UserError
from pipelines.files.hashes import StoredFile, first_difference
from pipelines.kaggle.bundled_models import copy_models, localise, localise_params


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "elsewhere" / "small-lm"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def dataset(tmp_path, model):
    """A dataset folder with a judge that reads likelihoods, has a reward model and a decoder, and asks others."""
    folder = tmp_path / "dataset"
    reads = {"model": str(model), "prompt_tokens": 100, "answer_tokens": 200, "alone_tokens": 50}
    kinds = {"llm": "language_judge", "file": "outside", "rm": "reward", "decoder": "transformer"}
    described = {
        "encoder": None,
        "features": {"surface": True, "likelihood": reads},
        "learners": [{"name": name, "kind": kind, "folder": f"0_{name}"} for name, kind in kinds.items()],
    }
    asked = {"model": str(model), "name": "rm", "prompt_tokens": 10, "answer_tokens": 20}
    beside = {"name": str(model), "inside": False, "beside": None}
    metas = {
        "0_rm": {"params": asked},
        "0_llm": {"params": {"model": str(model)}},
        "0_decoder": {"base": beside, "params": {"prompt_tokens": 30, "answer_tokens": 40}},
    }
    for name, meta in metas.items():
        (folder / "judge" / "learners" / name).mkdir(parents=True)
        (folder / "judge" / "learners" / name / "learner.json").write_text(json.dumps(meta))
    (folder / "judge" / "judge.json").write_text(json.dumps(described))
    return folder


def test_every_model_of_a_judge_is_taken_along_and_named_by_its_place_there(dataset, model):
    needed = localise(dataset)
    copy_models(needed, dataset / "models")
    assert (dataset / "models" / "small-lm" / "config.json").is_file()
    judge = dataset / "judge"
    described = json.loads((judge / "judge.json").read_text())
    assert described["features"]["likelihood"]["model"] == "models/small-lm"
    learners = {path.parent.name: json.loads(path.read_text()) for path in judge.glob("learners/*/learner.json")}
    assert learners["0_rm"]["params"]["model"] == learners["0_decoder"]["base"]["name"] == "models/small-lm"
    files = {name: StoredFile(**file) for name, file in described["files"].items()}
    assert first_difference(judge, files) is None


def test_what_is_asked_elsewhere_is_gone_without_and_the_speed_that_is_needed_is_told(dataset, model):
    needed = localise(dataset)
    assert list(needed.without) == ["llm", "file"]
    assert needed.tokens[str(model)] == 2 * (30 + 40) + 2 * (10 + 20) + 2 * (100 + 200 + 50)
    said = list(needed.sentences())
    assert len(said) == 3 and said[0].startswith("The notebooks go without llm, which would be asked about every")
    assert "900 tokens of a battle: 25,000 battles fit into Kaggle's 9 hours where it reads 694 tokens a sec" in said[2]


def test_a_model_that_was_moved_away_is_one_sentence(dataset, model):
    needed = localise(dataset)
    model.rename(model.with_name("moved"))
    with pytest.raises(UserError, match="learners.rewards rm .*small-lm: is no folder any more"):
        copy_models(needed, dataset / "models")


def test_parameters_name_models_by_their_place_there_and_leave_behind_what_only_this_machine_has(model):
    params = {
        "features": {"style": True, "likelihood": {"model": str(model)}},
        "encoder": {"model": "builtin", "models_dir": "/somewhere"},
        "learners": {
            "outside": [{"name": "file", "out_of_fold": "p.csv"}],
            "judges": [{"name": "llm", "model": str(model)}],
            "rewards": [{"name": "rm", "model": str(model)}],
        },
        "transformer": {
            "models": [str(model), {"model": str(model), "tuning": "lora"}, "distilbert-base-uncased"],
            "first": {"sources": [{"path": "votes.csv"}], "epochs": 1.0},
            "soft_labels": {"voters": True, "teacher": "t.csv", "unvoted": {"source": "u.csv"}},
        },
    }
    assert set(localise_params(params)) == {str(model), "builtin", "distilbert-base-uncased"}
    there = "models/small-lm"
    assert params["transformer"]["models"] == [there, {"model": there, "tuning": "lora"}, "distilbert-base-uncased"]
    assert params["features"]["likelihood"]["model"] == params["learners"]["rewards"][0]["model"] == there
    assert params["learners"]["outside"] == params["learners"]["judges"] == []
    assert params["transformer"]["first"] == {"sources": [], "epochs": 1.0}
    assert params["transformer"]["soft_labels"] == {"voters": True, "teacher": None, "unvoted": None}
    assert params["encoder"]["models_dir"] == "models"

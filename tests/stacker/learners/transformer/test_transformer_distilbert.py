"""DistilBERT's code on real weights: the built-in encoder re-expressed gives the same embeddings and loss curve."""

import json
import shutil

import numpy as np
import pytest
from checkpoints import SENTENCES, make_distilbert_of_builtin
from safetensors.torch import load_file, save_file
from transformer_battles import fit_of, learner_data

from features.encoder.choice import EncoderParams, resolve
from features.encoder.embedding import EmbeddingBlock
from pipelines.models.model_files import builtin_folder
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import TransformerParams


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory):
    return make_distilbert_of_builtin(tmp_path_factory.mktemp("distilbert") / "model")


def test_embeddings_are_those_of_the_builtin_encoder(distilbert):
    texts = [*SENTENCES, " ".join(SENTENCES * 5), ""]
    rows = [
        EmbeddingBlock(resolve(name), EncoderParams(model=name), threads=1).compute(texts)
        for name in ("builtin", str(distilbert))
    ]
    assert (rows[0] * rows[1]).sum(axis=1).min() >= 0.9999


def test_fine_tunes_to_the_same_loss_curve(distilbert, tmp_path):
    """Without what only one class has, the curves are the same to a thousandth.

    That is dropout, which the two put in different places, and the token type of the second part.
    """
    data, outcome = learner_data(40)
    curves = []
    for place, origin in enumerate((builtin_folder(), distilbert)):
        folder = tmp_path / str(place)
        shutil.copytree(origin, folder)
        weights = load_file(folder / "model.safetensors")
        if TYPES in weights:
            weights[TYPES][1] = weights[TYPES][0]
            save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | dict.fromkeys(DROPOUTS, 0.0)))
        params = TransformerParams(
            tuning="top_k",
            top_layers=1,
            dropout=0.0,
            epochs=2.0,
            batch_size=8,
            learning_rate=3e-4,
            C=(0.01,),
            prompt_tokens=16,
            answer_tokens=24,
            patience=9,
        )
        learner = TransformerLearner("m", params, resolve(str(folder))).fit(data, fit_of(outcome))
        curves.append([entry["log_loss"] for entry in learner.about_["evaluations"]])
    assert len(curves[0]) == 5
    assert curves[0][-1] != pytest.approx(curves[0][0], abs=1e-3)  # it learned something
    np.testing.assert_allclose(curves[0], curves[1], atol=1e-3)


TYPES = "embeddings.token_type_embeddings.weight"
DROPOUTS = ("dropout", "attention_dropout", "hidden_dropout_prob", "attention_probs_dropout_prob")

"""The block of likelihoods: its numbers by hand and by the plain way, in any batch, off, on, and in a judge."""

import json

import numpy as np
import pandas as pd
import pytest

from features.blocks.likelihood.likelihood import Likelihood
from features.blocks.likelihood.likelihood_params import LikelihoodParams
from features.blocks.likelihood.likelihood_profile import COLUMNS, TokenScores, profile, worst_stretch
from features.blocks.likelihood.likelihood_reader import LikelihoodReader
from features.build import FeatureParams, build_features
from features.cache import BlockCache
from features.encoder.engines.engine import in_classes
from pipelines.errors import UserError
from pipelines.models.chat_frame import chat_frame
from pipelines.models.model_loading import load_generator

ASKED = ["Which answer is better?", "Write a short poem about the sea, please", ""]
SAID = ["The capital of France is Paris.", "the sea " * 80, "你好 \ud800 <|im_end|>"]
OFF = {name: False for name in FeatureParams.model_fields}


def reader(folder, **settings):
    return LikelihoodReader(LikelihoodParams(model=str(folder), prompt_tokens=24, answer_tokens=40, **settings))


def column(rows, name):
    return rows[..., [each.name for each in COLUMNS].index(name)]


def test_a_profile_by_hand():
    logs = np.log([0.5, 0.25, 0.125])
    found = profile(TokenScores(logs, np.array([1.0, 2.0, 0.0]), np.array([True, False, False]), -0.5), np.log([0.25]))
    told = dict(zip([each.name for each in COLUMNS], found, strict=True))
    two = np.log(2)
    assert told["log probability of a token"] == round(-2 * two, 4)
    assert told["log probability in all"] == round(-6 * two, 4)
    assert told["spread"] == round(np.sqrt(2 / 3) * two, 4)
    assert told["entropy"] == 1.0
    assert told["improbability above the entropy"] == round(2 * two - 1, 4)
    assert told["first choices"] == round(1 / 3, 4)
    assert told["end"] == -0.5
    assert told["without the question"] == round(-2 * two, 4)
    assert told["gain by the question"] == told["gain of the first part"] == round(two, 4)
    assert np.isnan(profile(TokenScores(logs[:0], logs[:0], logs[:0] > 0, -1.0), [])).all()
    assert worst_stretch(np.array([-1.0] * 20 + [-3.0] * 8 + [-1.0] * 5)) == -3.0


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma", "smollm3"])
def test_the_numbers_are_those_of_the_model_asked_plainly(tiny_decoder, family):
    import torch

    folder = tiny_decoder(family)
    tokenizer, model = load_generator(folder)
    frame = chat_frame(tokenizer, "tiny")
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (ASKED[0], SAID[0])]
    start = [*frame.before, *ids[0], *frame.between]
    with torch.inference_mode():
        logits = model(torch.tensor([[*start, *ids[1], frame.after[0]]])).logits[0].log_softmax(-1)
    log_p = [float(logits[len(start) + place - 1, token]) for place, token in enumerate(ids[1])]
    found = reader(folder).compute(ASKED[:1], SAID[:1])[0]
    assert column(found, "log probability of a token") == pytest.approx(np.mean(log_p), abs=2e-4)
    assert column(found, "log probability in all") == pytest.approx(np.sum(log_p), abs=1e-3)
    assert column(found, "end") == pytest.approx(float(logits[-2, frame.after[0]]), abs=2e-4)


def test_a_row_is_bitwise_the_same_whatever_it_comes_with(tiny_decoder):
    block = reader(tiny_decoder("llama"))
    whole = block.compute(ASKED, SAID)
    alone = np.concatenate([block.compute([one], [other]) for one, other in zip(ASKED, SAID, strict=True)])
    block.threads = 3
    turned = block.compute(ASKED[::-1], SAID[::-1])[::-1]
    assert whole.tobytes() == alone.tobytes() == turned.tobytes()
    assert np.isfinite(whole).all()
    assert np.isnan(block.compute(["Why?"], [""])).all()
    assert block.compute([], []).shape == (0, len(COLUMNS))


def test_batches_of_one_shape_give_what_one_by_one_does(tiny_decoder):
    block = reader(tiny_decoder("llama"))
    cut = [block._texts.cut(texts, budget) for texts, budget in ((ASKED, 24), (SAID, 40))]
    readings = [block._after(prompt, answer, gap) for (prompt, _), (answer, gap) in zip(*cut, strict=True)]
    found = in_classes(readings, 200, block._batch)
    again = in_classes(readings[:1], 200, block._batch)
    assert found[0].tobytes() == again[0].tobytes()
    for one, other in zip(found, map(block._one, readings), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_long_answer_is_bounded_and_its_end_is_seen(tiny_decoder):
    block = reader(tiny_decoder("llama"))
    long = "tea " * 200_000
    rows = block.compute(["Why?"] * 3, [long, long + "again", long[:-4] + "sea"])
    assert len(block._after([], *block._texts.cut([long], 40)[0])) <= 40 + len(block._texts.frame) + 1
    assert len({row.tobytes() for row in rows}) == 3


def test_without_a_template_the_words_of_a_plain_one_stand_around(tiny_decoder):
    tokenizer, _ = load_generator(tiny_decoder("llama", template=False))
    frame = chat_frame(tokenizer, "tiny")
    assert frame.after == [tokenizer.eos_token_id] and frame.before[0] == tokenizer.bos_token_id
    assert np.isfinite(reader(tiny_decoder("llama", template=False)).compute(ASKED, SAID)).all()


def test_a_template_without_the_answer_is_refused(tiny_decoder):
    tokenizer, _ = load_generator(tiny_decoder("llama"))
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    with pytest.raises(UserError, match="chat template cannot be used .it leaves out"):
        chat_frame(tokenizer, "model tiny")


def battles(n=3):
    turns = [(text,) for text in [*ASKED, "Why?"]][:n]
    answers = [(text,) for text in ["Because.", "No.", "Yes, it is so.", "It depends."]]
    return pd.DataFrame({"prompt": turns, "response_a": answers[:n], "response_b": answers[1 : n + 1]})


def test_it_is_off_and_takes_a_folder(tiny_decoder, tmp_path):
    assert FeatureParams().likelihood is None
    assert FeatureParams(likelihood=False).likelihood is None
    with pytest.raises(ValueError):
        FeatureParams(likelihood=True)
    on = FeatureParams(**OFF | {"likelihood": str(tiny_decoder("llama"))})
    cache = BlockCache(tmp_path)
    built = build_features(battles(), on, cache=cache)
    assert len(built.pairs.names) == 4 * len(COLUMNS)
    swapped = build_features(
        battles().rename(columns={"response_a": "response_b", "response_b": "response_a"}), on, cache=cache
    )
    np.testing.assert_array_equal(swapped.pairs.values, built.pairs.flip().values)
    # A model that is gone is not asked for by what is known, nor for names alone.
    assert build_features(battles(0), FeatureParams(**OFF | {"likelihood": "gone"})).pairs.names == built.pairs.names


def test_rows_are_found_again_by_content_and_weights(tiny_decoder, tmp_path, monkeypatch):
    cache = BlockCache(tmp_path)
    on = FeatureParams(**OFF | {"likelihood": str(tiny_decoder("llama"))})
    first = build_features(battles(), on, cache=cache)
    asked = []
    monkeypatch.setattr(LikelihoodReader, "compute", lambda self, *texts: asked.append(texts))
    assert build_features(battles(), on, cache=cache).pairs.values.tobytes() == first.pairs.values.tobytes()
    assert not asked
    other = Likelihood().opened(LikelihoodParams(model=str(tiny_decoder("llama", seed=1))), 1)
    assert cache.path(other) != cache.path(Likelihood().opened(on.likelihood, 1))


def test_what_is_no_model_is_one_sentence(tiny_decoder, tiny_checkpoint, tmp_path):
    with pytest.raises(UserError, match="is no folder"):
        reader(tmp_path / "none")
    with pytest.raises(UserError, match="no causal language model|its weights lack"):
        reader(tiny_checkpoint("bert")).compute(["Why?"], ["So."])
    with pytest.raises(UserError, match="has positions for 512"):
        LikelihoodReader(LikelihoodParams(model=str(tiny_decoder("llama")), answer_tokens=512))
    pinned = LikelihoodParams(model=str(tiny_decoder("llama"))).pinned()
    with pytest.raises(UserError, match="were trained with; put these there"):
        pinned.model_copy(update={"model": str(tiny_decoder("llama", seed=1))}).pinned()


@pytest.mark.slow
def test_a_judge_knows_its_model_and_refuses_another(tiny_decoder, tmp_path):
    from pipelines.battles.built_in import sample_battles
    from stacker import Judge
    from stacker.training.params import parse_params
    from stacker.training.train import train

    few = {"linear": {"C": [0.01], "inner_folds": 2}} | {
        kind: {"enabled": False} for kind in ("lightgbm", "xgboost", "sparse")
    }
    params = parse_params(
        {
            "features": {**OFF, "likelihood": {"model": str(tiny_decoder("llama")), "answer_tokens": 24}},
            "learners": few,
            "transformer": {"enabled": False},
            "folds": {"count": 2},
            "run": {"cache": str(tmp_path / "cache"), "threads": 1},
        }
    )
    judge = train(sample_battles(24).battles, params).judge
    judge.save(tmp_path / "judge")
    battle = ("Why?", "Because it is so.", "No.")
    said = Judge.load(tmp_path / "judge").compare(*battle)
    assert said == judge.compare(*battle)
    assert any(part.group == "likelihood" for part in judge.explain(*battle).groups)
    path = tmp_path / "judge" / "judge.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert len(record["features"]["likelihood"]["sha256"]) == 64
    record["features"]["likelihood"]["model"] = str(tiny_decoder("llama", seed=1))
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(UserError, match="were trained with; put these there"):
        Judge.load(tmp_path / "judge").compare(*battle)

"""Reward models as learners: the models' own scores, fitted temperature and ties, kept once, saved without them."""

import numpy as np
import pandas as pd
import pytest

from features.cache import BlockCache
from features.encoder.engines.engine import in_classes
from pipelines.errors import UserError
from pipelines.models.model_loading import load_reward_model
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import load_learner
from stacker.learners.rewards.reward import RewardLearner, Scores, configured_rewards
from stacker.learners.rewards.reward_params import RewardParams
from stacker.learners.rewards.reward_reader import RewardReader

PROMPTS = ["Write a short poem about the sea", "What is the capital of France?"]


def params(folder, **settings):
    return RewardParams(name="rm", model=str(folder), prompt_tokens=32, answer_tokens=64, **settings)


def battles(n, seed=0):
    draw = np.random.default_rng(seed)
    words = ["Paris", "the sea", "better", "second", "return a + b", "poem", "France", "tea", "12 lines", "help"]

    def said():
        return (" ".join(draw.choice(words, draw.integers(1, 9))),)

    rows = [((PROMPTS[row % 2] + f" {row}",), said(), said()) for row in range(n)]
    texts = pd.DataFrame(rows, columns=["prompt", "response_a", "response_b"])
    from features.build import FeatureParams, build_features

    off = FeatureParams(**dict.fromkeys(FeatureParams.model_fields, False))
    return LearnerData(texts, build_features(texts, off).pairs, None)


def fit_of(outcome):
    return Fit(outcome, np.ones(len(outcome)), np.arange(len(outcome)), 0)


def test_scores_are_the_models_own(tiny_decoder):
    """In its chat template with the end of the turn; alone, in company and in threads bitwise the same."""
    import torch

    folder = tiny_decoder("llama", kind="reward")
    tokenizer, model = load_reward_model(folder, "tiny")
    talk = [{"role": "user", "content": PROMPTS[0]}, {"role": "assistant", "content": "the sea is deep"}]
    ids = torch.tensor(
        [tokenizer(tokenizer.apply_chat_template(talk, tokenize=False), add_special_tokens=False)["input_ids"]]
    )
    with torch.inference_mode():
        wanted = float(model(ids).logits[0, 0])
    reader = RewardReader(params(folder))
    asked, said = [PROMPTS[0], PROMPTS[1], ""], ["the sea is deep", "no " * 300, ""]
    found = reader.compute(asked, said)
    assert found[0, 0] == pytest.approx(wanted, abs=2e-4)
    reader.threads = 2
    alone = np.concatenate([reader.compute([one], [other]) for one, other in zip(asked, said, strict=True)])
    assert alone.tobytes() == found.tobytes() == reader.compute(asked, said).tobytes()
    texts = [reader._texts.cut([text], 64)[0][0] for text in ("the sea is deep", "no", "Paris " * 9)]
    batched = in_classes(texts, 256, reader._batch)
    assert batched == pytest.approx([reader._batch([ids], 1, len(ids))[0] for ids in texts], abs=1e-4)


def test_temperature_and_ties_are_found_and_the_swap_is_exact(tiny_decoder, tmp_path):
    """Votes drawn by the scores: with few numbers to fit, the probabilities come near those that were drawn from."""
    folder = tiny_decoder("llama", kind="reward")
    data = battles(200)
    scores = Scores(params(folder))
    learner = RewardLearner(params(folder), lambda: scores)
    gap = learner._gap(data)
    margin = 1.5 * gap / np.sqrt(np.mean(gap**2))
    draw = np.random.default_rng(1)
    tie = 1 / (1 + np.exp(0.3 + np.abs(margin)))
    a = (1 - tie) / (1 + np.exp(-margin))
    drawn = draw.random(len(gap))
    outcome = np.where(drawn < a, 0, np.where(drawn < 1 - tie, 1, 2)).astype(np.int64)
    found = learner.fit(data, fit_of(outcome)).predict_proba(data)
    assert np.abs(found - np.stack([a, 1 - tie - a, tie], axis=1)).mean() < 0.05
    assert np.abs(learner.predict_proba(data.flip())[:, [1, 0, 2]] - found).max() <= 1e-9
    learner.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learner.json"]
    again = load_learner("reward", tmp_path)
    np.testing.assert_allclose(again.predict_proba(data.take(np.arange(9))), found[:9], atol=1e-12)
    path = tmp_path / "learner.json"
    other = tiny_decoder("llama", kind="reward", seed=1)
    path.write_text(path.read_text(encoding="utf-8").replace(str(folder), str(other)), encoding="utf-8")
    with pytest.raises(UserError, match="were trained with; put these there"):
        load_learner("reward", tmp_path)


def test_an_answer_is_scored_once_for_all_folds_and_runs(tiny_decoder, tmp_path, monkeypatch):
    folder, data = tiny_decoder("qwen2", kind="reward"), battles(10)
    (configured,) = configured_rewards([params(folder), params(folder, enabled=False)], tmp_path)
    first = configured.make().fit(data, fit_of(np.arange(10) % 3)).predict_proba(data)
    asked = []
    monkeypatch.setattr(RewardReader, "compute", lambda self, *texts: asked.append(texts))
    (again,) = configured_rewards([params(folder)], tmp_path)
    for one in (configured, again):
        assert one.make().fit(data, fit_of(np.arange(10) % 3)).predict_proba(data).tobytes() == first.tobytes()
    assert not asked and again.identity == configured.identity
    assert BlockCache(tmp_path).path(RewardReader(params(tiny_decoder("qwen2", kind="reward", seed=1)))) != BlockCache(
        tmp_path
    ).path(RewardReader(params(folder)))


def test_what_is_no_reward_model_is_one_sentence(tiny_decoder, tiny_checkpoint, tmp_path):
    with pytest.raises(UserError, match=r"learners.rewards rm: .* is no folder"):
        RewardReader(params(tmp_path / "none"))
    with pytest.raises(UserError, match="has 2 outputs, and a reward model has one|its weights lack"):
        RewardReader(params(tiny_checkpoint("bert"))).compute(["Why?"], ["So."])
    with pytest.raises(UserError, match="has positions for 512; lower them"):
        RewardReader(RewardParams(name="rm", model=str(tiny_decoder("llama", kind="reward"))))


@pytest.mark.slow
def test_a_run_takes_a_reward_model(tiny_decoder, tmp_path):
    from pipelines.battles.built_in import sample_battles
    from stacker import Judge
    from stacker.training.params import parse_params
    from stacker.training.train import train

    small = {
        "features": {"embedding": False, "readability": False, "sentiment": False},
        "learners": {kind: {"enabled": False} for kind in ("lightgbm", "xgboost", "sparse")}
        | {"linear": {"C": [0.01], "inner_folds": 2}}
        | {"rewards": [params(tiny_decoder("gemma", kind="reward")).model_dump(mode="json")]},
        "transformer": {"enabled": False},
        "folds": {"count": 2},
        "run": {"cache": str(tmp_path / "cache"), "threads": 1},
    }
    trained = train(sample_battles(24).battles, parse_params(small))
    assert "rm" in trained.level.names and trained.level.swap_errors["rm"] <= 1e-9
    trained.judge.save(tmp_path / "judge")
    judge, battle = Judge.load(tmp_path / "judge"), ("Why?", "Because it is so.", "No.")
    assert judge.compare(*battle) == trained.judge.compare(*battle)
    assert any(part.group == "reward model" for part in judge.explain(*battle).groups)
    small["learners"]["rewards"] *= 2
    with pytest.raises(UserError, match="learners: rm is the name of two learners"):
        train(sample_battles(24).battles, parse_params(small))

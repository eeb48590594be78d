"""Battles without a vote: the rule, labels of the fit's own battles alone, and what a fit makes of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from transformer_battles import fit_of, learner_data

from features.encoder.choice import resolve
from pipelines.battles.arrays import FLIP
from pipelines.errors import UserError
from stacker.learners.learner_interface import LearnerData
from stacker.learners.soft_votes import SoftVotes
from stacker.learners.transformer.chosen import ChosenTransformer, configured_transformers
from stacker.learners.transformer.fine_tuning import ALWAYS, held_out
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import TransformerParams, UnvotedParams
from stacker.learners.transformer.unvoted import Unvoted, chosen
from stacker.training.cross_fitting import FitStore, fingerprint
from stacker.training.cross_fitting import held_out as held_out_fit
from stacker.training.first_stage import with_unvoted
from stacker.training.params import parse_params

LABELS = np.array([[0.7, 0.2, 0.1], [0.4, 0.3, 0.3], [0.1, 0.1, 0.8], [0.05, 0.9, 0.05], [0.2, 0.6, 0.2]])
SMALL = TransformerParams(model="builtin", prompt_tokens=8, answer_tokens=8, C=(0.001, 0.01), device="cpu")


def rule(**more) -> UnvotedParams:
    return UnvotedParams(source="none.csv", by="linear", **more)


def unvoted(m: int = 10, **more) -> Unvoted:
    texts = learner_data(m, seed=7)[0].texts
    return Unvoted(texts.assign(prompt=[(f"Another question {row}",) for row in range(m)]), rule(**more))


def test_the_rule_keeps_what_is_sure_enough_and_the_surest_of_too_many():
    assert chosen(LABELS, rule(confidence=0.6)).tolist() == [0, 2, 3, 4]
    assert chosen(LABELS, rule(confidence=0.6, most=2)).tolist() == [2, 3]
    assert chosen(LABELS[:, FLIP], rule(confidence=0.6, most=2)).tolist() == [2, 3]
    assert chosen(LABELS, rule(confidence=0.95)).tolist() == []


def test_battles_are_joined_with_their_weight_group_and_mark():
    data, outcome = learner_data(24)
    fit = fit_of(outcome)
    whole, told = unvoted(confidence=0.34, weight=0.25).joined(data, fit)
    assert len(whole) == 34 and told.soft.unvoted.tolist() == [False] * 24 + [True] * 10
    assert whole.texts.iloc[:24].equals(data.texts)
    assert told.weight[24:].tolist() == [0.25] * 10 and told.soft.weight[24:].tolist() == [0.25] * 10
    assert (told.soft.shares[:24] == np.eye(3)[outcome]).all()
    assert told.soft.shares[24:].sum(axis=1) == pytest.approx(1)
    assert (told.outcome[24:] == told.soft.shares[24:].argmax(axis=1)).all()
    assert not set(told.group[24:]) & set(fit.group)
    assert told.digest() != fit.digest()
    assert told.soft.take([0, 30]).unvoted.tolist() == [False, True]
    assert told.soft.flip(np.ones(34, dtype=bool)).unvoted is not None


def test_votes_that_are_distributions_stay_so():
    data, outcome = learner_data(24)
    soft = SoftVotes(np.full((24, 3), 1 / 3), np.full(24, 2.0), np.full((24, 3), 0.2), 0.3, 1.5, np.full(24, 0.1))
    _, told = unvoted(confidence=0.34).joined(data, replace(fit_of(outcome), soft=soft))
    assert (told.soft.shares[:24] == 1 / 3).all() and told.soft.share == 0.3
    assert np.isnan(told.soft.teacher[24:]).all() and told.soft.tie_offset[24:].tolist() == [0] * 10
    assert told.soft.weight[24:].tolist() == [1.0] * 10


def test_swapped_sides_have_swapped_labels():
    data, outcome = learner_data(24)
    straight = unvoted(confidence=0.34)
    turned = replace(
        straight, texts=straight.texts.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    )
    found = [each.joined(data, fit_of(outcome))[1].soft.shares[24:] for each in (straight, turned)]
    assert found[0] == pytest.approx(found[1][:, FLIP], abs=1e-9)


def test_battles_without_a_vote_are_learned_from_and_choose_nothing():
    data, outcome = learner_data(24)
    _, told = unvoted(confidence=0.34).joined(data, fit_of(outcome))
    train, held = held_out(told, 0.25)
    assert held.max() < 24 and set(range(24, 34)) <= set(train)
    plain_train, plain_held = held_out(fit_of(outcome), 0.25)
    assert held.tolist() == plain_held.tolist() and plain_train.tolist() == [row for row in train if row < 24]
    assert ALWAYS > 1000


def test_another_rule_or_other_texts_are_another_fit():
    one = unvoted()
    assert one.identity == replace(one, params=rule()).identity == replace(one, cache="cache").identity
    assert len({each.identity for each in (one, unvoted(confidence=0.7), unvoted(9))}) == 3
    plain = ChosenTransformer("m", SMALL, resolve("builtin"))
    assert plain.identity != replace(plain, unvoted=one).identity
    assert configured_transformers([replace(plain, unvoted=one)])[0].make().unvoted is one


def write(path, prompts):
    frame = pd.DataFrame({"id": range(len(prompts)), "prompt": prompts, "response_a": "yes", "response_b": "no"})
    frame.to_csv(path, index=False)
    return path


def test_prompts_of_the_run_are_left_out(tmp_path):
    battles = learner_data(4)[0].texts
    known = battles["prompt"].iloc[1][0]
    path = write(tmp_path / "chats.csv", [f" {known.upper()} ", "New question"])
    params = parse_params({"transformer": {"soft_labels": {"unvoted": {"source": str(path)}}}})
    told = []
    found = with_unvoted([ChosenTransformer("m", SMALL, resolve("builtin"))], params, battles, told.append)
    assert found[0].unvoted.texts["prompt"].tolist() == [("New question",)]
    assert "Battles without a vote: 1" in told[0] and "1 on prompts of the run are left out" in told[0]
    write(path, [known])
    with pytest.raises(UserError, match="no battle on a prompt that the run has not"):
        with_unvoted([ChosenTransformer("m", SMALL, resolve("builtin"))], params, battles)


def test_a_rule_without_sense_is_refused():
    for wrong in ({"confidence": 0.2}, {"weight": 0}, {"by": "sparse"}):
        with pytest.raises(UserError, match="unvoted"):
            parse_params({"transformer": {"soft_labels": {"unvoted": {"source": "a.csv", **wrong}}}})


@pytest.mark.slow
def test_a_fold_s_own_votes_change_nothing_of_what_is_said_of_it(tmp_path):
    """Labels that came from all battles would carry the held votes into the fit."""
    data, outcome = learner_data(30)
    held = np.arange(20, 30)
    seen = []
    for number, votes in enumerate((outcome, np.where(np.arange(30) >= 20, (outcome + 1) % 3, outcome))):
        one = ChosenTransformer("m", SMALL, resolve("builtin"), unvoted(confidence=0.34))
        learner = configured_transformers([one])[0]
        frame = data.texts.assign(outcome=votes, weight=1.0)
        store = FitStore(tmp_path / str(number))
        found = held_out_fit(learner, data, fit_of(votes), np.arange(20), held, fingerprint(frame, ""), store)
        seen.append(found["probabilities"])
        assert found["swap_error"] < 1e-9
    assert (seen[0] == seen[1]).all()
    alone = TransformerLearner("m", SMALL, resolve("builtin")).fit(data.take(np.arange(20)), fit_of(outcome[:20]))
    assert isinstance(data, LearnerData) and (alone.predict_proba(data.take(held)) != seen[0]).any()

import hashlib
import math
import time
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.build import FeatureParams, build_features
from features.fast.vader import vader
from features.text import FUNCTION_WORDS, words
from pipelines.battles.built_in import (
    ASKED,
    MODELS,
    TIE_THRESHOLD,
    WORDS,
    Traits,
    make_answer,
    make_prompt,
    sample_battles,
    utility,
    vote_probabilities,
    words_of,
)
from pipelines.battles.folds import grouped_folds, prompt_groups
from pipelines.battles.table import check, text_of
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic


def test_the_same_size_and_seed_give_the_same_battles():
    first, again = sample_battles(200, 3), sample_battles(200, 3)
    pd.testing.assert_frame_equal(first.battles, again.battles)
    assert (first.bayes_probabilities == again.bayes_probabilities).all()
    assert sample_battles(200, 4).battles["prompt"].tolist() != first.battles["prompt"].tolist()
    test = sample_battles(200, 3, "test").battles
    assert not set(test["id"]) & set(first.battles["id"])
    assert not set(test["response_a"]) & set(first.battles["response_a"])


def test_the_battles_are_those_that_reference_runs_were_made_with():
    """Whoever changes the process or the words changes every stored result: then renew them and this hash."""
    columns = ["prompt", "response_a", "response_b", "model_a", "model_b", "outcome"]
    content = repr(sample_battles(50).battles[columns].values.tolist())
    assert hashlib.sha256(content.encode()).hexdigest() == (
        "7086d8a7adf3efbf143622e2bd4ce3ce6e10da5cf466721a99848e0c1443580d"
    )


def test_twenty_thousand_battles_look_like_kaggles_and_their_votes_follow_the_probabilities():
    begun = time.process_time()
    made = sample_battles(20_000)
    assert time.process_time() - begun < 30
    table, p = check(made.battles), made.bayes_probabilities
    shares = np.bincount(table["outcome"]) / len(table)
    np.testing.assert_allclose(shares, [0.35, 0.34, 0.31], atol=0.02)
    counts = table["prompt"].value_counts()
    assert 0.12 < counts[counts > 1].sum() / len(table) < 0.21
    assert {len(turns) for turns in table["prompt"]} == {1, 2}
    assert set(table["model_a"]) == set(MODELS) and (table["model_a"] != table["model_b"]).all()
    # The votes are draws from the probabilities: within four standard errors everywhere, and on the whole.
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-12 and p.min() > 0
    outcome = table["outcome"].to_numpy()
    for place in range(3):
        for part in np.array_split(np.argsort(p[:, place]), 20):
            expected, seen = p[part, place].mean(), (outcome[part] == place).mean()
            assert abs(seen - expected) < 4 * math.sqrt(expected * (1 - expected) / len(part))
    entropy = -(p * np.log(p)).sum(axis=1)
    assert 0.8 < entropy.mean() < 0.95
    assert abs(made.bayes_log_loss - entropy.mean()) < 0.02


def test_utility_and_probabilities_by_hand():
    traits = Traits(("a", "b"), 3, -1, True, False)
    assert utility(traits, 32) == pytest.approx(0.6 * 2 + 0.4 * 5 - 0.6 + 0.3)
    assert utility(Traits((), 1, 0, False, True), 0) == pytest.approx(-1.2)
    # Rao and Kupper with gap log 2 and threshold log 3: 2/5, 1/7 and the rest.
    np.testing.assert_allclose(vote_probabilities(np.array([math.log(2)]), math.log(3)), [[2 / 5, 1 / 7, 16 / 35]])


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=20))
def test_swapping_the_sides_swaps_the_probabilities(gaps):
    straight, swapped = vote_probabilities(np.array(gaps)), vote_probabilities(-np.array(gaps))
    np.testing.assert_allclose(straight, swapped[:, [1, 0, 2]], atol=1e-15)
    assert (straight[:, 2] <= vote_probabilities(np.zeros(1))[0, 2] + 1e-15).all() and TIE_THRESHOLD > 0


def read_off(prompt, answer):
    """Tell an answer's worth from its text alone."""
    text = text_of(answer)
    asked = [aspect for aspect in WORDS["aspects"] if aspect in words(text_of(prompt).lower())]
    covered = tuple(aspect for aspect in asked if aspect in words(text.lower()))
    tone = any(warm in text for warm in WORDS["warm"]) - any(cold in text for cold in WORDS["cold"])
    shown = Traits(covered, 0, tone, "- " in text, any(refusal in text for refusal in WORDS["refusals"]))
    assert len(asked) == ASKED
    return utility(shown, words_of(answer))


def test_everything_that_votes_depend_on_can_be_read_off_the_texts():
    made = sample_battles(400, 1)
    rows = zip(made.battles["prompt"], made.battles["response_a"], made.battles["response_b"], strict=True)
    gaps = np.array([read_off(prompt, a) - read_off(prompt, b) for prompt, a, b in rows])
    np.testing.assert_allclose(vote_probabilities(gaps), made.bayes_probabilities, atol=1e-12)


def test_the_words_say_what_they_should_and_no_more():
    # What is beside the point shares no word with any prompt, and has no tone.
    asked = " ".join(
        [
            *WORDS["subjects"],
            *WORDS["tasks"],
            *WORDS["settings"],
            *WORDS["one_turn"],
            WORDS["two_turns"][1],
            *WORDS["aspects"],
        ]
    )
    covering = [form.format(aspect="", Aspect="") for form in WORDS["covering"]]
    said = " ".join(
        [
            *WORDS["leads"],
            *WORDS["who"],
            *WORDS["does"],
            *WORDS["when"],
            *covering,
            *WORDS["warm"],
            *WORDS["cold"],
            *WORDS["refusals"],
        ]
    )
    assert set(words(asked.lower())) & set(words(said.lower())) <= set(FUNCTION_WORDS)
    assert len(set(WORDS["aspects"])) == len(WORDS["aspects"])
    random = Random(0)
    prompt = make_prompt(random, False)
    for _ in range(100):
        answer = make_answer(random, prompt, Traits(prompt.aspects, 8, 0, False, False))
        scores = vader().score_all([f"{part}." for part in answer[0].split(".")], remember=False)
        assert (abs(scores[:, 3]) < 0.06).all()
    assert vader().score_all(WORDS["warm"], remember=False)[:, 3].min() > 0.6
    assert vader().score_all(WORDS["cold"], remember=False)[:, 3].max() < -0.4


@pytest.mark.slow
def test_features_and_a_logistic_regression_come_near_the_best_loss():
    made = sample_battles(3000, 2)
    pairs = build_features(made.battles, FeatureParams(embedding=False, readability=False)).pairs
    names = list(pairs.names)
    outcome = made.battles["outcome"].to_numpy()
    drivers = ["log words", "prompt coverage", "unordered items", "mean compound", "first compound", "model-identity"]
    chosen = [
        place
        for place, name in enumerate(names)
        if pairs.sign[place] == -1 and any(driver in name for driver in drivers)
    ]
    odd = np.nan_to_num(pairs.values[:, chosen].astype(np.float64))
    odd /= np.where(odd.any(axis=0), odd.std(axis=0), 1.0)  # of built-in battles some never differ
    half = 1500
    even = np.abs(odd)
    inner = grouped_folds(prompt_groups(made.battles["prompt"][:half]), outcome[:half], 4, 0)
    model = AntisymmetricLogistic((0.003, 0.01, 0.03))
    model.fit(odd[:half], even[:half], outcome[:half], np.ones(half), inner)
    p = model.predict_proba(odd[half:], even[half:])
    rows = np.arange(len(p))
    best = -np.log(made.bayes_probabilities[half:][rows, outcome[half:]]).mean()
    assert -np.log(p[rows, outcome[half:]]).mean() - best < 0.05
    assert best < 1.0

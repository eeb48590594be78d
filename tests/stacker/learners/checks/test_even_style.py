"""The verdict with style held equal: exact swaps, no length in it, strict files, and a temperature that holds."""

import json

import numpy as np
import pandas as pd
import pytest
from even_judge import SEEN, fitted_parts

from features.build import build_features
from features.pairs import LackingFeaturesError, PairMatrix, parsed
from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.files.saved_files import DamagedError
from stacker.learners.checks.answer_checks import Thresholds
from stacker.learners.checks.even_style import (
    ALIKE,
    APART,
    FILE,
    GROUPS,
    NEAR,
    NEARNESS,
    WIDTH,
    EvenStyle,
    Weights,
    content_names,
    group_of,
    relevance_names,
    relevance_weight,
)
from stacker.training.made.even_style_fitting import (
    EvenStyleSettings,
    Made,
    Votes,
    even_weights,
    fit_even_style,
    of_like_style,
)

HEART = (
    "The heart pumps blood through the body. It has four chambers, and each of them has its own task. "
    "When you run, it beats faster, because the muscles need more oxygen than they do at rest."
)
BREAD = (
    "Mix flour with water, salt and yeast, and knead the dough for ten minutes. Let it rise for an hour, shape a "
    "loaf and bake it until the crust is brown."
)
ASKED = "How does the heart work when I run?"


@pytest.fixture(scope="module")
def battles():
    return sample_battles(60).battles


@pytest.fixture(scope="module")
def fitted():
    return fitted_parts()[0]


@pytest.fixture(scope="module")
def even():
    return fitted_parts()[1]


def features_of(*battles):
    columns = ["prompt", "response_a", "response_b"]
    return build_features(pd.DataFrame([[(text,) for text in row] for row in battles], columns=columns), SEEN).pairs


@pytest.fixture(scope="module")
def pairs(battles):
    return build_features(battles.head(20), SEEN).pairs


def voted(count):
    return np.random.default_rng(0).dirichlet([2, 2, 2], size=count)


def test_swapping_the_sides_turns_the_margin_to_the_last_bit_and_swaps_the_verdict(even, fitted, pairs):
    np.testing.assert_array_equal(even.margins(pairs.flip()), -even.margins(pairs))
    there = even.verdicts(voted(20), pairs, fitted.checks)
    back = even.verdicts(voted(20)[:, FLIP], pairs.flip(), fitted.checks)[:, FLIP]
    np.testing.assert_allclose(there, back, rtol=0, atol=1e-12)


def test_a_verdict_does_not_depend_on_the_battles_it_comes_with(even, fitted, pairs):
    alone = [even.verdicts(voted(20)[[row]], pairs.take(np.array([row])), fitted.checks)[0] for row in range(20)]
    np.testing.assert_array_equal(even.verdicts(voted(20), pairs, fitted.checks), np.array(alone))


def test_no_column_of_length_layout_or_tone_is_seen(even):
    blocks = {parsed(name).block for name in even.names}
    assert blocks <= {"relevance", "overlap", "instructions", "integrity", "style", "turns"}
    style = {parsed(name).column for name in even.names if parsed(name).block == "style"}
    assert all("refusal" in name or "apology" in name or "identity" in name for name in style)
    assert not [name for name in even.names if "log words" in name or "length" in name]
    assert {group_of(name) for name in even.names} == set(GROUPS)


def test_an_answer_written_twice_and_an_answer_to_another_question_lose(even, fitted):
    rows = features_of(
        (ASKED, HEART, f"{HEART}\n\n{HEART}"),
        (ASKED, HEART, BREAD),
    )
    found = even.verdicts(np.tile([[0.1, 0.7, 0.2]], (2, 1)), rows, fitted.checks)
    assert (found[:, 0] > found[:, 1]).all()


def test_the_tie_log_odds_are_those_of_the_verdict_as_voted(even, pairs):
    before = voted(20)
    after = even.before_checks(before, pairs)
    tie = [np.log(p[:, 2]) - (np.log(p[:, 0]) + np.log(p[:, 1])) / 2 for p in (before, after)]
    np.testing.assert_allclose(tie[0], tie[1], atol=1e-9)


def test_relevance_counts_by_how_near_the_answers_are(pairs):
    columns = [pairs.names.index(name) for name in NEARNESS]
    values = np.zeros((3, len(pairs.names)), dtype=np.float32)
    for row, cosine in enumerate((-1.0, 1.0, np.nan)):
        values[row, columns] = cosine
    found = relevance_weight(PairMatrix(values, pairs.names, pairs.partner, pairs.sign))
    same = ALIKE + (APART - ALIKE) / (1 + np.exp((1 - NEAR) / WIDTH))
    np.testing.assert_allclose(found, [APART, same, (APART + ALIKE) / 2], rtol=1e-6)
    assert ALIKE <= found[1] < found[2] < found[0] <= APART


def test_answers_of_like_style_are_of_like_length_and_form():
    rows = features_of(
        ("q", HEART, HEART[:-1]), ("q", HEART, HEART * 2), ("q", HEART, "- " + HEART.replace(" ", "\n- ", 6))
    )
    assert of_like_style(rows).tolist() == [True, False, False]


def test_votes_count_less_the_more_the_lengths_differ_and_as_much_in_all(pairs):
    """By hand: where one answer is e^.8 times as long as the other, a vote counts 1/e of one on alike ones."""
    column = pairs.names.index("surface: log words (A - B)")
    values = pairs.values.copy()
    values[:, column] = np.where(np.arange(len(values)) % 2 == 0, 0.0, 0.8)
    rows = PairMatrix(values, pairs.names, pairs.partner, pairs.sign)
    votes = Votes(rows, np.ones(len(values), dtype=bool), np.full(len(values), 2.0), np.zeros(len(values), dtype=int))
    weight = even_weights(votes, 0.8)
    assert weight.sum() == pytest.approx(2 * len(values))
    np.testing.assert_allclose(weight[1] / weight[0], np.exp(-1))


def test_a_planted_preference_is_found_and_the_temperature_is_that_of_votes_held_out(fitted, pairs):
    generator = np.random.default_rng(0)
    names = content_names(pairs) + relevance_names(pairs)
    seen = tuple(pairs.names)
    odd = generator.normal(size=(3000, len(names)))
    planted = generator.normal(size=len(names)) / 4
    values = np.zeros((3000, len(seen)), dtype=np.float32)
    values[:, [seen.index(name) for name in names]] = odd
    a_won = generator.random(3000) < 1 / (
        1 + np.exp(-odd[:, : len(content_names(pairs))] @ planted[: len(content_names(pairs))])
    )
    matrix = PairMatrix(values, seen, pairs.partner, pairs.sign)
    votes = Votes(matrix, a_won, np.ones(3000), np.arange(3000) % 3)
    nothing = Made(fitted.pairs.take(np.arange(0)), fitted.made["family"][:0], fitted.made["kind"][:0], np.arange(0))
    even = fit_even_style(votes, nothing, EvenStyleSettings(), Thresholds(bad=1.0, off_topic=1.0))
    margin = even.margins(matrix)
    assert np.corrcoef(margin, odd[:, : len(content_names(pairs))] @ planted[: len(content_names(pairs))])[0, 1] > 0.95
    said = 1 / (1 + np.exp(-margin))
    assert abs(np.mean(np.maximum(said, 1 - said)) - np.mean((margin > 0) == a_won)) < 0.03


def test_saved_it_says_the_same_and_a_changed_file_is_refused(even, pairs, tmp_path):
    even.save(tmp_path)
    loaded = EvenStyle.load(tmp_path)
    np.testing.assert_array_equal(loaded.margins(pairs), even.margins(pairs))
    assert loaded.thresholds == even.thresholds
    stored = json.loads((tmp_path / FILE).read_text())
    for change in ({"temperature": 0.0}, {"temperature": "1"}, {"more": 1}, {"content": None}):
        (tmp_path / FILE).write_text(json.dumps(stored | change))
        with pytest.raises(DamagedError, match=FILE):
            EvenStyle.load(tmp_path)
    fewer = stored | {"content": stored["content"] | {"weights": stored["content"]["weights"][1:]}}
    (tmp_path / FILE).write_text(json.dumps(fewer))
    with pytest.raises(DamagedError, match="not as many"):
        EvenStyle.load(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(DamagedError, match="is missing"):
        EvenStyle.load(tmp_path)


def test_a_feature_that_is_not_computed_is_named(even, pairs):
    with pytest.raises(LackingFeaturesError, match="relevance"):
        even.check(pairs.columns([k for k, name in enumerate(pairs.names) if not name.startswith("relevance")]))


def test_weights_are_of_differences_alone():
    with pytest.raises(ValueError, match="no difference"):
        Weights(names=("surface: words (A)",), scales=(1.0,), weights=(1.0,))


def test_numbers_without_bounds_do_not_break_a_margin(even, pairs):
    values = pairs.values.copy()
    values[0], values[1], values[2] = np.nan, np.inf, -np.inf
    assert np.isfinite(even.margins(PairMatrix(values, pairs.names, pairs.partner, pairs.sign))).all()

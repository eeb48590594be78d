"""Votes on the battles that a judge is least sure of are weighed back to the whole file."""

import random

import numpy as np
import pandas as pd
import pytest

from dashboard.pages.history.history_cards import figures
from dashboard.sessions.battle_draw import drawn_row
from dashboard.texts import Texts
from dashboard.votes.agreement import agreement, kappa, with_outcomes
from dashboard.votes.model_ranking import rank
from dashboard.votes.vote_weights import vote_weights
from stacker.evaluate.votes.weighted_votes import weighted_share_interval


def frame(draws, origin="f", session="s"):
    table = pd.DataFrame(draws, columns=["shown_step", "shown_of", "shown_chance"])
    return table.assign(origin=origin, session=session)


def voted(size, votes, seed, share=0.25):
    """Return a file whose least certain battles come first and are missed most, as draws, hits, and the true rate."""
    rng, chance = np.random.default_rng(seed), random.Random(seed)
    unsure = rng.random(size)
    hit = rng.random(size) < 0.75 - 0.5 * unsure
    order, settled, draws, rows = np.argsort(-unsure).tolist(), set(), [], []
    for step in range(votes):
        while order[0] in settled:
            order.pop(0)
        row, draw = drawn_row(order[0], settled, size, share, step, chance)
        settled.add(row)
        rows.append(row)
        draws.append((draw.step, draw.of, draw.chance))
    return frame(draws), hit[rows].astype(float), float(hit.mean()), rows


def test_weights_by_hand():
    # A file of 4, two votes: one drawn with chance .1 of 4, one with .7 of 3.
    found = vote_weights(frame([(0, 4, 0.1), (1, 3, 0.7)]))
    v = np.array([1 + 2 / 3 * (1 / 0.4 - 1), 1 + 2 / 2 * (1 / 2.1 - 1)])
    np.testing.assert_allclose(found, v / v.mean())


def test_a_file_that_was_voted_on_whole_and_votes_of_unknown_chance_weigh_one():
    whole = [(0, 3, 0.2), (1, 2, 0.9), (2, 1, 1.0)]
    np.testing.assert_allclose(vote_weights(frame(whole)), 1.0)
    nothing = frame([(np.nan, np.nan, np.nan)] * 3)
    np.testing.assert_array_equal(vote_weights(nothing), 1.0)
    both = pd.concat([nothing, frame([(0, 50, 0.01), (1, 49, 0.8)], session="t")], ignore_index=True)
    found = vote_weights(both)
    assert found[:3].tolist() == [1.0] * 3 and found[3] > 1 > found[4] and found[3:].sum() == pytest.approx(2.0)
    assert len(vote_weights(both.iloc[:0])) == 0


def test_two_files_and_two_people_are_weighed_each_for_themselves_in_any_order():
    one, other = frame([(0, 9, 0.1), (1, 8, 0.8)]), frame([(0, 9, 0.8), (1, 8, 0.1), (2, 7, 0.8)], session="t")
    both = pd.concat([one, other], ignore_index=True)
    expected = np.concatenate([vote_weights(one), vote_weights(other)])
    order = np.array([3, 0, 4, 1, 2])
    np.testing.assert_allclose(vote_weights(both.iloc[order]), expected[order])


def measured(share=0.25, files=120):
    """Return means over files of 300 battles with 60 votes: true rate, as voted, weighed, covered, length of interval.

    RESULTS.md has them for more files.
    """
    found = []
    for seed in range(files):
        votes, hits, truth, _ = voted(300, 60, seed, share)
        weight = vote_weights(votes)
        low, high = weighted_share_interval(hits, weight, np.arange(len(hits)))
        found.append((truth, hits.mean(), np.average(hits, weights=weight), low <= truth <= high, high - low))
    return np.array(found, dtype=float).mean(axis=0)


def test_the_rate_is_that_of_the_file_and_its_interval_covers_it():
    truth, plain, weighed, covered, _ = measured()
    assert plain < truth - 0.1  # as they stand, votes make the judge worse than it is
    assert weighed == pytest.approx(truth, abs=0.03) and covered >= 0.93


def test_the_history_says_that_votes_are_weighed_and_only_then():
    votes, hits, _, _ = voted(40, 12, 3)
    columns = {"choice": "a", "p_a": np.where(hits > 0, 0.8, 0.1), "p_b": 0.15, "p_tie": 0.05}
    table = votes.assign(**columns, prompt=[(f"q{row}",) for row in range(12)], named="")
    for language in ("en", "zh-Hant"):
        say = Texts(language)
        weighed = with_outcomes(table)
        assert say("history.weighed", count="12") in str(figures(weighed, weighed, say))
        plain = with_outcomes(table.drop(columns=["shown_step", "shown_of", "shown_chance"]))
        assert say("history.weighed", count="0")[:8] not in str(figures(plain, plain, say))


@pytest.mark.slow
def test_intervals_of_weighed_agreement_kappa_and_strength_cover():
    covered = []
    for seed in range(150):
        size = 500
        rng = np.random.default_rng(seed + 1000)
        votes, _, _, rows = voted(size, 120, seed)
        unsure = np.random.default_rng(seed).random(size)
        called = rng.integers(0, 2, size)
        outcome = np.where(rng.random(size) < 0.9 - 0.5 * unsure, called, rng.integers(0, 3, size))
        probabilities = np.full((size, 3), 0.1)
        probabilities[np.arange(size), called] = 0.8
        every = {
            "choice": np.array(["a", "b", "tie"])[outcome],
            "p_a": probabilities[:, 0],
            "p_b": probabilities[:, 1],
            "p_tie": probabilities[:, 2],
            "prompt": [(f"q{row}",) for row in range(size)],
            "model_a": "one",
            "model_b": "two",
        }
        table = pd.DataFrame(every).assign(**dict.fromkeys(["origin", "session"], "x"))
        nothing = dict.fromkeys(["shown_step", "shown_of", "shown_chance"], np.nan)
        whole = with_outcomes(table.assign(**nothing))
        part = with_outcomes(table.iloc[rows].reset_index(drop=True).assign(**{name: votes[name] for name in nothing}))
        rate, of_kappa = agreement(part), kappa(part)
        strength = rank(part, "model").rows.set_index("name").loc["one"]
        true = rank(whole, "model").rows.set_index("name").loc["one", "strength"]
        known = of_kappa.low is None or of_kappa.low <= kappa(whole, draws=2).value <= of_kappa.high
        covered.append(
            (
                rate["low"] <= agreement(whole)["rate"] <= rate["high"],
                known,
                strength["low"] <= true <= strength["high"],
            )
        )
    assert (np.mean(covered, axis=0) >= 0.92).all(), np.mean(covered, axis=0)

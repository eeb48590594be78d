"""Pairs of styles: drawn by what their battle says about the lead, with chances that are known and weighed back."""

import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.votes.model_ranking import rank
from dashboard.votes.store import VoteStore
from dashboard.votes.style_pairs import EVEN, pair_chances, votes_between
from dashboard.votes.vote_records import Battle, Side
from dashboard.votes.vote_weights import pair_weights
from stacker.evaluate.strengths import fit_strengths

TIES = 0.15


def counts(size: int, *given: tuple[int, int, int, int]) -> np.ndarray:
    found = np.zeros((size, size, 3), dtype=np.int64)
    for left, right, outcome, often in given:
        found[left, right, outcome] += often
    return found


def test_without_votes_all_pairs_are_drawn_alike() -> None:
    found = pair_chances(counts(4))
    assert found.chance.tolist() == pytest.approx([1 / 6] * 6)
    assert list(zip(found.first, found.second, strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert pair_chances(counts(2, (0, 1, 0, 9))).chance.tolist() == [1.0]


def test_who_may_be_the_best_and_who_has_few_votes_is_drawn_more_often() -> None:
    # 0 and 1 lead alike, 2 and 3 are far behind: the battle that decides is 0 against 1
    even = [(a, b, outcome, 20) for a, b in ((0, 1), (2, 3)) for outcome in (0, 1)]
    behind = [(a, b, outcome, often) for a in (0, 1) for b in (2, 3) for outcome, often in ((0, 24), (1, 8))]
    found = pair_chances(counts(4, *even, *behind))
    chance = {(int(a), int(b)): q for a, b, q in zip(found.first, found.second, found.chance, strict=True)}
    assert max(chance, key=lambda pair: chance[pair]) == (0, 1)
    assert chance[2, 3] < chance[0, 2] < chance[0, 1]
    # all alike, but style 3 came later
    pairs = [(0, 1), (0, 2), (1, 2)]
    found = pair_chances(counts(4, *((a, b, outcome, 20) for a, b in pairs for outcome in (0, 1))))
    with_three = found.chance[found.second == 3].sum()
    assert with_three > 0.75


VOTES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2), st.integers(1, 40)).filter(
        lambda each: each[0] != each[1]
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(VOTES)
def test_chances_add_up_none_is_small_and_sides_do_not_matter(votes: list[tuple[int, int, int, int]]) -> None:
    found = pair_chances(counts(5, *votes))
    assert found.chance.sum() == pytest.approx(1)
    assert found.chance.min() >= EVEN / 10
    turned = pair_chances(counts(5, *((b, a, (1, 0, 2)[outcome], often) for a, b, outcome, often in votes)))
    assert turned.chance.tolist() == found.chance.tolist()


def test_a_pair_is_drawn_with_its_chance() -> None:
    found = pair_chances(counts(3, (0, 1, 0, 30), (0, 2, 0, 5), (1, 2, 2, 5)))
    dice = random.Random(0)
    drawn = [found.draw(dice) for _ in range(3_000)]
    for first, second, chance in zip(found.first, found.second, found.chance, strict=True):
        same = [pairing for a, b, pairing in drawn if (a, b) == (first, second)]
        assert {(pairing.of, pairing.chance) for pairing in same} == {(3, chance)}
        assert len(same) / len(drawn) == pytest.approx(chance, abs=4 * np.sqrt(chance / len(drawn)))


def test_votes_are_counted_in_the_store(store_url: str) -> None:
    store = VoteStore.open(store_url)
    shown = [
        ("x", "y", "a", ""),
        ("x", "y", "a", ""),
        ("y", "x", "both_bad", ""),
        ("y", "z", "b", ""),
        ("x", "z", "a", "a"),
    ]
    for number, (a, b, choice, named) in enumerate(shown):
        text = "I am Claude." if named else "Yes."
        store.add_battle(Battle(str(number), "s", ["q"], Side([text], a, "m"), Side(["No."], b, "m"), None))
        store.vote(str(number), choice, "s")
    store.undo("1", "s")
    found = votes_between(store, ["x", "y", "z"], neutral=True)
    assert found.sum() == 3
    assert (found[0, 1, 0], found[1, 0, 2], found[1, 2, 1]) == (1, 1, 1)
    assert votes_between(store, ["x", "y", "z"], neutral=False)[0, 2, 0] == 1
    assert votes_between(store, ["x", "y"], neutral=False).sum() == 2
    store.close()


def test_votes_weigh_what_their_pair_stands_for() -> None:
    votes = pd.DataFrame(
        {
            "style_a": ["x", "y", "x", "", "z"],
            "style_b": ["y", "x", "z", "", "y"],
            "pair_of": [3, 3, 3, np.nan, 3],
            "pair_chance": [0.5, 0.25, 0.25, np.nan, 0.5],
        }
    )
    # four votes on three pairs, 4/3 for each pair: two thirds for each of the two on x and y
    assert pair_weights(votes).tolist() == pytest.approx([2 / 3, 2 / 3, 4 / 3, 1, 4 / 3])
    assert pair_weights(votes.drop(columns="pair_of")).tolist() == [1] * 5
    # of six pairs one style never came: by 1 / (6 q), which is 1/3 and 2/3 on x and y, 2/3 and 1/3; the mean is 1/2
    assert pair_weights(votes.assign(pair_of=2 * votes["pair_of"])).tolist() == pytest.approx([1, 1, 4 / 3, 1, 2 / 3])


def test_no_vote_weighs_more_than_the_rarest_draw_stands_for() -> None:
    rows = [("x", "y", 0.8)] * 98 + [("x", "z", 0.1), ("y", "z", 0.1)]
    votes = pd.DataFrame(rows, columns=["style_a", "style_b", "pair_chance"]).assign(pair_of=3)
    # a third of the hundred votes would be one vote's; 1 / (3 q) bounds it, before the mean is made 1
    found = pair_weights(votes)
    assert found[-1] / found[0] == pytest.approx((10 / 3) / (100 / 3 / 98))
    assert found.mean() == pytest.approx(1)


def voted(strengths: np.ndarray, count: int, rng: np.random.Generator, learning: bool) -> pd.DataFrame:
    """Let voters who know the strengths vote on `count` questions, each on a pair that is drawn after ten others."""
    found = np.zeros((len(strengths), len(strengths), 3), dtype=np.int64)
    rows = []
    dice = random.Random(int(rng.integers(1 << 30)))
    for number in range(count):
        if number % 10 == 0:
            chances = pair_chances(found if learning else np.zeros_like(found))
        left, right, pairing = chances.draw(dice)
        if rng.random() < 0.5:
            left, right = right, left
        wins = rng.random() < 1 / (1 + np.exp(strengths[right] - strengths[left]))
        outcome = 2 if rng.random() < TIES else int(not wins)
        found[left, right, outcome] += 1
        rows.append((f"s{left:02}", f"s{right:02}", outcome, number, pairing.of, pairing.chance))
    votes = pd.DataFrame(rows, columns=["style_a", "style_b", "outcome", "question", "pair_of", "pair_chance"])
    return votes.assign(pair_weight=pair_weights(votes))


ONE_LEADS = np.linspace(1.2, -1.2, 8), np.array([0.9, 0.3, 0.2, 0.0, -0.5, -0.9]), np.linspace(1.2, -1.2, 12)
TWO_LEAD = np.array([0.8, 0.8, 0.0, -0.2, -0.5, -0.9])


@pytest.mark.slow
@pytest.mark.parametrize("strengths", [*ONE_LEADS, TWO_LEAD])
def test_the_lead_is_known_sooner_than_by_pairs_drawn_alike_and_intervals_cover(strengths: np.ndarray) -> None:
    rng, count = np.random.default_rng(5), len(strengths)
    first, second = np.triu_indices(count, 1)
    wins = (1 - TIES) / (1 + np.exp(strengths[second] - strengths[first])) + TIES / 2
    truth = fit_strengths(first, second, wins, count, ridge=1e-9).values
    ahead, best = {False: [], True: []}, {False: [], True: []}
    covered, ranked = [], []
    for trial in range(36):
        for learning in (True, False) if trial < 12 else (True,):
            rows = rank(voted(strengths, 500, rng, learning), "style").rows
            ahead[learning].append(rows["high"].iloc[0] - rows["low"].iloc[0])
            rows = rows.set_index("name").sort_index()
            best[learning].append(rows["high"].iloc[0] - rows["low"].iloc[0])
            if learning:
                covered.append(((rows["low"] <= truth) & (truth <= rows["high"])).to_numpy())
                place = 1 + (truth[:, None] < truth - 1e-9).sum(axis=1)
                least = (truth[:, None] <= truth + 1e-9).sum(axis=1)
                ranked.append(((rows["rank_low"] <= least) & (place <= rows["rank_high"])).all())
    # who stands first on the page; where two are alike, that may be the one or the other
    assert np.mean(ahead[True]) <= 0.8 * np.mean(ahead[False])
    assert np.mean(best[True]) <= (0.9 if truth[0] - truth[1] < 1e-9 else 0.8) * np.mean(best[False])
    assert np.mean(covered) >= 0.93  # 95 % but for chance; each style has its say in 36 trials
    assert np.mean(covered, axis=0).min() >= 0.83
    assert np.mean(ranked) >= 0.91

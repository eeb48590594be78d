import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dashboard.sessions.file_session import progress
from dashboard.sessions.file_verdicts import entropy, hashed_words, in_order, informative_first, uncertain_first

POSITIVE = st.floats(0.01, 1.0)


def verdicts(raw: np.ndarray) -> np.ndarray:
    return raw / raw.sum(axis=1, keepdims=True)


def test_entropy_by_hand() -> None:
    found = entropy(np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]]))
    assert found.tolist() == pytest.approx([0.0, 1.0, np.log(2) / np.log(3)])


def test_the_least_certain_comes_first_and_equals_keep_the_files_order() -> None:
    p = np.array([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.5, 0.4, 0.1]])
    assert uncertain_first(p).tolist() == [1, 3, 0, 2]


def test_the_same_question_again_waits_behind_another() -> None:
    p = verdicts(np.array([[1, 1, 1.0], [1, 1, 1.01], [1, 1, 1.6]]))
    vectors = np.array([[1.0, 0], [1.0, 0.01], [0, 1.0]])
    assert uncertain_first(p).tolist() == [0, 1, 2]
    assert informative_first(p, vectors).tolist() == [0, 2, 1]
    assert informative_first(p, vectors, voted=[0]).tolist() == [2, 1]


def one_by_one(p: np.ndarray, vectors: np.ndarray, voted: list[int], greedy: int) -> list[int]:
    """The rule itself: every free battle against every one voted on or placed, in whole."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    free, seen, placed = [row for row in range(len(p)) if row not in voted], list(voted), []
    while free and len(placed) < greedy:
        near = [(units[np.array(seen, dtype=int)] @ units[row]).max(initial=-1.0) for row in free]
        worth = entropy(p[free]) * (1 - np.array(near)) / 2
        best = free[int(worth.round(12).argmax())]
        free.remove(best)
        seen.append(best)
        placed.append(best)
    return placed + sorted(free, key=lambda row: -entropy(p[row : row + 1])[0])


@pytest.mark.parametrize("seed", range(8))
def test_the_quick_order_is_the_one_by_one_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    p, vectors = draw.dirichlet([2, 2, 2], size=90), draw.normal(size=(90, 6))
    vectors[40:50], p[40:50] = vectors[30:40], p[30:40]  # the same again: the file's order decides
    voted = draw.choice(90, size=10 * seed, replace=False).tolist()
    assert informative_first(p, vectors, voted, greedy=30).tolist() == one_by_one(p, vectors, voted, 30)


def test_a_certain_verdict_does_not_bring_a_battle_twice() -> None:
    p = np.array([[1.0, 0, 0]] * 4 + [[0.4, 0.3, 0.3]])
    assert sorted(informative_first(p, np.ones((5, 2)), [1], greedy=5).tolist()) == [0, 2, 3, 4]


def test_the_order_of_100000_battles_does_not_grow_with_their_square() -> None:
    """Processor time, as others use the machine; each fifth time the battles and the votes, 25 times for a square."""

    def seconds(n: int) -> float:
        draw = np.random.default_rng(n)
        p, vectors = draw.dirichlet([2, 2, 2], size=n), draw.normal(size=(n, 16))
        voted = range(0, n, 2)
        began = time.process_time()
        informative_first(p, vectors, voted, greedy=1)
        return time.process_time() - began

    small = min(seconds(20_000) for _ in range(3))
    assert min(seconds(100_000) for _ in range(2)) < 12 * small


@settings(deadline=None)
@given(arrays(float, st.tuples(st.integers(1, 25), st.just(3)), elements=POSITIVE), st.data())
def test_every_battle_without_a_vote_comes_once(raw: np.ndarray, data: st.DataObject) -> None:
    n = len(raw)
    voted = data.draw(st.sets(st.integers(0, n - 1)))
    vectors = np.random.default_rng(n).normal(size=(n, 4))
    expected = sorted(set(range(n)) - voted)
    assert sorted(informative_first(verdicts(raw), vectors, voted, greedy=5).tolist()) == expected
    for order in ("uncertain", "informative", "file"):
        assert sorted(in_order(order, verdicts(raw), lambda: vectors, voted, n).tolist()) == expected
    assert in_order("uncertain", None, lambda: vectors, voted, n).tolist() == expected


def test_vectors_are_not_asked_for_where_they_are_not_needed() -> None:
    def never() -> np.ndarray:
        raise AssertionError

    assert in_order("uncertain", np.full((2, 3), 1 / 3), never, {1}, 2).tolist() == [0]


def test_hashed_words_know_what_is_alike() -> None:
    found = hashed_words(["How do I boil an egg?", "how do I boil eggs", "今天台北的天氣如何？", "\ud800"])
    near = found @ found.T
    assert near[0, 1] > 0.5 > near[0, 2]


def test_where_one_left_off() -> None:
    found = progress(["x", "y", "z"], {"y": "tie", "x": "a", "gone": "b"})
    assert (found.total, found.done, found.rows) == (3, 2, (0, 1))
    assert found.tally == {"a": 1, "tie": 1, "b": 0, "both_bad": 0}
    assert found.share == pytest.approx(2 / 3)
    assert progress([], {}).share == 1.0

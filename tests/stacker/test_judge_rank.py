import numpy as np
import pytest
from small_judges import small_judge

from pipelines.errors import UserError
from stacker.ranking import RIDGE, every_pair, ranking


def test_two_answers_by_hand():
    # Strengths s and -s with log-odds 2s; the slope is sigma(2s) - .75 + ridge * s = 0.
    found = ranking(np.array([0]), np.array([1]), np.array([[0.6, 0.1, 0.3]]), 2)
    s = found[0].strength
    assert [answer.place for answer in found] == [0, 1] and found[1].strength == pytest.approx(-s)
    assert 1 / (1 + np.exp(-2 * s)) - 0.75 + RIDGE * s == pytest.approx(0, abs=1e-5)
    # Delta method: ds/dscore = 1 / (2 sigma' + ridge), and a vote varies by .6 + .3 / 4 - .75 ** 2.
    expected = 1 / (1 + np.exp(-2 * s))
    spread = np.sqrt(0.6 + 0.075 - 0.5625) / (2 * expected * (1 - expected) + RIDGE)
    assert found[0].high - s == pytest.approx(1.959964 * spread, rel=1e-4)
    assert (found[0].expected_score, found[1].expected_score) == pytest.approx((0.75, 0.25))


def test_the_interval_is_that_of_drawn_votes():
    random = np.random.default_rng(0)
    first, second = every_pair(4)
    gap = np.array([1.0, 0.3, 0.0, -1.0])
    p = 1 / (1 + np.exp(-(gap[first] - gap[second])))
    probabilities = np.stack([0.7 * p, 0.7 * (1 - p), np.full(len(p), 0.3)], axis=1)
    found = ranking(first, second, probabilities, 4, votes=25)
    from stacker.strength import strengths

    drawn = []
    for _ in range(300):
        votes = np.array([random.multinomial(25, row) / 25 for row in probabilities])
        drawn.append(strengths(first, second, votes[:, 0] + votes[:, 2] / 2, 4, RIDGE))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    for answer in found:
        assert answer.low == pytest.approx(low[answer.place], abs=0.12)
        assert answer.high == pytest.approx(high[answer.place], abs=0.12)


def test_ranks_follow_the_intervals():
    first, second = every_pair(3)
    sure = np.array([[0.98, 0.01, 0.01]] * 3)
    found = ranking(first, second, sure, 3, votes=400)
    assert [answer.place for answer in found] == [0, 1, 2]
    assert [(answer.rank_low, answer.rank_high) for answer in found] == [(1, 1), (2, 2), (3, 3)]
    alike = ranking(first, second, np.full((3, 3), 1 / 3), 3)
    assert [answer.place for answer in alike] == [0, 1, 2]
    assert {(answer.rank_low, answer.rank_high) for answer in alike} == {(1, 3)}
    assert all(answer.strength == pytest.approx(0, abs=1e-9) for answer in alike)


def test_ranking_answers_does_not_depend_on_their_order():
    judge = small_judge()
    answers = [
        "A tree is green. " * 4,
        "No.",
        ["A river,", "and a tree."],
        "A tree is a great green thing of the river.",
    ]
    here = judge.rank("What is a tree?", answers)
    order = [2, 0, 3, 1]
    there = {order[answer.place]: answer for answer in judge.rank("What is a tree?", [answers[i] for i in order])}
    for answer in here:
        other = there[answer.place]
        assert (answer.rank, answer.rank_low, answer.rank_high) == (other.rank, other.rank_low, other.rank_high)
        assert answer.strength == pytest.approx(other.strength, abs=1e-5)
        assert answer.low == pytest.approx(other.low, abs=1e-5)
    assert [answer.rank for answer in here] == [1, 2, 3, 4]
    assert sum(answer.strength for answer in here) == pytest.approx(0, abs=1e-9)
    verdict = judge.compare("What is a tree?", answers[0], answers[1])
    two = judge.rank("What is a tree?", answers[:2])
    assert {answer.place: answer.expected_score for answer in two}[0] == pytest.approx(verdict.expected_score)


def test_few_answers():
    judge = small_judge()
    assert judge.rank("What?", []) == []
    (only,) = judge.rank("What?", ["An answer."])
    assert (only.place, only.rank, only.rank_low, only.rank_high, only.strength) == (0, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("answers", "options", "says"),
    [
        ("one text", {}, "is one text"),
        (["fine", 3], {}, "answers, place 1: holds int"),
        (["fine", "too"], {"votes": 0}, "votes is at least 1"),
        (["fine", "too"], {"level": 1.0}, "level lies between"),
    ],
)
def test_what_cannot_be_ranked(answers, options, says):
    with pytest.raises(UserError, match=says):
        small_judge().rank("What?", answers, **options)

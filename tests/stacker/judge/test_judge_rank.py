import numpy as np
import pytest
from small_judges import small_judge

from pipelines.errors import UserError
from stacker.evaluate.strengths import strengths
from stacker.judge.answer_ranking import RIDGE, every_pair, ranking


def test_two_answers_by_hand():
    # Strengths s and -s with log-odds 2s; the slope is sigma(2s) - .75 + ridge * s = 0.
    found = ranking(np.array([0]), np.array([1]), np.array([[0.6, 0.1, 0.3]]), 2)
    s = found[0].strength
    assert [answer.place for answer in found] == [0, 1] and found[1].strength == pytest.approx(-s)
    assert 1 / (1 + np.exp(-2 * s)) - 0.75 + RIDGE * s == pytest.approx(0, abs=1e-5)
    # One vote is a win, a tie or a loss, of which a tenth comes to: the interval ends at the strengths of win and loss.
    loss, win = (strengths(np.array([0]), np.array([1]), np.array([score]), 2, RIDGE)[0] for score in (0.0, 1.0))
    assert (found[0].low, found[0].high) == (pytest.approx(loss, abs=1e-5), pytest.approx(win, abs=1e-5))
    # Many votes, delta method: ds/dscore = 1 / (2 sigma' + ridge), and a vote varies by .6 + .3 / 4 - .75 ** 2.
    many = ranking(np.array([0]), np.array([1]), np.array([[0.6, 0.1, 0.3]]), 2, votes=400)
    expected = 1 / (1 + np.exp(-2 * s))
    spread = np.sqrt((0.6 + 0.075 - 0.5625) / 400) / (2 * expected * (1 - expected) + RIDGE)
    assert many[0].high - s == pytest.approx(1.959964 * spread, rel=1e-4)
    assert (found[0].expected_score, found[1].expected_score) == pytest.approx((0.75, 0.25))


def test_the_interval_is_that_of_drawn_votes():
    random = np.random.default_rng(0)
    first, second = every_pair(4)
    gap = np.array([1.0, 0.3, 0.0, -1.0])
    p = 1 / (1 + np.exp(-(gap[first] - gap[second])))
    probabilities = np.stack([0.7 * p, 0.7 * (1 - p), np.full(len(p), 0.3)], axis=1)
    found = ranking(first, second, probabilities, 4, votes=25)
    drawn = []
    for _ in range(300):
        votes = np.array([random.multinomial(25, row) / 25 for row in probabilities])
        drawn.append(strengths(first, second, votes[:, 0] + votes[:, 2] / 2, 4, RIDGE))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    for answer in found:
        assert answer.low == pytest.approx(low[answer.place], abs=0.12)
        assert answer.high == pytest.approx(high[answer.place], abs=0.12)


@pytest.mark.parametrize("votes", [1, 400, 1_000_000])
def test_the_interval_of_any_level_has_ends(votes):
    """1 - 1e-16 is a number below 1, yet half of 1 and it is 1, whose quantile is infinite."""
    probabilities = np.array([[0.6, 0.1, 0.3]])
    usual, sure = (
        ranking(np.array([0]), np.array([1]), probabilities, 2, votes=votes, level=level)
        for level in (0.95, np.nextafter(1.0, 0.0))
    )
    for narrow, wide in zip(usual, sure, strict=True):
        assert -np.inf < wide.low <= narrow.low and narrow.high <= wide.high < np.inf


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize(
    "votes", [1, 3, pytest.param(10, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("spread", [0.0, 1.0, 2.5])
def test_drawn_votes_stay_inside_from_one_vote_on(count, votes, spread):
    random = np.random.default_rng(count)
    first, second = every_pair(count)
    gap = np.linspace(-1, 1, count) * spread
    p = 1 / (1 + np.exp(gap[second] - gap[first]))
    probabilities = np.stack([0.7 * p, 0.7 * (1 - p), np.full(len(p), 0.3)], axis=1)
    found = sorted(ranking(first, second, probabilities, count, votes=votes), key=lambda answer: answer.place)
    low, high = (np.array([getattr(answer, end) for answer in found]) for end in ("low", "high"))
    inside = []
    for _ in range(150 if votes < 10 else 600):
        drawn = np.array([random.multinomial(votes, row) / votes for row in probabilities])
        fitted = strengths(first, second, drawn[:, 0] + drawn[:, 2] / 2, count, RIDGE)
        inside.append((low - 1e-4 <= fitted) & (fitted <= high + 1e-4))
    assert np.mean(inside, axis=0).min() > 0.9


def test_the_same_answer_twice_has_the_same_interval_wherever_it_stands():
    first, second = every_pair(4)
    p = np.array([[0.3, 0.3, 0.4], [0.6, 0.2, 0.2], [0.5, 0.4, 0.1], [0.6, 0.2, 0.2], [0.5, 0.4, 0.1], [0.4, 0.5, 0.1]])
    here = {answer.place: answer for answer in ranking(first, second, p, 4)}  # 0 and 1 are alike
    assert (here[0].low, here[0].high) == (here[1].low, here[1].high)
    order = np.array([2, 0, 3, 1])  # the answer at place i stands at order[i]
    there = {answer.place: answer for answer in ranking(order[first], order[second], p, 4)}
    for place, answer in here.items():
        other = there[int(order[place])]
        assert (answer.low, answer.high) == (pytest.approx(other.low, abs=1e-9), pytest.approx(other.high, abs=1e-9))


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
        ({"a", "b"}, {}, "answers: are a set; give a list"),
        (["fine", 3], {}, "answers, place 1: holds int"),
        (["fine", "too"], {"votes": 0}, "votes is at least 1"),
        (["fine", "too"], {"level": 1.0}, "level lies between"),
    ],
)
def test_what_cannot_be_ranked(answers, options, says):
    with pytest.raises(UserError, match=says):
        small_judge().rank("What?", answers, **options)


def test_a_mapping_ranks_its_values_and_names_them_by_its_keys():
    judge = small_judge()
    answers = {"a key with many words of a tree and a river": "No.", "m2": "A tree is a great green thing.", "m3": "A."}
    found, plain = judge.rank("What?", answers), judge.rank("What?", list(answers.values()))
    assert [answer.name for answer in found] == [list(answers)[answer.place] for answer in plain]
    assert [(answer.place, answer.strength) for answer in found] == [(each.place, each.strength) for each in plain]
    assert {answer.name for answer in plain} == {""}

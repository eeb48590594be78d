import numpy as np
import pytest

from stacker.evaluate.intervals import Groups
from stacker.evaluate.pair_design import PairDesign, fit_pairs, logistic
from stacker.evaluate.strengths import fit_strengths
from stacker.leaderboard.estimates.leverage import without_own_pull
from stacker.leaderboard.estimates.rank_ranges import rank_ranges
from stacker.leaderboard.estimates.strength_estimates import Evidence, estimate, strength_ends
from stacker.leaderboard.estimates.win_rates import equal_style_rates, exact_ends, mean_score, powered_mean


def simulated(rng, n, count=4, per=1, liking=0.0, spread=1.0):
    """n battles with 20 % ties; models differ from prompt to prompt by `liking`."""
    truth, group = np.linspace(spread, -spread, count), np.arange(n) // per
    first = rng.integers(count, size=n)
    second = (first + rng.integers(1, count, size=n)) % count
    own = rng.normal(scale=liking, size=(group.max() + 1, count))
    gap = truth[first] - truth[second] + own[group, first] - own[group, second]
    chance, drawn = logistic(gap), rng.random(n)
    tied = 0.4 * np.minimum(chance, 1 - chance)
    votes = np.where(drawn < chance - tied / 2, 1.0, np.where(drawn < chance + tied / 2, 0.5, 0.0))
    return PairDesign(first, second, np.zeros((n, 0)), count), Groups.of(group), gap, votes


def said(kind, rng, design, gap, votes):
    """Return the verdicts of a judge."""
    return {
        "knows": lambda: logistic(gap),
        "guesses": lambda: rng.random(len(gap)),
        "reversed": lambda: logistic(-gap),
        "loves model 0": lambda: logistic(gap + 2.0 * (design.first == 0) - 2.0 * (design.second == 0)),
        "all alike": lambda: np.full(len(gap), 0.5),
    }[kind]()


def some_votes(rng, votes, most):
    found = np.full(len(votes), np.nan)
    kept = rng.permutation(len(votes))[:most]
    found[kept] = votes[kept]
    return found


def test_strengths_by_votes_are_those_that_the_ranking_of_the_dashboard_has():
    design, groups, _, votes = simulated(np.random.default_rng(0), 200)
    found = estimate(design, Evidence(votes, np.full(200, np.nan)), groups, "votes")
    np.testing.assert_allclose(found.theta, fit_strengths(design.first, design.second, votes, 4).values, atol=1e-8)


def test_residuals_without_own_pull_are_those_of_the_inverse_whatever_the_groups_size():
    rng = np.random.default_rng(0)
    design = PairDesign(rng.integers(0, 2, 30), rng.integers(2, 4, 30), rng.normal(size=(30, 1)), 4)
    group, weight, residual = np.repeat([0, 1, 2, 3], [1, 2, 4, 23]), rng.random(30) / 4, rng.normal(size=(30, 2))
    hessian = design.gram(weight) + 0.1 * np.eye(5)
    found = without_own_pull(design, weight, residual, group, hessian)
    for number in range(4):
        x, w = design.dense()[group == number], weight[group == number]
        hat = w[:, None] * (x @ np.linalg.inv(hessian) @ x.T)
        np.testing.assert_allclose(
            found[group == number], np.linalg.solve(np.eye(len(w)) - hat, residual[group == number]), atol=1e-8
        )


def test_the_mean_by_votes_and_verdicts_by_hand():
    """Verdicts that are the votes bring the mean of all battles, which is what all votes would have given."""
    rng = np.random.default_rng(0)
    votes = rng.integers(0, 2, 400).astype(float)
    some = some_votes(rng, votes, 40)
    found = powered_mean(some, votes, np.arange(400))
    assert found.power == pytest.approx(400 / 440 * 0.99, rel=0.05)  # 1 / (1 + n / N) with n / N = 40 / 360, about
    assert abs(found.rate - votes.mean()) < abs(np.nanmean(some) - votes.mean())
    alone = mean_score(votes[np.isfinite(some)], np.arange(40))
    assert found.high - found.low < 0.5 * (alone.high - alone.low)


def test_a_judge_that_says_nothing_of_the_votes_gets_no_weight_and_changes_nothing():
    rng = np.random.default_rng(0)
    votes = some_votes(rng, rng.integers(0, 2, 400).astype(float), 60)
    found = powered_mean(votes, np.full(400, 0.5), np.arange(400))
    assert found.power == 0
    assert found.rate == pytest.approx(np.nanmean(votes))
    design, groups, gap, voted = simulated(rng, 400)
    evidence = Evidence(some_votes(rng, voted, 100), said("all alike", rng, design, gap, voted))
    rows = evidence.rows("votes")
    alone, _ = fit_pairs(design.of(rows), np.ones(100), voted[rows], np.full(4, 0.1))
    both = estimate(design, evidence, groups, "both")
    assert both.theta == pytest.approx(alone, abs=0.05)


@pytest.mark.parametrize("basis", ["votes", "verdicts", "both"])
def test_swapping_the_sides_changes_no_number(basis):
    rng = np.random.default_rng(1)
    design, groups, gap, votes = simulated(rng, 300, per=3, liking=1.0)
    evidence = Evidence(some_votes(rng, votes, 120), said("knows", rng, design, gap, votes))
    swapped = PairDesign(design.second, design.first, design.controls, 4)
    turned = Evidence(1 - evidence.votes, 1 - evidence.verdicts)
    one, other = estimate(design, evidence, groups, basis), estimate(swapped, turned, groups, basis)
    np.testing.assert_allclose(one.theta, other.theta, atol=1e-9)
    np.testing.assert_allclose(strength_ends(one), strength_ends(other), atol=1e-9)


def test_models_that_never_met_have_ranks_apart():
    first, second = np.repeat([0, 2], 40), np.repeat([1, 3], 40)
    design = PairDesign(first, second, np.zeros((80, 0)), 4)
    found = estimate(design, Evidence(np.ones(80), np.full(80, np.nan)), Groups.of(np.arange(80)), "votes")
    assert found.component.tolist() == [0, 0, 1, 1]
    ranges = rank_ranges(found)
    assert (ranges.low.tolist(), ranges.high.tolist()) == ([1, 2, 1, 2], [1, 2, 1, 2])
    assert not ranges.better[0, 3]


def test_ties_alone_rank_nobody_and_still_have_a_width():
    design = PairDesign(np.zeros(20, dtype=int), np.ones(20, dtype=int), np.zeros((20, 0)), 2)
    found = estimate(design, Evidence(np.full(20, 0.5), np.full(20, np.nan)), Groups.of(np.arange(20)), "votes")
    ranges = rank_ranges(found)
    assert (ranges.low.tolist(), ranges.high.tolist()) == ([1, 1], [2, 2])
    low, high = strength_ends(found)
    np.testing.assert_allclose(found.theta, 0.0, atol=1e-9)
    assert (high - low > 0.05).all()


def test_one_prompt_tells_nothing_of_others():
    design, _, _, votes = simulated(np.random.default_rng(0), 200)
    found = estimate(design, Evidence(votes, votes), Groups.of(np.zeros(200)), "votes")
    assert not np.isfinite(strength_ends(found)).any()
    ranges = rank_ranges(found)
    assert (ranges.low == 1).all() and (ranges.high == 4).all()


def test_what_length_wins_is_taken_out_of_the_win_rate():
    """Two equal models, one of which writes more; people go by length alone."""
    rng = np.random.default_rng(0)
    length = rng.normal(1.0, 1.0, size=2000)[:, None]
    votes = (rng.random(2000) < logistic(1.5 * length[:, 0])).astype(float)
    design = PairDesign(np.zeros(2000, dtype=int), np.ones(2000, dtype=int), length, 2)
    found = estimate(design, Evidence(votes, votes), Groups.of(np.arange(2000)), "votes")
    assert mean_score(votes, np.arange(2000)).rate > 0.7
    equal = equal_style_rates(found, design, np.arange(2000), 2000)[0]
    assert equal.low < 0.5 < equal.high and equal.high - equal.low < 0.1


def test_without_controls_the_style_equal_win_rate_is_the_observed_one():
    design, groups, _, votes = simulated(np.random.default_rng(0), 2000)
    found = estimate(design, Evidence(votes, votes), groups, "votes")
    rates = equal_style_rates(found, design, groups.place, 2000)
    mine = np.concatenate([votes[design.first == 0], 1 - votes[design.second == 0]])
    assert rates[0].rate == pytest.approx(mine.mean(), abs=1e-3)  # but for the ridge


def test_ends_do_not_leave_the_shares():
    low, high = exact_ends(0.99, 0.02, Groups.of(np.arange(10)))
    assert 0 <= low < 0.99 < high <= 1


def test_a_vote_of_twice_the_weight_is_two_votes_and_its_interval_that_of_its_groups():
    rng = np.random.default_rng(2)
    design, groups, _, votes = simulated(rng, 300, per=2, liking=1.0)
    weight = rng.choice([1.0, 2.0], 300)
    twice = np.repeat(np.arange(300), weight.astype(int))
    found = estimate(design, Evidence(votes, votes, weight), groups, "votes")
    other = estimate(design.of(twice), Evidence(votes[twice], votes[twice]), Groups.of(groups.place[twice]), "votes")
    np.testing.assert_allclose(found.theta, other.theta, atol=0.02)  # but for the ridge
    for one, two in zip(strength_ends(found), strength_ends(other), strict=True):
        np.testing.assert_allclose(one, two, atol=0.05)
    rate = mean_score(votes, groups.place, weight=weight)
    assert rate.rate == pytest.approx(votes[twice].mean())
    styled = equal_style_rates(found, design, groups.place, 150, weight=weight)[0]
    mine = np.flatnonzero((design.first == 0) | (design.second == 0))
    won = np.where(design.first[mine] == 0, votes[mine], 1 - votes[mine])
    assert styled.rate == pytest.approx(
        np.average(won, weights=weight[mine]), abs=0.01
    )  # without controls: as observed


def test_weights_that_are_alike_change_no_bit_and_verdicts_have_none():
    rng = np.random.default_rng(3)
    design, groups, gap, votes = simulated(rng, 200)
    verdicts, some = said("knows", rng, design, gap, votes), some_votes(rng, votes, 60)
    for basis in ("votes", "verdicts", "both"):
        plain = estimate(design, Evidence(some, verdicts), groups, basis)
        alike = estimate(design, Evidence(some, verdicts, np.full(200, 1.7)), groups, basis)
        assert np.array_equal(plain.theta, alike.theta) and np.array_equal(plain.influence, alike.influence)
        if basis != "votes":
            other = estimate(design, Evidence(some, verdicts, rng.random(200) + 0.1), groups, basis)
            assert np.array_equal(plain.theta, other.theta)


@pytest.mark.slow
@pytest.mark.parametrize("per", [1, 5])
def test_intervals_of_weighed_votes_cover(per):
    """A third of the votes weigh five times as much, and go to another model than the rest."""
    rng, inside, in_rates = np.random.default_rng(4), [], []

    def drawn(n):
        design, groups, gap, votes = simulated(rng, n, 3, per, 0.5)
        sure = rng.random(n) < 1 / 3
        votes = np.where(sure & (rng.random(n) < 0.5), 1 - votes, votes)
        return design, groups, votes, np.where(sure, 5.0, 1.0)

    design, _, votes, weight = drawn(POPULATION)
    theta, _ = fit_pairs(design, weight, weight * votes, np.full(3, 0.1))
    mine = design.first == 0
    rate = np.average(votes[mine], weights=weight[mine])
    for _ in range(200):
        design, groups, votes, weight = drawn(150)
        low, high = strength_ends(estimate(design, Evidence(votes, votes, weight), groups, "votes"))
        inside += ((low <= theta) & (theta <= high)).tolist()
        mine = design.first == 0
        found = mean_score(votes[mine], groups.place[mine], weight=weight[mine])
        in_rates.append(found.low <= rate <= found.high)
    assert np.mean(inside) > 0.925 and np.mean(in_rates) > 0.92, (np.mean(inside), np.mean(in_rates))


POPULATION = 200_000


def target(count, liking, spread, judge=""):
    """Return the strengths and win rates that as many battles as there could be would give."""
    rng = np.random.default_rng(99)
    design, _, gap, votes = simulated(rng, POPULATION, count, 1, liking, spread)
    score = said(judge, rng, design, gap, votes) if judge else votes
    theta, _ = fit_pairs(design, np.ones(POPULATION), score, np.full(count, 0.1))
    rates = [np.concatenate([score[design.first == m], 1 - score[design.second == m]]).mean() for m in range(count)]
    return theta, np.array(rates)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("basis", "judge", "n", "voted", "per", "liking", "spread"),
    [
        ("votes", "guesses", 40, 40, 1, 0.0, 1.0),
        ("votes", "guesses", 300, 300, 10, 1.5, 1.0),
        ("votes", "guesses", 200, 200, 1, 0.0, 3.0),
        ("verdicts", "knows", 200, 0, 5, 1.0, 1.0),
        ("both", "knows", 800, 80, 4, 1.5, 1.0),
        ("both", "guesses", 800, 80, 4, 1.5, 1.0),
        ("both", "reversed", 800, 80, 4, 1.5, 1.0),
        ("both", "loves model 0", 800, 80, 4, 1.5, 1.0),
        ("both", "loves model 0", 300, 150, 1, 0.0, 0.0),
    ],
)
def test_intervals_and_ranks_hold_however_wrong_the_judge_is(basis, judge, n, voted, per, liking, spread):
    count, rng = 4, np.random.default_rng(0)
    strengths, rates = target(count, liking, spread, judge if basis == "verdicts" else "")
    order = np.round(strengths, 6) if spread else np.zeros(count)
    best, worst = 1 + (order[:, None] < order).sum(axis=1), count - (order[:, None] > order).sum(axis=1)
    inside, together, in_rates = [], [], []
    for _ in range(120):
        design, groups, gap, votes = simulated(rng, n, count, per, liking, spread)
        evidence = Evidence(some_votes(rng, votes, voted), said(judge, rng, design, gap, votes))
        found = estimate(design, evidence, groups, basis)
        low, high = strength_ends(found)
        inside += ((low <= strengths) & (strengths <= high)).tolist()
        ranges = rank_ranges(found)
        together.append(bool(((ranges.low <= best) & (worst <= ranges.high)).all()))
        for model in range(count):
            rows = np.flatnonzero((design.first == model) | (design.second == model))
            turned = design.second[rows] == model
            vote, verdict = (
                np.where(turned, 1 - each[rows], each[rows]) for each in (evidence.votes, evidence.verdicts)
            )
            place = groups.place[rows]
            if basis == "both":
                rate = powered_mean(vote, verdict, place)
            else:
                known = np.isfinite(vote) if basis == "votes" else np.ones(len(rows), dtype=bool)
                rate = mean_score((vote if basis == "votes" else verdict)[known], place[known])
            in_rates.append(rate.low <= rates[model] <= rate.high)
    assert np.mean(inside) > 0.925  # of 480, two and a half standard errors below .95
    assert np.mean(together) > 0.9
    assert np.mean(in_rates) > 0.925

import numpy as np
import pytest

from stacker.evaluate.strengths import fit_strengths, order_agreement, strength_intervals, strengths


def test_two_models_have_the_log_odds_of_their_wins():
    # 3 wins to 1 without a ridge: a gap of log 3, and a mean of 0.
    found = strengths(np.zeros(4, dtype=int), np.ones(4, dtype=int), np.array([1.0, 1.0, 1.0, 0.0]), 2, ridge=1e-9)
    np.testing.assert_allclose(found, [np.log(3) / 2, -np.log(3) / 2], atol=1e-4)


def test_swapping_the_sides_changes_no_strength():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    score = rng.choice([0.0, 0.5, 1.0], 200)
    np.testing.assert_allclose(strengths(first, second, score, 5), strengths(second, first, 1 - score, 5), atol=1e-5)


def test_a_model_that_won_every_battle_stays_finite():
    found = strengths(np.zeros(9, dtype=int), np.ones(9, dtype=int), np.ones(9), 2)
    assert np.isfinite(found).all()
    assert found[0] > found[1]


def ring(scores):
    """Five models; each meets each other ten times, the one with the higher score wins."""
    a, b, outcome = [], [], []
    for i in range(5):
        for j in range(5):
            if i != j:
                a += [f"model {i}"] * 10
                b += [f"model {j}"] * 10
                outcome += [0 if scores[i] > scores[j] else 1] * 10
    return a, b, np.array(outcome)


def test_kendalls_tau_of_the_same_and_of_the_opposite_order():
    a, b, outcome = ring([1, 2, 3, 4, 5])
    right = np.eye(3)[outcome] * 0.7 + 0.1
    assert order_agreement(a, b, right, outcome) == {"kendall_tau": pytest.approx(1.0), "models": 5}
    wrong = right[:, [1, 0, 2]]
    assert order_agreement(a, b, wrong, outcome)["kendall_tau"] == pytest.approx(-1.0)


def test_unnamed_models_and_too_few_models_have_no_order():
    p, y = np.full((3, 3), 1 / 3), np.array([0, 1, 2])
    assert order_agreement(["", "", ""], ["", "", ""], p, y) is None
    assert order_agreement(["x"] * 3, ["y"] * 3, p, y, least=1) is None


def intervals_of(first, second, score, count, group=None):
    fitted = fit_strengths(first, second, score, count)
    group = np.arange(len(score)) if group is None else group
    return fitted, *strength_intervals(fitted, first, second, score, np.zeros((len(score), 0)), group)


def test_a_model_that_always_won_may_be_far_better():
    """Ten wins of ten: eight log-odds cannot be told from three, but Laplace's approximation excludes them."""
    fitted, low, high = intervals_of(np.zeros(10, dtype=int), np.ones(10, dtype=int), np.ones(10), 2)
    half = 1.96 * np.sqrt(np.diag(fitted.covariance))
    assert high[0] > 4 > (fitted.values + half)[0]
    np.testing.assert_allclose(low, -high[::-1], atol=1e-6)
    assert (low < fitted.values).all() and (fitted.values < high).all()


def test_an_interval_ends_where_the_penalised_likelihood_has_lost_its_due():
    first, second, score = np.zeros(6, dtype=int), np.ones(6, dtype=int), np.array([1.0, 1, 1, 1, 1, 0])
    _, low, high = intervals_of(first, second, score, 2)

    def loss(strength):
        return 5 * np.logaddexp(0, -2 * strength) + np.logaddexp(0, 2 * strength) + 0.1 * strength**2

    grid = np.linspace(-8, 8, 160001)
    inside = grid[2 * (loss(grid) - loss(grid).min()) <= 3.841459]
    assert high[0] == pytest.approx(inside.max(), abs=1e-3)
    assert low[0] <= inside.min() + 1e-3  # Laplace's reaches further down


@pytest.mark.slow
@pytest.mark.parametrize("ties", [0.0, 0.3])
@pytest.mark.parametrize("spread", [0.0, 1.0, 2.5, 4.0])
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("votes", [1, 2, 5, 20, 200])
def test_intervals_cover_the_true_strengths_from_one_vote_on(votes, count, spread, ties):
    truth = np.linspace(-1, 1, count) * spread
    rng, inside = np.random.default_rng(votes), []
    for _ in range(60):
        first = rng.integers(count, size=votes)
        second = (first + rng.integers(1, count, size=votes)) % count
        won = 1 / (1 + np.exp(truth[second] - truth[first]))
        tied = 2 * ties * np.minimum(won, 1 - won)
        drawn = rng.random(votes)
        score = np.where(drawn < won - tied / 2, 1.0, np.where(drawn < won + tied / 2, 0.5, 0.0))
        _, low, high = intervals_of(first, second, score, count)
        seen = np.unique([first, second])
        inside += ((low <= truth) & (truth <= high))[seen].tolist()
    assert np.mean(inside) > 0.9


@pytest.mark.slow
def test_intervals_cover_where_many_vote_on_the_same_questions():
    truth, rng, inside = np.array([0.6, 0.0, -0.6]), np.random.default_rng(0), []
    for _ in range(200):
        liking = rng.normal(scale=1.5, size=(20, 3))  # who is better differs from question to question
        pairs = np.array([(0, 1), (1, 2), (0, 2)])[rng.integers(3, size=20)]
        group = np.repeat(np.arange(20), 10)
        first, second = pairs[group].T
        gap = (truth + liking)[group, first] - (truth + liking)[group, second]
        score = (rng.random(200) < 1 / (1 + np.exp(-gap))).astype(float)
        _, low, high = intervals_of(first, second, score, 3, group)
        # What is estimated is the log-odds of the mean vote, nearer to 0 than that of the mean question.
        average = 0.78 * truth
        inside += ((low <= average) & (average <= high)).tolist()
    assert np.mean(inside) > 0.9

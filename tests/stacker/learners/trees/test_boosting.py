import numpy as np
import pytest
from small_judges import SMALL_TREES, battles

from features.build import FeatureParams, build_features
from features.pairs import join, shared
from pipelines.battles.arrays import FLIP
from stacker.learners.balance import BalanceParams, Correction
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.linear.linear import LinearLearner, LinearParams
from stacker.learners.linear.sparse import SparseLearner, SparseParams
from stacker.learners.trees.bags import SizeDependentParams, half_of_columns, symmetric_log_loss
from stacker.learners.trees.boosting import LightGBMParams, XGBoostParams
from stacker.learners.trees.lightgbm_trees import LightGBMLearner
from stacker.learners.trees.tree_balance import focal_objective, synthetic_battles
from stacker.learners.trees.xgboost_trees import XGBoostLearner

LEARNERS = {"lightgbm": (LightGBMLearner, LightGBMParams), "xgboost": (XGBoostLearner, XGBoostParams)}
REBALANCED = ("weights", "focal", "smote", "borderline_smote")


@pytest.fixture(scope="module")
def case():
    frame, outcome = battles(240)
    # Fewer ties than there are, so that there is something to balance.
    keep = np.flatnonzero((outcome < 2) | (np.arange(240) % 2 == 0))
    frame, outcome = frame.iloc[keep].reset_index(drop=True), outcome[keep]
    built = build_features(frame, FeatureParams(embedding=False))
    data = LearnerData(frame, built.pairs, None)
    weight = np.random.default_rng(0).uniform(0.5, 1.5, len(outcome))
    return data, Fit(outcome, weight / weight.mean(), np.arange(len(outcome)), seed=3, threads=2)


def fitted(kind, case, balance=None, **settings):
    learner, params = LEARNERS[kind]
    data, fit = case
    return learner(params(**{**SMALL_TREES, **settings}), balance).fit(data, fit)


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("method", REBALANCED)
def test_the_swap_is_exact_and_what_is_saved_says_the_same(kind, method, case, tmp_path):
    data, _ = case
    learner = fitted(kind, case, BalanceParams(method=method, gamma=2.0))
    said = learner.predict_proba(data)
    np.testing.assert_array_equal(learner.predict_proba(data.flip())[:, FLIP], said)
    np.testing.assert_allclose(said.sum(axis=1), 1.0)
    learner.save(tmp_path)
    again = type(learner).load(tmp_path)
    assert again.balance == learner.balance
    assert again.correction_ == learner.correction_
    np.testing.assert_array_equal(again.predict_proba(data), said)


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("method", ["weights", "smote"])
def test_rebalancing_makes_ties_likelier_and_the_correction_takes_that_back(kind, method, case):
    data, fit = case
    real = np.average(fit.outcome == 2, weights=fit.weight)
    raw = fitted(kind, case, BalanceParams(method=method, prior_correction=False)).predict_proba(data)[:, 2].mean()
    corrected = fitted(kind, case, BalanceParams(method=method)).predict_proba(data)[:, 2].mean()
    assert raw > real + 0.03
    assert corrected < raw - 0.02
    assert abs(corrected - real) < 0.08


@pytest.mark.parametrize("kind", LEARNERS)
def test_no_balance_is_what_it_always_was(kind, case):
    data, _ = case
    np.testing.assert_array_equal(
        fitted(kind, case).predict_proba(data), fitted(kind, case, BalanceParams()).predict_proba(data)
    )
    assert fitted(kind, case).correction_ == Correction()


def test_gamma_0_is_lightgbms_own_objective(case):
    import lightgbm

    data, fit = case
    settings = {"num_class": 3, "num_leaves": 6, "learning_rate": 0.2, "verbosity": -1, "seed": 1, "num_threads": 1}
    weight = fit.weight

    def trained(objective):
        rows = lightgbm.Dataset(data.pairs.values, fit.outcome, weight=weight, params={"verbosity": -1})
        return lightgbm.train({**settings, "objective": objective, "boost_from_average": False}, rows, 20)

    own = trained("multiclass").predict(data.pairs.values, raw_score=True)
    focal = trained(focal_objective(fit.outcome, weight, 0.0, 1.5)).predict(data.pairs.values, raw_score=True)
    np.testing.assert_allclose(focal, own, atol=1e-5)


def test_gamma_0_is_xgboosts_own_objective(case):
    import xgboost

    data, fit = case
    settings = {"num_class": 3, "objective": "multi:softprob", "max_depth": 3, "eta": 0.2, "base_score": 0.5, "seed": 1}

    def trained(objective):
        rows = xgboost.DMatrix(data.pairs.values, fit.outcome, weight=fit.weight)
        return xgboost.train({**settings, "nthread": 1}, rows, 20, obj=objective)

    own = trained(None).inplace_predict(data.pairs.values, predict_type="margin")
    focal = trained(focal_objective(fit.outcome, fit.weight, 0.0, 2.0)).inplace_predict(
        data.pairs.values, predict_type="margin"
    )
    np.testing.assert_allclose(
        focal - focal.mean(axis=1, keepdims=True), own - own.mean(axis=1, keepdims=True), atol=1e-4
    )


@pytest.mark.parametrize("kind", LEARNERS)
def test_focal_attends_to_what_is_wrong(kind, case):
    """A larger gamma is less sure before it is corrected."""
    data, fit = case
    sure = [
        fitted(kind, case, BalanceParams(method="focal", gamma=gamma, prior_correction=False)).predict_proba(data).max()
        for gamma in (0.0, 4.0)
    ]
    assert sure[1] < sure[0]


@pytest.mark.parametrize("kind", ["smote", "borderline_smote"])
@pytest.mark.parametrize("rare", ["ties", "decided"])
def test_every_synthetic_battle_has_its_swapped_twin_and_is_a_battle(kind, rare, case):
    data, fit = case
    ties = np.flatnonzero(fit.outcome == 2)
    decided = np.flatnonzero(fit.outcome != 2)
    rows = np.concatenate([ties, decided]) if rare == "ties" else np.concatenate([ties, decided[: len(ties)]])
    pairs, outcome = data.pairs.take(rows), fit.outcome[rows]
    made, labels = synthetic_battles(pairs, outcome, kind, 5, seed=1)
    assert len(made) == len(labels) > 0
    assert set(labels) == ({2} if rare == "ties" else {0})
    # What is trained on: these rows and their flip. Each row's flip is among them, bitwise.
    trained = np.concatenate([made.values, made.flip().values])
    seen = {row.tobytes() for row in trained}
    assert all(row.tobytes() in seen for row in np.concatenate([made.flip().values, made.flip().flip().values]))
    # After balancing, each class of both orders has the same number of rows.
    both = np.concatenate([outcome, labels])
    counts = np.bincount(np.concatenate([both, np.array(FLIP)[both]]), minlength=3)
    assert counts.max() - counts.min() <= 1
    # The differences are those of the features themselves.
    place = {name: column for column, name in enumerate(made.names)}
    for name, column in place.items():
        if name.endswith("(|A - B|)"):
            difference = made.values[:, place[name.replace("|A - B|", "A - B")]]
            np.testing.assert_array_equal(made.values[:, column], np.abs(difference))
        if name.endswith("(A - B)"):
            a, b = (made.values[:, place[name.replace("A - B", side)]] for side in "AB")
            np.testing.assert_array_equal(made.values[:, column], a - b)


def test_synthetic_battles_stay_between_real_ones(case):
    data, fit = case
    straight, _ = synthetic_battles(data.pairs, fit.outcome, "smote", 5, seed=1)
    assert np.isfinite(straight.values).any()
    space = np.concatenate([data.pairs.values, data.pairs.flip().values])
    for column, name in enumerate(data.pairs.names):
        known = space[:, column][np.isfinite(space[:, column])]
        found = straight.values[:, column][np.isfinite(straight.values[:, column])]
        if len(found):
            reach = known.max() - known.min() + 1e-3
            if "|A - B|" in name:  # between a difference and its opposite there is none
                assert found.max() <= known.max() + 1e-3 * reach
                continue
            assert found.min() >= known.min() - 1e-3 * reach
            assert found.max() <= known.max() + 1e-3 * reach


def test_what_is_missing_in_both_parents_is_missing_and_a_known_value_is_kept():
    n = 12
    random = np.random.default_rng(0)
    near = random.normal(size=(n, 1)).astype(np.float32)
    known = np.where(np.arange(n) < 6, np.float32(7.0), np.float32(np.nan))[:, None]
    pairs = join([shared("x", ("near",), near), shared("x", ("gap",), known)])
    outcome = np.array([2] * 2 + [0] * 4 + [2] * 1 + [1] * 5)
    made, labels = synthetic_battles(pairs, outcome, "smote", 3, seed=0)
    assert set(labels) == {2}
    gap = made.values[:, 1]
    assert np.isin(gap[np.isfinite(gap)].round(4), [7.0]).all()


@pytest.mark.parametrize(
    "outcome", [np.array([0, 1, 0, 1]), np.array([0, 1, 2]), np.array([2, 2, 2]), np.array([0, 1, 0, 1, 0, 2])]
)
def test_too_few_to_draw_from_or_nothing_to_balance(outcome):
    pairs = shared("x", ("y",), np.arange(len(outcome), dtype=np.float32)[:, None])
    made, labels = synthetic_battles(pairs, outcome, "smote", 5, seed=0)
    assert len(made) == len(labels)
    if len(labels):
        assert len(np.unique(outcome)) == 3
    else:
        assert made.values.shape[1] == 1


def test_synthetic_battles_repeat_with_one_seed(case):
    data, fit = case
    one, other = (synthetic_battles(data.pairs, fit.outcome, "smote", 5, seed) for seed in (4, 4))
    np.testing.assert_array_equal(one[0].values, other[0].values)
    third, _ = synthetic_battles(data.pairs, fit.outcome, "smote", 5, 5)
    assert not np.array_equal(third.values, one[0].values, equal_nan=True)


@pytest.mark.parametrize("kind", ["linear", "sparse"])
def test_the_linear_learners_know_class_weights(kind, case):
    data, fit = case
    params = LinearParams(C=(0.01,), components=0) if kind == "linear" else SparseParams(C=(1.0,))
    make = LinearLearner if kind == "linear" else SparseLearner
    real = np.average(fit.outcome == 2, weights=fit.weight)
    plain = make(params).fit(data, fit).predict_proba(data)
    raw, corrected, focal = (
        make(params, balance).fit(data, fit).predict_proba(data)
        for balance in (
            BalanceParams(method="weights", prior_correction=False),
            BalanceParams(method="weights"),
            BalanceParams(method="focal"),
        )
    )
    assert raw[:, 2].mean() > real + 0.05
    assert abs(corrected[:, 2].mean() - real) < 0.05
    np.testing.assert_array_equal(focal, plain)


def test_the_loss_that_is_watched_is_that_of_corrected_probabilities():
    logs, outcome = np.zeros((2, 3)), np.array([2])
    assert symmetric_log_loss(logs, outcome, np.ones(1)) == pytest.approx(np.log(3))
    correction = Correction(tie=np.log(2.0))
    assert symmetric_log_loss(logs, outcome, np.ones(1), correction) == pytest.approx(np.log(2))


def test_two_boosters_see_all_features_and_partners_stay_together():
    partner = np.array([1, 0, 2, 4, 3, 5, 6, 8, 7, 9])
    for seed in range(5):
        halves = [half_of_columns(partner, seed, number) for number in range(4)]
        for half in halves:
            np.testing.assert_array_equal(half, half[partner])
        np.testing.assert_array_equal(halves[0], ~halves[1])
        np.testing.assert_array_equal(halves[2], ~halves[3])
        np.testing.assert_array_equal(halves[0], half_of_columns(partner, seed, 0))


def test_a_booster_that_sees_half_of_many_features_splits_on_no_other(case, monkeypatch):
    monkeypatch.setattr("stacker.learners.trees.xgboost_trees.MANY_COLUMNS", 4)
    learner = fitted("xgboost", case, bags=2, colsample_bytree=0.5)
    data = case[0]
    pairs = learner.pairs(data)
    gains = [learner.gains(booster) > 0 for booster in learner.boosters_]
    assert all(gain.any() for gain in gains) and not (gains[0] & gains[1]).any()
    for number, gain in enumerate(gains):
        assert not gain[~half_of_columns(pairs.partner, case[1].seed, number)].any()
    said = learner.predict_proba(data)
    np.testing.assert_allclose(learner.predict_proba(data.flip())[:, FLIP], said, atol=1e-9)


def test_the_learning_rate_grows_with_the_root_of_the_battles_up_to_its_limit():
    params = LightGBMParams(learning_rate=0.03, rate_from=2000, max_learning_rate=0.12)
    rates = [SizeDependentParams.of(params, battles).learning_rate for battles in (100, 2000, 8000, 32000, 10**6)]
    assert rates == pytest.approx([0.03, 0.03, 0.06, 0.12, 0.12])
    # A higher rate that was asked for stays, and 0 switches the rule off.
    assert SizeDependentParams.of(LightGBMParams(learning_rate=0.2), 10**6).learning_rate == 0.2
    assert SizeDependentParams.of(LightGBMParams(learning_rate=0.03, rate_from=0), 10**6).learning_rate == 0.03


@pytest.mark.parametrize("kind", LEARNERS)
def test_many_battles_train_two_bags_on_the_same_inner_folds(kind, case):
    data, fit = case
    battles = len(fit.outcome)
    few = fitted(kind, case, bags=3, many=battles + 1)
    many = fitted(kind, case, bags=3, many=battles)
    assert len(few.boosters_) == 3
    assert len(many.boosters_) == 2
    if kind == "lightgbm":  # XGBoost looks at the held battles less often, and may stop elsewhere
        assert [each.model_to_string() for each in many.boosters_] == [
            each.model_to_string() for each in few.boosters_[:2]
        ]


@pytest.mark.parametrize("look_every", [5, 10])
def test_xgboost_keeps_the_rounds_up_to_the_best_look(look_every, case, monkeypatch):
    losses = iter([0.9, 0.7, 0.8, 0.85, 0.6])  # the third and fourth look are worse than the second
    monkeypatch.setattr("stacker.learners.trees.boosting.Bag.loss", lambda self, logs: next(losses))
    monkeypatch.setattr("stacker.learners.trees.bags.LOOK_EVERY_OF_MANY", look_every)
    small = {"bags": 1, "many": 1, "n_estimators": 100}
    booster = fitted("xgboost", case, early_stopping_rounds=2 * look_every, **small).boosters_[0]
    assert booster.num_boosted_rounds() == 2 * look_every
    assert next(losses) == 0.6  # and stops there

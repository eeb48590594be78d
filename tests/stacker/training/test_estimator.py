import doctest
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data
from small_judges import battles

from stacker import Judge, PreferenceStacker
from stacker.training.estimator import VOCABULARIES

FEW_FEATURES = {f"features.{block}": False for block in ("sentiment", "readability", "style", "overlap")}
QUICK = {
    "learners": ["linear"],
    "embedding": False,
    "folds": 2,
    "settings": {"learners.linear.C": [0.01], "training.counterfactuals.enabled": False, **FEW_FEATURES},
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Keep BLAS on one core: the problems are tiny, and its threads only wait for each other."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


class NumbersAsBattles(PreferenceStacker):
    """Reads the rows of numbers that scikit-learn's checks make as battles, so that the checks can run."""

    def fit(self, X, y, sample_weight=None):  # noqa: N803
        if y is None:
            return super().fit(X, y)
        numbers = validate_data(self, X)
        # The checks call classes 1 and 2 as well, which are refused of people.
        plain = np.asarray(y)
        whole = plain.ndim == 1 and plain.size and plain.dtype.kind in "iuf" and (plain == np.round(plain)).all()
        shift = int(plain.min()) if whole and np.isfinite(plain).all() else 0
        super().fit(_texts(numbers), plain - shift if shift > 0 else y, sample_weight)
        if shift > 0:
            self.classes_ = self.classes_ + shift
            self._vocabulary = tuple(number + shift for number in self._vocabulary)
        self.n_features_in_ = numbers.shape[1]
        del self.feature_names_in_
        return self

    def _battles(self, X):  # noqa: N803
        check_is_fitted(self, "judge_")
        return super()._battles(_texts(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        return tags


def _texts(numbers):
    def said(row):
        return " ".join("tree" * (1 + int(abs(v) * 3) % 5) + ("!" if v < 0 else ".") for v in row)

    return pd.DataFrame(
        [
            (
                f"{row[0]:.3f}",
                "word " * int(10 + 3 * row[0]) + said(row),
                "word " * int(10 - 3 * row[0]) + said(row[::-1]),
            )
            for row in np.asarray(numbers, dtype=float)
        ],
        columns=["prompt", "response_a", "response_b"],
    )


WITHOUT_DATA = {
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_estimators_unfitted",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_requires_y_none",
}
"""The other checks feed rows of numbers, but a battle is three texts: they are run on `NumbersAsBattles`."""
NOT_FOR_NUMBERS = {
    "check_dtype_object": "asks for any four classes; a battle ends in A, B or tie",
    "check_classifiers_classes": "asks for any names of classes; a battle ends in A, B or tie, spelled in a known way",
    "check_classifiers_train": "asks to tell classes apart that do not turn when the sides are swapped; A and B must",
    "check_sample_weight_equivalence_on_dense_data": "a repeated battle changes how prompts are dealt into folds",
}


@parametrize_with_checks(
    [NumbersAsBattles(**QUICK)], expected_failed_checks=lambda _: NOT_FOR_NUMBERS, xfail_strict=True
)
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_the_checks_that_need_no_data_pass_without_a_stand_in():
    run = []
    for estimator, check in estimator_checks_generator(PreferenceStacker(**QUICK), mark=None):
        name = getattr(check, "func", check).__name__
        if name in WITHOUT_DATA:
            check(estimator)
            run.append(name)
    assert set(run) == WITHOUT_DATA


def labels(outcome, vocabulary):
    return np.array(vocabulary, dtype=object)[outcome]


def test_the_example_in_the_docstring_runs():
    import stacker.training.estimator

    assert doctest.testmod(stacker.training.estimator) == (0, 6)


def test_it_learns_that_longer_answers_win():
    frame, outcome = battles(240, seed=1)
    stacker = PreferenceStacker(learners=["lightgbm", "linear", "sparse"], embedding=False, folds=3, settings=SMALL)
    stacker.fit(frame[:160], labels(outcome[:160], ("A", "B", "tie")))
    assert stacker.classes_.tolist() == ["A", "B", "tie"]
    probabilities = stacker.predict_proba(frame[160:])
    prior = np.bincount(outcome[:160], minlength=3) / 160
    assert log_loss(outcome[160:], probabilities) < log_loss(outcome[160:], np.tile(prior, (80, 1))) - 0.1
    swapped = frame[160:].rename(columns={"response_a": "response_b", "response_b": "response_a"})
    np.testing.assert_allclose(stacker.predict_proba(swapped)[:, [1, 0, 2]], probabilities, rtol=0, atol=1e-9)
    assert set(stacker.predict(frame[160:])) <= {"A", "B", "tie"}
    explained = stacker.judge_.explain("What?", "Green tree. " * 20, "No.")
    assert sum(part.margin for part in explained.groups) == pytest.approx(explained.verdict.margin, abs=1e-9)


SMALL = {
    "learners.lightgbm.n_estimators": 10,
    "learners.lightgbm.bags": 2,
    "learners.lightgbm.min_child_samples": 5,
    "learners.linear.C": [0.01],
    "learners.sparse.C": [1.0],
    "learners.sparse.words": 200,
    "learners.sparse.characters": 0,
    "training.counterfactuals.enabled": False,
}


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_any_spelling_of_the_outcomes(vocabulary):
    frame, outcome = battles(30)
    stacker = PreferenceStacker(**QUICK).fit(frame, labels(outcome, vocabulary).tolist())
    plain = PreferenceStacker(**QUICK).fit(frame, outcome)
    assert stacker.classes_.tolist() == sorted(vocabulary)
    order = [vocabulary.index(label) for label in stacker.classes_.tolist()]
    np.testing.assert_array_equal(stacker.predict_proba(frame), plain.predict_proba(frame)[:, order])


def test_the_order_of_the_battles_does_not_matter_and_weight_0_is_none():
    frame, outcome = battles(40, seed=5)
    weight = np.linspace(0.5, 1.5, 40)
    here = PreferenceStacker(**QUICK).fit(frame, outcome, weight)
    turned = PreferenceStacker(**QUICK).fit(frame[::-1], outcome[::-1], weight[::-1])
    np.testing.assert_array_equal(here.predict_proba(frame), turned.predict_proba(frame))
    assert not np.array_equal(
        here.predict_proba(frame), PreferenceStacker(**QUICK).fit(frame, outcome).predict_proba(frame)
    )
    noise, wrong = battles(20, seed=6)
    more = pd.concat([frame, noise], ignore_index=True)
    padded = PreferenceStacker(**QUICK).fit(more, np.r_[outcome, wrong], np.r_[weight, np.zeros(20)])
    np.testing.assert_array_equal(here.predict_proba(frame), padded.predict_proba(frame))


def test_without_ties_there_are_two_classes():
    frame, outcome = battles(60, seed=7)
    decided = outcome < 2
    stacker = PreferenceStacker(**QUICK).fit(frame[decided], outcome[decided])
    found = stacker.predict_proba(frame)
    assert stacker.classes_.tolist() == [0, 1] and found.shape == (60, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert PreferenceStacker(**QUICK).fit(frame, np.zeros(60, dtype=int)).classes_.tolist() == [0, 1]


def test_answers_that_are_alike_are_a_tie():
    frame, outcome = battles(60, seed=9)
    twins = frame.assign(response_b=frame["response_a"])
    decided = np.where(outcome == 2, np.arange(60) % 2, outcome)
    decided[0] = 2  # nearly no ties: A and B are more probable, and equally so
    stacker = PreferenceStacker(**QUICK).fit(frame, decided)
    found = stacker.predict_proba(twins)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    assert (found[:, 0] > found[:, 2]).any() and set(stacker.predict(twins)) == {2}


def test_without_ties_the_label_of_even_answers_swaps_with_the_sides():
    class Even:
        def predict_proba(self, battles, **_):
            return np.tile([0.45, 0.45, 0.1], (len(battles), 1))

    found = PreferenceStacker()
    found.judge_, found._vocabulary, found.classes_ = Even(), VOCABULARIES[1], np.array(["A", "B"])
    rows = pd.DataFrame({"prompt": ["q", "q"], "response_a": ["one", "two"], "response_b": ["two", "one"]})
    assert found.predict(rows).tolist() == ["A", "B"]


@pytest.mark.slow
def test_clone_cross_validation_and_search():
    frame, outcome = battles(60, seed=8)
    y = labels(outcome, ("A", "B", "tie"))
    stacker = PreferenceStacker(**QUICK)
    copy = clone(stacker)
    assert copy is not stacker and copy.get_params() == stacker.get_params() and not hasattr(copy, "judge_")
    scores = cross_val_score(stacker, frame, y, cv=3, scoring="neg_log_loss")
    assert scores.shape == (3,) and (scores > -2).all()
    prompts = frame["prompt"].map(hash)
    held = cross_val_predict(stacker, frame, y, cv=GroupKFold(3), groups=prompts, method="predict_proba")
    np.testing.assert_allclose(held.sum(axis=1), 1, rtol=0, atol=1e-12)
    search = GridSearchCV(stacker, {"folds": [2, 3]}, cv=2).fit(frame, y)
    assert search.best_params_["folds"] in (2, 3) and search.best_estimator_.judge_.about["battles"] == 60


def test_what_is_kept_is_found_again(tmp_path, monkeypatch):
    frame, outcome = battles(30)
    first = PreferenceStacker(**QUICK, cache=tmp_path).fit(frame, outcome)

    def never(*_):
        raise AssertionError("fitted again")

    monkeypatch.setattr("stacker.learners.linear.linear.LinearLearner.fit", never)
    again = PreferenceStacker(**QUICK, cache=tmp_path).fit(frame, outcome)
    np.testing.assert_array_equal(again.predict_proba(frame), first.predict_proba(frame))
    first.judge_.save(tmp_path / "judge")
    np.testing.assert_array_equal(Judge.load(tmp_path / "judge").predict_proba(frame), first.predict_proba(frame))


@pytest.mark.parametrize(
    ("params", "change", "says"),
    [
        ({"learners": ["lightgmb"]}, None, r"learners: holds \['lightgmb'\]; choose among lightgbm"),
        ({"learners": []}, None, "learners: holds nothing"),
        ({"settings": {"learners.linear.strenght": [1]}}, None, "the key learners.linear.strenght is unknown"),
        ({}, lambda x, y: (x, np.where(y == 2, "draw", "A")), "y: holds labels such as 'A'"),
        ({}, lambda x, y: (x, np.where(y == 0, 1, 2)), "y: holds the numbers 1, 2 and no 0, and 0 means that A wins"),
        ({}, lambda x, y: (x, y[:-1]), r"y: has the shape \(29,\), X has 30 rows"),
        ({}, lambda x, y: (x.drop(columns="prompt"), y), "no column prompt"),
        ({}, lambda x, y: (x.assign(prompt="one"), y), "30 samples of one prompt"),
        ({}, lambda x, y: (x, y, -np.ones(30)), "sample_weight: holds a value that is negative"),
    ],
)
def test_what_cannot_be_fitted(params, change, says):
    frame, outcome = battles(30)
    arguments = (frame, outcome) if change is None else change(frame, outcome)
    with pytest.raises(ValueError, match=says):
        PreferenceStacker(**{**QUICK, **params}).fit(*arguments)


def test_an_array_of_texts_will_do_and_an_unfitted_one_says_so():
    frame, outcome = battles(30)
    with pytest.raises(NotFittedError):
        PreferenceStacker().predict(frame)
    plain = frame.map(lambda turns: turns[0])
    from_array = PreferenceStacker(**QUICK).fit(plain.to_numpy(), outcome)
    from_frame = PreferenceStacker(**QUICK).fit(frame, outcome)
    np.testing.assert_array_equal(from_array.predict_proba(plain.to_numpy()), from_frame.predict_proba(frame))
    with pytest.warns(DataConversionWarning):
        PreferenceStacker(**QUICK).fit(frame, outcome[:, None])
    assert from_frame.n_features_in_ == 3
    assert from_frame.feature_names_in_.tolist() == ["prompt", "response_a", "response_b"]


def test_a_judge_with_the_starter_judge_inside_is_saved_when_nothing_was_kept(tmp_path):
    frame, outcome = battles(30)
    settings = {"learners.linear.C": [0.01], "stack.prior": "starter"}
    fitted = PreferenceStacker(learners=["linear"], embedding=False, folds=2, settings=settings).fit(frame, outcome)
    fitted.judge_.save(tmp_path / "judge")
    said = Judge.load(tmp_path / "judge").predict_proba(frame)
    np.testing.assert_array_equal(said, fitted.predict_proba(frame))


def test_a_frame_of_read_csv_is_parsed_by_the_estimator_too():
    """Brackets, quotes and escapes would be taken as the text."""
    frame, outcome = battles(40)
    written = frame.map(lambda turns: json.dumps(list(turns)))
    stacker = PreferenceStacker(**QUICK).fit(written, outcome)
    found = PreferenceStacker(**QUICK).fit(frame, outcome).predict_proba(frame)
    np.testing.assert_array_equal(stacker.predict_proba(written), found)
    np.testing.assert_array_equal(stacker.predict_proba(written[:1]), stacker.predict_proba(frame[:1]))
    assert stacker.predict(written).tolist() == stacker.predict(frame).tolist()
    with pytest.raises(ValueError, match="prompt: 39 texts are lists of turns, but that of row 3 is none"):
        stacker.predict(written.assign(prompt=[*written["prompt"][:3], '["a', *written["prompt"][4:]]))

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_judges import (
    SMALL_TREES,
    LightGBMLearner,
    LightGBMParams,
    XGBoostLearner,
    XGBoostParams,
    battles,
    small_judge,
)

from features.pairs import answer_pairs, join, parsed, shared
from pipelines.errors import UserError
from pipelines.terminal.command_line import silent
from stacker.judge.explain.explanation_baseline import Baseline, PairLearner, baseline, typical_row
from stacker.judge.explain.group_effects import GROUPS, group_effects, group_of_feature, group_of_kind, shown_order
from stacker.judge.explain.learner_contributions import token_contributions, tree_contributions
from stacker.judge.judge import Judge
from stacker.judge.members import Member
from stacker.learners.balance import BalanceParams
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.stacking.pool import Pool, margins_and_ties, probabilities_of
from stacker.learners.transformer.transformer_trees import TransformerTreesLearner

TEXT = st.text(st.characters(codec=None), max_size=80) | st.sampled_from(
    ["", "A green tree. " * 9, "I'm sorry, I cannot.", "- one\n- two\n\n**bold**", "树是绿色的。", "What is it?"]
)


def seen_by(judge, n=6, seed=3):
    return judge.data(battles(n, seed)[0], cache=None, threads=1, progress=silent)


def verdicts(judge, data):
    return margins_and_ties(judge.pool.predict_proba(judge.member_probabilities(data)))


def test_a_typical_battle_by_hand():
    a = np.array([[1, 10], [2, np.nan], [4, 30]], dtype=np.float32)
    b = np.array([[3, 20], [9, np.nan], [4, 50]], dtype=np.float32)
    asked = np.array([[np.nan], [np.nan], [np.nan]], dtype=np.float32)
    pairs = join([answer_pairs("x", ("p", "q"), a, b), shared("x", ("r",), asked)])
    # Common medians of p: 1 2 3 4 4 9 -> 3.5; of q: 10 20 30 50 -> 25; distances: 2 7 0 -> 2, 10 20 -> 15.
    row = typical_row(pairs)
    np.testing.assert_array_equal(row, np.array([3.5, 25, 3.5, 25, 0, 0, 2, 15, np.nan], dtype=np.float32))
    np.testing.assert_array_equal(row[pairs.partner] * pairs.sign + 0, row)


def test_groups_of_names():
    assert group_of_feature("surface: log words (|A - B|)") == "length"
    assert group_of_feature("turns: empty answers (A)") == "length"
    assert group_of_feature("surface: words (prompt)") == "prompt"
    assert group_of_feature("agreement: identical (A,B)") == "overlap"
    assert group_of_feature("surface: digit share (B)") == "surface"
    assert group_of_feature("novelty: of the future (A)") == "novelty"
    assert group_of_kind("sparse") == "sparse words" and group_of_kind("transformer") == "transformer"
    assert shown_order({"zeta", "sparse words", "length"}) == ("length", "sparse words", "zeta")
    assert parsed("a: b (c) d (A - B)").column == "b (c) d"
    with pytest.raises(ValueError, match="form"):
        parsed("nothing of the kind")


def test_every_feature_of_the_project_has_a_known_group():
    judge = small_judge()
    data = seen_by(judge)
    found = {group_of_feature(name) for member in judge.members[:3] for name in member.learner.pairs(data).names}
    others = {"sparse words", "transformer", "outside predictions", "language models", "caution", "checks"}
    off = {"integrity", "likelihood", "chinese"}  # whose blocks, or some of them, are off by default
    assert found - off == set(GROUPS) - others - off


def test_the_groups_add_up_to_the_verdict():
    judge = small_judge()
    data = seen_by(judge)
    effects = group_effects(judge.members, judge.pool, judge.baseline, data)
    margin, tie = verdicts(judge, data)
    np.testing.assert_allclose(effects.margin.sum(axis=1), margin, rtol=0, atol=1e-9)
    np.testing.assert_allclose(effects.tie.sum(axis=1) + effects.base_tie, tie, rtol=0, atol=1e-9)
    assert (np.abs(effects.margin).max(axis=0) > 0).sum() >= 6


@given(TEXT, TEXT, TEXT)
@settings(max_examples=12, deadline=None)
def test_swapping_the_sides_turns_every_sign(prompt, one, other):
    judge = small_judge()
    here, there = judge.explain(prompt, one, other), judge.explain(prompt, other, one)
    assert [part.margin for part in there.groups] == [-part.margin for part in here.groups]
    np.testing.assert_allclose([p.tie for p in there.groups], [p.tie for p in here.groups], rtol=0, atol=1e-12)
    features = {(part.feature, part.of): part for part in here.features}
    for part in there.features:
        mirror = features.pop((part.feature, part.of))
        assert abs(part.margin + mirror.margin) < 1e-9 and abs(part.tie - mirror.tie) < 1e-9
        assert (part.a, part.b) == (mirror.b, mirror.a)
    assert not features
    assert abs(sum(part.margin for part in here.groups) - here.verdict.margin) < 1e-9
    if one == other:
        assert all(part.margin == 0 for part in here.groups)


def test_a_group_that_no_learner_uses_gets_nothing():
    judge = small_judge()
    data = seen_by(judge)
    silenced = Pool()
    silenced.margin_weights_, silenced.tie_weights_ = np.array([0.5, 0, 0.5, 0]), np.array([0, 0, 1.0, 0])
    silenced.tie_offset_, silenced.temperature_ = -0.3, 1.0
    effects = group_effects(judge.members, silenced, judge.baseline, data)
    words = effects.groups.index("sparse words")
    assert not effects.margin[:, words].any() and not effects.tie[:, words].any()

    class NoTone:
        """The linear learner with its eyes shut to the sentiment block."""

        def __init__(self, learner):
            self.learner = learner

        def pairs(self, data):
            return self.learner.pairs(data)

        def predict_pairs(self, pairs):
            values = pairs.values.copy()
            values[:, [name.startswith("sentiment") for name in pairs.names]] = np.nan
            return self.learner.predict_pairs(type(pairs)(values, pairs.names, pairs.partner, pairs.sign))

    blind = [Member("linear", "linear", NoTone(judge.members[2].learner))]
    alone = Pool()
    alone.margin_weights_, alone.tie_weights_ = np.ones(1), np.ones(1)
    alone.tie_offset_, alone.temperature_ = 0.0, 1.0
    effects = group_effects(blind, alone, judge.baseline, data)
    tone = effects.groups.index("sentiment")
    assert not effects.margin[:, tone].any() and not effects.tie[:, tone].any()
    assert effects.margin[:, effects.groups.index("style")].any()


def test_groups_by_hand():
    """A learner whose margin is length times tone, and a reader of texts: two players share the product evenly."""

    class Product:
        def pairs(self, data):
            return data.pairs

        def predict_pairs(self, pairs):
            value = dict(zip(pairs.names, pairs.values.T.astype(float), strict=True))
            words, tone = value["surface: words (A - B)"], value["sentiment: tone (|A - B|)"]
            return probabilities_of(words * tone, tone - 1)

    class Reader:
        def predict_proba(self, data):
            return probabilities_of(np.full(len(data), 0.5), np.full(len(data), -0.25))

    pairs = join(
        [
            answer_pairs("surface", ("words",), np.array([[5.0]], np.float32), np.array([[3.0]], np.float32)),
            answer_pairs("sentiment", ("tone",), np.array([[0.5]], np.float32), np.array([[1.0]], np.float32)),
        ]
    )
    members = [Member("product", "lightgbm", Product()), Member("reader", "transformer", Reader())]
    base = Baseline({"product": np.array([4, 4, 0, 1, 0.6, 0.6, 0, 0.25], np.float32)}, {"reader": -1.0})
    pool = Pool()
    pool.margin_weights_, pool.tie_weights_ = np.array([1.0, 2.0]), np.array([1.0, 0.5])
    pool.tie_offset_, pool.temperature_ = 0.125, 2.0
    data = LearnerData(battles(1)[0], pairs, None)
    effects = group_effects(members, pool, base, data)
    assert effects.groups == ("length", "sentiment", "transformer")
    # Margins: none 0, length 2 * .25, sentiment 0, both 2 * .5; so length .75 and sentiment .25; all over T = 2.
    np.testing.assert_allclose(effects.margin[0], [0.375, 0.125, 2 * 0.5 / 2], rtol=0, atol=1e-9)
    np.testing.assert_allclose(effects.tie[0], [0, 0.125, 0.5 * 0.75 / 2], rtol=0, atol=1e-9)
    assert effects.base_tie == pytest.approx((0.25 - 1 - 0.5 + 0.125) / 2, abs=1e-9)


def test_the_features_of_the_trees_add_up_and_turn():
    judge = small_judge()
    data = seen_by(judge)
    learners = [member.learner for member in judge.members]
    here, there = tree_contributions(learners, judge.pool, data), tree_contributions(learners, judge.pool, data.flip())
    margins, ties = margins_and_ties(judge.member_probabilities(data)[:, :2])
    w, v = (weights[:2] / judge.pool.temperature_ for weights in (judge.pool.margin_weights_, judge.pool.tie_weights_))
    # XGBoost gives its contributions in float32.
    np.testing.assert_allclose(here.margin.sum(axis=1), margins @ w, rtol=0, atol=1e-5)
    np.testing.assert_allclose(here.tie.sum(axis=1) + here.base_tie, ties @ v, rtol=0, atol=1e-5)
    place = {name: number for number, name in enumerate(here.names)}
    pairs = learners[0].pairs(data)
    partner = [place[pairs.names[pairs.partner[pairs.names.index(name)]]] for name in here.names]
    np.testing.assert_allclose(there.margin, -here.margin[:, partner], rtol=0, atol=1e-12)
    np.testing.assert_allclose(there.tie, here.tie[:, partner], rtol=0, atol=1e-12)
    assert there.base_tie == here.base_tie


@pytest.mark.parametrize("method", ["weights", "focal"])
@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_the_correction_of_a_class_balance_is_part_of_the_features(kind, method):
    frame, outcome = battles(150)
    data = small_judge(False).data(frame, cache=None, threads=1, progress=silent)
    learner, params = {
        "lightgbm": (LightGBMLearner, LightGBMParams),
        "xgboost": (XGBoostLearner, XGBoostParams),
    }[kind]
    fitted = learner(params(**SMALL_TREES), BalanceParams(method=method, gamma=2.0))
    fitted.fit(data, Fit(outcome, np.ones(150), np.arange(150), seed=1))
    alone = Pool()
    alone.margin_weights_, alone.tie_weights_, alone.tie_offset_, alone.temperature_ = np.ones(1), np.ones(1), 0.0, 1.0
    some = data.take(np.arange(8))
    effects = tree_contributions([fitted], alone, some)
    margin, tie = margins_and_ties(fitted.predict_proba(some))
    np.testing.assert_allclose(effects.margin.sum(axis=1), margin, rtol=0, atol=1e-5)
    np.testing.assert_allclose(effects.tie.sum(axis=1) + effects.base_tie, tie, rtol=0, atol=1e-5)


def test_trees_that_never_split_on_a_feature_give_it_nothing():
    judge = small_judge()
    pairs = judge.members[0].learner.pairs(seen_by(judge))
    places = {place for b in judge.members[0].learner.boosters_ for place in np.flatnonzero(b.feature_importance())}
    used = {pairs.names[place] for place in places} | {pairs.names[pairs.partner[place]] for place in places}
    effects = tree_contributions([judge.members[0].learner], judge.pool, seen_by(judge))
    unused = [place for place, name in enumerate(effects.names) if name not in used]
    assert unused and not effects.margin[:, unused].any() and not effects.tie[:, unused].any()


def test_the_terms_of_the_sparse_learner_add_up_and_turn():
    judge = small_judge()
    data = seen_by(judge)
    learners = [member.learner for member in judge.members]
    margins, _ = margins_and_ties(learners[3].predict_proba(data))
    weight = judge.pool.margin_weights_[3] / judge.pool.temperature_
    for row in range(3):
        terms = token_contributions(learners, judge.pool, data, row, 10**6)
        assert sum(effect for _, effect in terms) == pytest.approx(margins[row] * weight, abs=1e-6)
        flipped = token_contributions(learners, judge.pool, data.flip(), row, 10**6)
        assert flipped == [(t, -effect) for t, effect in terms]
        assert token_contributions(learners, judge.pool, data, row, 5) == terms[:5]
    assert token_contributions(learners[:3], judge.pool, data, 0, 5) == []


def test_trees_that_see_a_transformer_are_explained_too():
    """With a stand-in for the transformer: the trees, and what becomes of its logits, are the real ones."""
    small = small_judge(False)
    frame, outcome = battles(150)

    class Reads:
        """Knows the votes it has met; otherwise likes the longer answer."""

        met = dict(zip(frame["response_a"] + frame["response_b"], outcome.tolist(), strict=True))

        def logits(self, data):
            sides = zip(data.texts["response_a"], data.texts["response_b"], strict=True)
            longer = [int(len(a[0]) < len(b[0])) for a, b in sides]
            pairs = data.texts["response_a"] + data.texts["response_b"]
            return np.eye(3)[[self.met.get(pair, guess) for pair, guess in zip(pairs, longer, strict=True)]]

    data = small.data(frame, cache=None, threads=1, progress=silent)
    learner = TransformerTreesLearner.__new__(TransformerTreesLearner)
    learner.transformer, learner.seen = Reads(), "logits"
    learner.trees = LightGBMLearner(LightGBMParams(**SMALL_TREES))
    fit = Fit(outcome, np.ones(150), np.arange(150), seed=1)
    learner.trees.fit(learner._with(data), fit)
    members = [Member("lightgbm-logits", "transformer_trees", learner)]
    pool = Pool()
    pool.margin_weights_, pool.tie_weights_, pool.tie_offset_, pool.temperature_ = np.ones(1), np.ones(1), 0.0, 1.0
    base = baseline(members, data, learner.predict_proba(data)[:, None])
    judge = Judge(small.features, None, members, pool, {}, base)
    found = judge.explain("What is a tree?", "A tree is green. " * 9, "No.")
    assert sum(part.margin for part in found.groups) == pytest.approx(found.verdict.margin, abs=1e-9)
    assert sum(part.margin for part in found.features) == pytest.approx(found.tree_margin, abs=1e-9)
    assert found.tree_margin == pytest.approx(found.verdict.margin, abs=1e-6)
    reading = {part.group: part for part in found.groups}["transformer"]
    assert reading.margin > 0 and "the texts as the transformer reads them" in reading.text
    part = next(part for part in found.features if part.feature == "transformer: margin")
    assert part.text == "which answer the transformer prefers" and part.a is None


def test_a_judge_without_trees_has_no_features_inside():
    judge = small_judge(False, ("linear", "sparse"))
    found = judge.explain("What?", "A long answer about a tree.", "No.")
    assert found.features == () and found.tree_margin == found.tree_tie == 0
    assert sum(part.margin for part in found.groups) == pytest.approx(found.verdict.margin, abs=1e-9)
    assert "embedding" not in {part.group for part in found.groups}


def test_the_words_and_the_data_of_an_explanation():
    judge = small_judge()
    found = judge.explain("What is a tree?", "A tree is green. " * 30, "I'm sorry, no.")
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    groups = {part["group"]: part for part in stored["groups"]}
    assert groups["length"]["text"].endswith("answer A is 117 words longer (A 120, B 3)")
    assert groups["length"]["text"].startswith("length favours A by ")
    assert stored["verdict"]["winner_model_a"] == found.verdict.a
    words = next(part for part in stored["features"] if part["feature"] == "surface: words" and part["of"] == "answers")
    assert (words["a"], words["b"], words["difference"]) == (120, 3, 117)
    strengths = [abs(part["margin"]) for part in stored["features"]]
    assert strengths == sorted(strengths, reverse=True)
    assert stored["terms"][0].keys() == {"term", "margin"} and 3 < len(stored["terms"]) <= 20
    strongest = next(
        part["term"].strip() for part in stored["terms"] if part["margin"] * groups["sparse words"]["margin"] > 0
    )
    assert f"above all “{strongest}”" in groups["sparse words"]["text"]
    lines = str(found).splitlines()
    assert lines[0].startswith("Verdict: A ") and len(lines) == 3 + len(found.groups) + 8
    assert not any(math.isnan(part.margin) for part in found.features)


def test_a_judge_without_a_baseline_says_so():
    judge = small_judge(False, ("linear", "sparse"))
    bare = Judge(judge.features, None, judge.members, judge.pool, judge.about)
    with pytest.raises(UserError, match="no baseline"):
        bare.explain("a", "b", "c")
    assert isinstance(judge.members[0].learner, PairLearner) and not isinstance(judge.members[1].learner, PairLearner)

"""Caution: verdicts in a script that the votes hardly have are drawn back, all others stay, and swaps are exact."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from small_judges import battles as small_battles
from small_judges import small_judge

from pipelines.battles.arrays import FLIP
from pipelines.errors import UserError
from pipelines.files.saved_files import DamagedError
from stacker import Judge
from stacker.judge.explain.explanation_parts import reason
from stacker.judge.explain.group_effects import CAUTION
from stacker.learners.checks.caution import FILE, KEPT, Caution, fit_caution, scripts_of
from stacker.learners.stacking.pool import margins_and_ties, probabilities_of
from stacker.learners.stacking.recalibration import Recalibration
from stacker.recalibrate import Recalibrated, judge_of

HAN, CYRILLIC = 1, 4
CAREFUL = Caution((1.0, 0.0, 0.0, 0.0, 0.5, 0.0), (0.3, 0.25, 0.3, 0.3, 0.4, 0.3), 0.5)
CHINESE = ("請推薦台南的早餐", "牛肉湯很有名，一早就有人排隊，也可以去市場走走。", "不知道。")
TEXTS = pd.DataFrame(
    [
        ("Where is a good breakfast?", "At the market, early in the morning.", "No idea."),
        CHINESE,
        ("Где позавтракать?", "На рынке, рано утром, там много людей.", "Не знаю."),
        ("12 + 13?", "25", "26"),
    ],
    columns=["prompt", "response_a", "response_b"],
).map(lambda text: (text,))


def verdicts(count, seed=0):
    return np.random.default_rng(seed).dirichlet([2, 2, 2], size=count)


def test_a_battle_has_the_script_of_most_letters():
    assert scripts_of(TEXTS).tolist() == [0, HAN, CYRILLIC, 0]


def test_only_verdicts_in_scripts_that_are_not_known_are_drawn_back():
    before = verdicts(4)
    after = CAREFUL.apply(before, TEXTS)
    np.testing.assert_array_equal(after[[0, 3]], before[[0, 3]])
    (margin, tie), (drawn, ties) = margins_and_ties(before), margins_and_ties(after)
    np.testing.assert_allclose(drawn[[1, 2]], margin[[1, 2]] * [0.25, 0.7])  # half known: 1 - .5 (1 - .4)
    np.testing.assert_allclose((ties - tie)[[1, 2]], 0.5 * np.abs(margin[[1, 2]]) * [0.75, 0.3])


def test_swapping_the_sides_swaps_the_verdict_to_the_last_bit():
    before = verdicts(4)
    swapped = TEXTS.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    np.testing.assert_array_equal(CAREFUL.apply(before[:, FLIP], swapped)[:, FLIP], CAREFUL.apply(before, TEXTS))


def test_a_verdict_does_not_depend_on_the_battles_it_comes_with():
    before = verdicts(4)
    alone = [CAREFUL.apply(before[[row]], TEXTS.iloc[[row]])[0] for row in range(4)]
    np.testing.assert_array_equal(CAREFUL.apply(before, TEXTS), alone)


def test_recalibrated_verdicts_are_those_drawn_back_before():
    before, first, then = verdicts(4), Recalibration(1.4, 0.2), Recalibration(0.7, -0.1)
    both = CAREFUL.recalibrated(first).recalibrated(then)
    expected = then.apply(first.apply(CAREFUL.apply(before, TEXTS)))
    np.testing.assert_allclose(both.apply(then.apply(first.apply(before)), TEXTS), expected, atol=1e-12)


def test_a_saved_caution_says_the_same_and_a_changed_file_is_refused(tmp_path):
    made = dataclasses.replace(CAREFUL, scale=Recalibration(1.25, 0.5))
    made.save(tmp_path)
    assert Caution.load(tmp_path) == made
    written = (tmp_path / FILE).read_text()
    for old, new in (('"slope":', '"slop":'), ("0.25", "1.25"), ("0.25", '"0.25"'), ("0.25,", "")):
        assert old in written
        (tmp_path / FILE).write_text(written.replace(old, new, 1))
        with pytest.raises(DamagedError):
            Caution.load(tmp_path)


def made_votes(count, factor, seed, *, script="Latin", slope=0.0, prompts=None):
    """Return texts, verdicts and outcomes of votes in which `factor` times the verdict's margin holds."""
    dice = np.random.default_rng(seed)
    words = {"Latin": "water", "Han": "水", "Cyrillic": "вода"}[script]
    prompts = count if prompts is None else prompts
    texts = pd.DataFrame({name: [(words,)] * count for name in ("prompt", "response_a", "response_b")})
    texts["prompt"] = [(f"{words} {row % prompts}",) for row in range(count)]
    margin, tie = dice.normal(0, 0.8, count), dice.normal(-0.1, 0.2, count)
    right = probabilities_of(factor * margin, tie - slope * factor * np.abs(margin))
    outcome = (dice.random((count, 1)) > np.cumsum(right, axis=1)).sum(axis=1)
    return texts, probabilities_of(margin, tie), outcome.astype(np.int64)


def joined(*parts):
    texts, said, outcome = zip(*parts, strict=True)
    return pd.concat(texts, ignore_index=True), np.concatenate(said), np.concatenate(outcome)


def test_what_votes_in_a_script_show_is_kept_at_the_lower_end_of_its_interval():
    texts, said, outcome = joined(
        made_votes(6000, 1.0, 1, slope=0.6),
        made_votes(500, 0.6, 2, script="Han"),
        made_votes(20, 1.0, 3, script="Cyrillic"),
    )
    found = fit_caution(texts, said, outcome, np.ones(len(outcome)))
    assert found.known[0] == 1 and found.known[HAN] == pytest.approx(500 / 652)
    assert 0.2 < found.kept[HAN] < 0.6
    assert found.kept[CYRILLIC] == found.kept[HAN], "too few votes to tell: as the script of which least is kept"
    assert found.slope == pytest.approx(0.6, abs=0.15)


def test_without_votes_in_other_scripts_little_is_kept_of_them():
    texts, said, outcome = made_votes(80, 1.0, 4)
    found = fit_caution(texts, said, outcome, np.ones(80))
    assert found.known == (1.0, 0.0, 0.0, 0.0, 0.0, 0.0) and set(found.kept) == {KEPT}
    np.testing.assert_array_equal(found.apply(said, texts), said)


def test_voters_of_one_script_alone_have_nothing_drawn_back():
    texts, said, outcome = made_votes(60, 1.0, 5, script="Han")
    np.testing.assert_array_equal(fit_caution(texts, said, outcome, np.ones(60)).apply(said, texts), said)


@pytest.mark.slow
def test_the_lower_end_covers_with_many_votes_on_each_prompt():
    low = []
    for seed in range(100):
        parts = made_votes(2000, 1.0, seed), made_votes(190, 0.7, 1000 + seed, script="Han", prompts=60)
        texts, said, outcome = joined(*parts)
        low.append(fit_caution(texts, said, outcome, np.ones(len(outcome))).kept[HAN])
    assert 0.92 <= np.mean(np.array(low) <= 0.7) <= 1.0


@pytest.fixture(scope="module")
def careful():
    judge = small_judge(embedding=False, kinds=("lightgbm", "linear"))
    return Judge(judge.features, None, judge.members, judge.pool, judge.about, judge.baseline, caution=CAREFUL)


def test_a_judge_draws_back_and_a_saved_one_says_the_same(careful, tmp_path):
    plain = small_judge(embedding=False, kinds=("lightgbm", "linear"))
    frame, before = TEXTS, plain.predict_proba(TEXTS)
    np.testing.assert_array_equal(careful.predict_proba(frame), CAREFUL.apply(before, frame))
    careful.save(tmp_path / "judge")
    np.testing.assert_array_equal(Judge.load(tmp_path / "judge").predict_proba(frame), careful.predict_proba(frame))
    plain.save(tmp_path / "plain")
    assert Judge.load(tmp_path / "plain").caution is None
    (tmp_path / "judge" / FILE).unlink()
    with pytest.raises(UserError, match="incomplete or corrupt"):
        Judge.load(tmp_path / "judge")


def test_the_explanation_names_it_in_both_languages_and_adds_up(careful):
    found = careful.explain(*CHINESE)
    drawn = next(part for part in found.groups if part.group == CAUTION)
    assert "little is known of texts in Chinese characters" in drawn.text
    assert "漢字" in reason(CAUTION, 0.0, 0.0, found.features, found.terms, "zh-Hant", found.findings)
    assert sum(part.margin for part in found.groups) == pytest.approx(found.verdict.margin, abs=1e-9)
    tie = found.base_tie + sum(part.tie for part in found.groups)
    assert tie == pytest.approx(found.verdict.tie_log_odds, abs=1e-9)
    english = careful.explain("Why?", "Because it is so.", "No.")
    assert CAUTION not in [part.group for part in english.groups]


def test_a_recalibrated_judge_keeps_it(careful):
    fitted = Recalibration(1.5, 0.1)
    again = judge_of(careful, Recalibrated(fitted, np.zeros((0, 3)), None, [], None), 20)
    frame = pd.concat([TEXTS, small_battles(6, 3)[0][list(TEXTS)]], ignore_index=True)
    np.testing.assert_allclose(again.predict_proba(frame), fitted.apply(careful.predict_proba(frame)), atol=1e-9)

import numpy as np
import pandas as pd
import pytest

from dashboard.judges.judge_calibration import (
    calibration,
    language_labels,
    length_bands,
    predictors,
    probabilities_of,
    prompts_of,
    scores_by,
)


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([2, 2, 1.5], size=n)
    return p, np.array([rng.choice(3, p=row) for row in p])


def test_true_probabilities_lie_inside_their_intervals() -> None:
    p, outcome = drawn(3_000)
    found = calibration(p, outcome, np.arange(len(p)))
    assert len(found) == 30
    inside = (found["low"] <= found["predicted"]) & (found["predicted"] <= found["high"])
    assert inside.mean() > 0.85
    assert found["battles"].between(299, 301).all()
    too_sure = np.clip(p**4, 1e-9, None)
    too_sure /= too_sure.sum(axis=1, keepdims=True)
    worse = calibration(too_sure, outcome, np.arange(len(p)))
    assert ((worse["low"] <= worse["predicted"]) & (worse["predicted"] <= worse["high"])).mean() < 0.4


def test_few_battles_make_few_bins() -> None:
    p, outcome = drawn(45)
    assert calibration(p, outcome, np.arange(len(p))).groupby("outcome").size().tolist() == [2, 2, 2]
    assert calibration(p[:1], outcome[:1], np.zeros(1))["battles"].tolist() == [1, 1, 1]
    assert calibration(p[:0], outcome[:0], np.zeros(0)).empty


def test_scores_of_each_label() -> None:
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2]])
    found = scores_by(p, np.array([0, 0, 2]), np.arange(3), ["zh", "en", "zh"]).set_index("label")
    assert found.index.tolist() == ["zh", "en"]
    assert found.loc["zh", "accuracy"] == 0.5
    assert found.loc["zh", "log_loss"] == pytest.approx(-(np.log(0.6) + np.log(0.2)) / 2)
    assert found.loc["zh", "prior_log_loss"] == pytest.approx(np.log(2))
    assert found.loc["en", "prior_log_loss"] == 0.0
    assert scores_by(p, np.array([0, 0, 2]), np.arange(3), ["zh", "en", "zh"], ["en", "ja"])["label"].tolist() == ["en"]
    assert scores_by(p[:0], np.array([], dtype=int), np.zeros(0), []).empty


def test_a_label_of_even_battles_has_the_same_accuracy_whichever_answer_is_called_a() -> None:
    p, outcome = np.array([[0.4, 0.4, 0.2], [0.3, 0.3, 0.4], [1 / 3, 1 / 3, 1 / 3]]), np.array([0, 2, 1])
    straight = scores_by(p, outcome, np.arange(3), ["x"] * 3)
    assert straight["accuracy"].tolist() == pytest.approx([(1 / 2 + 1 + 1 / 3) / 3])
    pd.testing.assert_frame_equal(straight, scores_by(p[:, [1, 0, 2]], np.array([1, 2, 0]), np.arange(3), ["x"] * 3))


def test_battles_of_one_prompt_are_one_and_equal_probabilities_share_a_bin() -> None:
    p, outcome = drawn(400)
    apart, few = (calibration(p, outcome, group) for group in (np.arange(400), np.arange(400) // 100))
    assert (few["high"] - few["low"]).mean() > 1.3 * (apart["high"] - apart["low"]).mean()
    coarse = p.round(1)
    order = np.random.default_rng(1).permutation(400)
    straight, shuffled = calibration(coarse, outcome, np.arange(400)), calibration(coarse[order], outcome[order], order)
    pd.testing.assert_frame_equal(straight, shuffled)
    table = pd.DataFrame({"outcome": [0, 1], "prompt": [7, 7]})
    assert prompts_of(table).tolist() == [7, 7] and prompts_of(table.drop(columns="prompt")).tolist() == [0, 1]


def test_bands_hold_about_the_same_number() -> None:
    characters = np.random.default_rng(0).integers(1, 100_000, size=1_000)
    labels, order = length_bands(characters)
    counts = pd.Series(labels).value_counts()
    assert len(order) == 5 and counts.min() > 150 and set(counts.index) == set(order)
    assert length_bands(np.array([7, 7, 7])) == (["7–7"] * 3, ["7–7"])
    assert length_bands(np.array([], dtype=int)) == ([], [])


def test_rare_languages_are_put_together() -> None:
    assert language_labels(["en"] * 3 + ["fr", ""], "else", least=2) == ["en"] * 3 + ["else"] * 2


def test_predictors_are_found_by_their_columns() -> None:
    table = pd.DataFrame(
        {f"{n}: {o}": [0.5] for n in ("stack", "a: b") for o in ("winner_model_a", "winner_model_b", "winner_tie")}
    )
    assert predictors(table) == ["stack", "a: b"]
    assert probabilities_of(table, "a: b").tolist() == [[0.5, 0.5, 0.5]]

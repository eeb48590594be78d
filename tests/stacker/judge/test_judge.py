import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_judges import battles, small_judge

from features.encoder.choice import EncoderParams
from features.encoder.embedding import open_encoder
from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError
from pipelines.terminal.command_line import silent
from stacker.judge.explain.explanation_baseline import Baseline
from stacker.judge.judge import Judge
from stacker.judge.judge_folder import FORMAT
from stacker.judge.verdict import Verdict

TEXT = st.text(st.characters(codec=None), max_size=60)
TURNS = TEXT | st.lists(TEXT, min_size=1, max_size=3)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "judge"
    small_judge(embedding=False).save(folder)
    return folder


def test_importing_the_package_is_quick_and_gives_the_classes():
    code = (
        "import time; t = time.process_time(); import stacker; took = time.process_time() - t\n"
        "import sys; assert 'numpy' not in sys.modules and 'Judge' in dir(stacker), sorted(sys.modules)\n"
        "assert took < 0.5, took\n"
        "from stacker import Judge, PreferenceStacker\n"
        "assert Judge.__module__ == 'stacker.judge.judge'\n"
        "assert PreferenceStacker.__module__ == 'stacker.training.estimator'\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    import stacker

    with pytest.raises(AttributeError, match="no attribute 'Jury'"):
        stacker.Jury  # noqa: B018


@given(TURNS, TURNS, TURNS)
@settings(max_examples=15, deadline=None)
def test_swapping_the_sides_swaps_the_verdict(prompt, one, other):
    judge = small_judge()
    here, there = judge.compare(prompt, one, other), judge.compare(prompt, other, one)
    np.testing.assert_allclose(there.swapped().probabilities, here.probabilities, rtol=0, atol=1e-9)
    assert sum(here.probabilities) == pytest.approx(1, abs=1e-12)
    if one == other:
        assert here.a == here.b and here.preferred == "tie"


def test_one_battle_and_many_agree():
    judge = small_judge()
    frame, _ = battles(9, seed=4)
    frame["response_b"] = [list(turns) if row % 2 else turns[0] for row, turns in enumerate(frame["response_b"])]
    frame["model_a"] = "secret"
    frame.index = pd.Index([f"battle {row}" for row in range(9)])
    found = judge.compare_many(frame)
    assert list(found.columns) == list(OUTCOMES) and found.index.equals(frame.index)
    for row in (0, 5):
        alone = judge.compare(*frame.iloc[row][["prompt", "response_a", "response_b"]])
        np.testing.assert_allclose(alone.probabilities, found.iloc[row], rtol=0, atol=1e-12)
    assert judge.compare_many(frame.iloc[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.drop(columns="response_b"), "no column response_b"),
        (lambda frame: frame.assign(prompt=[3.5, "b"]), "prompt, row x: holds float"),
        (
            lambda frame: frame.assign(response_a=[["fine"], ["fine", None]]),
            "response_a, row y: has a turn of type None",
        ),
        (lambda frame: frame.to_dict(), "are a dict"),
    ],
)
def test_battles_that_are_none(change, says):
    frame = pd.DataFrame({name: ["a", "b"] for name in ("prompt", "response_a", "response_b")}, index=["x", "y"])
    with pytest.raises(UserError, match=says):
        small_judge(False).compare_many(change(frame.astype(object)))


def test_a_verdict_by_hand():
    verdict = Verdict(0.5, 0.2, 0.3)
    assert verdict.preferred == "A" and verdict.swapped().preferred == "B"
    assert verdict.expected_score == pytest.approx(0.65)
    assert verdict.margin == pytest.approx(np.log(2.5)) and verdict.swapped().margin == -verdict.margin
    assert verdict.tie_log_odds == pytest.approx(np.log(0.3) - np.log(0.1) / 2)
    assert verdict.to_dict() == {"winner_model_a": 0.5, "winner_model_b": 0.2, "winner_tie": 0.3}
    assert str(verdict) == "A 50.0 %, B 20.0 %, tie 30.0 %"
    assert Verdict(0.4, 0.4, 0.2).preferred == "tie" and Verdict(0.2, 0.3, 0.5).preferred == "tie"


def test_a_saved_judge_is_the_same_to_the_bit(saved, tmp_path):
    judge, loaded = small_judge(embedding=False), Judge.load(str(saved))
    frame, _ = battles(12, seed=9)
    np.testing.assert_array_equal(loaded.predict_proba(frame), judge.predict_proba(frame))
    texts = ("What is a tree?", "A tree is green and great.", "No!")
    assert loaded.explain(*texts) == judge.explain(*texts)
    assert loaded.about == judge.about
    loaded.save(tmp_path / "again")
    names = sorted(path.relative_to(saved) for path in saved.rglob("*") if path.is_file())
    assert names == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    for name in names:
        assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert not [name for name in names if name.suffix in (".pkl", ".pickle", ".joblib", ".bin", ".pt")]


def test_others_may_read_a_saved_judge(saved):
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in [saved, *saved.rglob("*")])


def test_a_judge_remembers_its_encoder(tiny_checkpoint, tmp_path):
    folder = tiny_checkpoint("distilbert")
    encoder = open_encoder(EncoderParams(model=str(folder), fallback=None, max_tokens=32, device="cpu"))
    small = small_judge(False, ("linear", "sparse"))
    features = small.features.model_copy(update={"embedding": True})
    judge = Judge(features, encoder, small.members[1:], _pool_of_one(), {}, None)
    judge.save(tmp_path / "judge")
    loaded = Judge.load(tmp_path / "judge")
    assert loaded.encoder.sha256 == encoder.sha256 and loaded.baseline is None
    frame, _ = battles(4)
    np.testing.assert_array_equal(loaded.predict_proba(frame), judge.predict_proba(frame))
    described = json.loads((tmp_path / "judge" / "judge.json").read_text())
    described["encoder"]["sha256"] = "0" * 64
    (tmp_path / "judge" / "judge.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match="was made with the encoder"):
        Judge.load(tmp_path / "judge")


def _pool_of_one():
    pool = type(small_judge().pool)()
    pool.margin_weights_, pool.tie_weights_, pool.tie_offset_, pool.temperature_ = np.ones(1), np.ones(1), 0.0, 1.0
    return pool


def test_folders_that_hold_no_judge(saved, tmp_path):
    with pytest.raises(UserError, match=r"holds no judge"):
        Judge.load(tmp_path)
    (tmp_path / "judge.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        Judge.load(tmp_path)
    (tmp_path / "judge.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(UserError, match="has format 2, this version reads 1"):
        Judge.load(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["0_lightgbm/booster_1.txt", "1_xgboost/booster_0.ubj", "2_linear/linear.safetensors", "3_sparse/learner.json"],
)
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_a_judge_that_is_not_whole_says_so(saved, tmp_path, name, damage, capfd):
    shutil.copytree(saved, tmp_path / "judge")
    damage(tmp_path / "judge" / "learners" / name)
    with pytest.raises(UserError, match=r"the judge is incomplete or corrupt \(.*\); make it again"):
        Judge.load(tmp_path / "judge")


def test_a_baseline_comes_back_as_it_was(tmp_path):
    base = small_judge().baseline
    base.save(tmp_path / "baseline.safetensors")
    again = Baseline.load(tmp_path / "baseline.safetensors")
    assert again.ties == base.ties and set(again.rows) == set(base.rows) == {"lightgbm", "xgboost", "linear"}
    for name, row in base.rows.items():
        np.testing.assert_array_equal(again.rows[name], row)


def test_swapping_a_whole_frame():
    frame, _ = battles(8, seed=2)
    swapped = frame.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    judge = small_judge()
    np.testing.assert_allclose(judge.predict_proba(swapped)[:, FLIP], judge.predict_proba(frame), rtol=0, atol=1e-9)


def test_a_text_is_one_turn_wherever_battles_are_given():
    """A str that was taken for turns would be joined letter by letter, and judged as another text."""
    judge = Judge.load()
    frame = pd.DataFrame({"prompt": ["Why?"], "response_a": ["It is."], "response_b": ["Air scatters short waves."]})
    said = judge.compare(*frame.iloc[0])
    assert (
        judge.predict_proba(frame).tolist()
        == judge.compare_many(frame).to_numpy().tolist()
        == [[said.a, said.b, said.tie]]
    )
    with pytest.raises(UserError, match="response_a, row 0: holds float"):
        judge.predict_proba(frame.assign(response_a=[1.5]))


@pytest.mark.parametrize("at_once", [2, 7, 64])
def test_a_verdict_is_bitwise_identical_whatever_battles_it_comes_with(at_once):
    """A server judges what several clients ask in one call."""
    judge, rows = Judge.load(), sample_battles(60, 5).battles
    alone = np.concatenate([judge.predict_proba(rows.iloc[row : row + 1]) for row in range(len(rows))])
    parts = [judge.predict_proba(rows.iloc[row : row + at_once]) for row in range(0, len(rows), at_once)]
    assert np.concatenate(parts).tobytes() == alone.tobytes()


def test_a_learner_without_weight_is_not_asked_and_the_verdict_stays(monkeypatch):
    judge = small_judge()
    frame = battles(6)[0]
    monkeypatch.setattr(judge.pool, "margin_weights_", np.array([1.0, *np.zeros(len(judge.members) - 1)]))
    monkeypatch.setattr(judge.pool, "tie_weights_", judge.pool.margin_weights_)
    data = judge.data(frame, cache=None, threads=1, progress=silent)
    said = np.stack([member.learner.predict_proba(data) for member in judge.members], axis=1)
    expected = judge.verdicts(data, said)

    def never(*_):
        raise AssertionError("a learner without weight is asked")

    for member in judge.members[1:]:
        monkeypatch.setattr(member.learner, "predict_proba", never)
    assert judge.predict_proba(frame).tobytes() == expected.tobytes()

import json
import time
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.blocks.registry import switches
from features.encoder.embedding import Encoder, open_encoder
from pipelines.battles.built_in import sample_battles
from pipelines.terminal.command_line import Screen
from stacker.bench import plain
from stacker.bench.__main__ import NAMES, SIZES, benchmark, main
from stacker.bench.measure import _typical, growth_exponent, measured
from stacker.bench.picture import draw, table
from stacker.bench.stages import STAGES, Bench
from stacker.training.params import parse_params

FEW_ROUNDS = {
    "encoder": {"model": "builtin", "max_tokens": 32},
    "learners": {
        "lightgbm": {"n_estimators": 5, "bags": 2},
        "xgboost": {"n_estimators": 5, "bags": 2},
        "sparse": {"words": 200, "characters": 200, "C": [1.0], "inner_folds": 2},
    },
}


@given(st.floats(0.2, 3), st.floats(1e-3, 10), st.lists(st.integers(10, 10**6), min_size=2, max_size=5, unique=True))
def test_growth_is_the_exponent_of_a_power_of_the_rows(exponent, factor, rows):
    assert growth_exponent(rows, [factor * n**exponent for n in rows]) == pytest.approx(exponent, abs=1e-6)


def test_growth_needs_two_sizes():
    assert growth_exponent([100], [1.0]) is None
    assert growth_exponent([100, 100], [1.0, 2.0]) is None


def test_work_is_timed_and_its_memory_seen():
    held: list[np.ndarray] = []

    def work() -> None:
        held.append(
            np.ones(256 << 17)
        )  # 256 MB: other threads and processes of these tests may give some back meanwhile
        until = time.perf_counter() + 0.1
        while time.perf_counter() < until:
            pass
        held.clear()

    found = measured(work, 50)
    assert found.added_mb > 150 and found.peak_mb > found.added_mb
    assert found.seconds >= 0.1 and found.cpu_seconds > 0
    assert found.rows_per_second == pytest.approx(50 / found.seconds)


def test_a_stage_that_does_more_than_the_plain_way_is_compared_by_what_both_do(monkeypatch: pytest.MonkeyPatch):
    seen: list[Any] = []
    monkeypatch.setattr(Bench, "text_features", lambda self, rows, blocks=None: seen.append((rows, blocks)))
    stage = next(stage for stage in STAGES if stage.name == "text features")
    battles = sample_battles(10).battles
    bench = Bench(battles, parse_params({}), cast(Encoder, None), 1)
    assert stage.alike is not None
    stage.alike(bench, 10)[0]()
    stage.prepare(bench, 10)[0]()
    (_, alike), (_, all_of_them) = seen
    on = {switch for switch in switches() if getattr(alike, switch)}
    assert on == {"sentiment", "readability"} < {switch for switch in switches() if getattr(all_of_them, switch)}


@pytest.mark.slow
def test_every_stage_is_measured_against_the_plain_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    battles = sample_battles(40).battles
    result = benchmark(battles, parse_params(FEW_ROUNDS), [20, 40], STAGES, 1, 20, Screen())
    assert [stage["name"] for stage in result["stages"]] == list(NAMES)
    for stage in result["stages"]:
        assert [each["rows"] for each in stage["measured"]] == [20, 40]
        assert all(each["seconds"] > 0 for each in stage["measured"])
        assert stage["against_plain"]["rows"] == 20 and stage["against_plain"]["times"] > 0
        assert np.isfinite(stage["growth"])
    json.dumps(result, allow_nan=False)
    draw(tmp_path / "bench.svg", result)
    drawn = ElementTree.parse(tmp_path / "bench.svg").getroot()
    told = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert set(NAMES) <= set(told)
    bars = [bar for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert len(bars) == 2 * len(NAMES) and all(0 < float(bar.get("width", "")) < 760 for bar in bars)
    rows = table(result)
    assert len(rows) == 1 + 2 * len(NAMES) and {len(row) for row in rows} == {len(rows[0])}


def test_the_picture_tells_growth_and_ratio(tmp_path: Path):
    measured_at = [{"rows": rows, "rows_per_second": 500.0} for rows in (100, 200)]
    stage = {"name": "stack", "measured": measured_at, "growth": 1.04, "against_plain": {"times": 6.5}}
    draw(tmp_path / "bench.svg", {"machine": {"told": "a machine"}, "stages": [stage, stage | {"growth": None}]})
    drawn = ElementTree.parse(tmp_path / "bench.svg").getroot()
    told = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert told.count("time ~ rows^1.04") == 1 and told.count("6.5 x plain") == 2


def test_the_yardstick_does_the_same_work():
    """The same texts are looked at, and the plain embeddings are the project's own."""
    battles = sample_battles(6).battles
    params = parse_params({"encoder": {"model": "builtin"}})
    bench = Bench(battles, params, open_encoder(params.encoder, 1), 1)
    assert len(plain.all_texts(bench.first(4))) == 12
    plain.encoding(bench.first(2), bench.encoder.resolved, bench.loaded)
    texts = list(dict.fromkeys(plain.all_texts(bench.first(2))))
    np.testing.assert_allclose(
        bench.encoding(2), bench.loaded["model"].encode(texts, show_progress_bar=False), atol=1e-5
    )
    assert len(bench.data(5)) == 5 and len(bench.data(3)) == 3
    assert len(np.unique(bench.folds(6))) >= 2


def test_verdicts_are_timed_on_answers_of_about_300_words():
    battles = sample_battles(3).battles
    battles.at[1, "response_a"] = battles.at[1, "response_b"] = ("word " * 290,)
    chosen = _typical(battles)
    assert chosen[0][1] == ["word " * 290] and len(chosen) == 3


def test_the_command_writes_results_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--rows", "100", "--stages", "stack", "--to", str(tmp_path / "out")])
    written = json.loads((tmp_path / "out" / "bench.json").read_text(encoding="utf-8"))
    assert written["rows"] == [100] and written["stages"][0]["growth"] is None
    assert (tmp_path / "out" / "bench.svg").exists()
    shown = capsys.readouterr().out
    assert "battles/s" in shown and "bench.svg" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rows", "5"], "--rows 5: says too little"),
        (["--engine", "cuda"], "encoder.engine"),
        (["--data", "nowhere.parquet"], "nowhere.parquet"),
        (["--rows", "100", "--stages", "stack", "--judge", "nowhere"], "nowhere"),
    ],
)
def test_what_the_user_can_fix_is_one_sentence(arguments, said: str, tmp_path: Path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--to", str(tmp_path)])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "Traceback" not in error


def test_the_sizes_are_those_that_are_promised():
    assert SIZES == (1000, 5000, 20000)

from pathlib import Path

import pytest

from stacker.bench.scale.__main__ import cost_table, main, simulation_table, trial_table
from stacker.bench.scale.node_simulation import Stage
from stacker.bench.scale.real_scheduler import sleep_through
from stacker.bench.scale.stage_costs import StageRate, bill, read_rates, stage_costs, stages_of

RATES = read_rates()
PAGE = Path("stacker/bench/SCALE.md")


def test_growth_below_linear_is_not_carried_beyond_what_was_measured():
    rate = {"name": "one", "kind": "map", "ms": 2.0, "rows": 1000, "reads": 0, "writes": 0}
    assert StageRate(exponent=0.5, **rate).core_seconds(4000) == 8.0
    assert StageRate(exponent=1.5, **rate).core_seconds(4000) == 16.0


def test_costs_of_a_hand_counted_stage():
    rates = RATES.model_copy(
        update={
            "stages": (
                StageRate(name="m", kind="map", ms=3.6, rows=1, exponent=1, reads=1e3, writes=0, chunk=500),
                StageRate(name="f", kind="fit", ms=3.6, rows=1, exponent=1, reads=0, writes=0, cores=2),
            ),
            "shard": 1000,
        }
    )
    each, fit = stage_costs(rates, 10_000, remedied=False)
    network = 8e-9 * 500 * 1e3 / (rates.nodes.gigabits / rates.nodes.cores)
    assert (each.tasks, each.core_hours, each.read_gb) == (20, pytest.approx(0.01), 0.01)
    assert each.seconds == pytest.approx(1.8 + network)
    assert (fit.tasks, fit.seconds) == (50, pytest.approx(0.36))  # ten shards, trained on five times each
    assert bill([each, fit], rates, 3600)["nodes"] == pytest.approx(100 * 32 * rates.prices.core_hour)


def test_every_remedy_is_of_a_stage_and_learners_run_side_by_side():
    assert {stage.name for stage in RATES.remedies} <= {stage.name for stage in RATES.stages}
    stages = {stage.name: stage for stage in stages_of(stage_costs(RATES, 10**6, remedied=True), RATES)}
    assert stages["LightGBM"].after == stages["sparse"].after == ("encoding (int8)",)
    assert set(stages["stack"].after) == {"LightGBM", "XGBoost", "sparse"}


def test_remedies_shorten_what_one_process_does():
    plain, better = (stage_costs(RATES, 10**8, remedied=remedied) for remedied in (False, True))
    longest = [max(cost.seconds for cost in costs) for costs in (plain, better)]
    assert longest[1] < longest[0] / 5


def test_the_page_says_what_the_command_says():
    page = PAGE.read_text(encoding="utf-8").splitlines()
    for remedied in (False, True):
        missing = [line for line in cost_table(RATES, 100_000_000, remedied) if line not in page]
        assert not missing, f"{PAGE}: is of other rates; run python -m stacker.bench.scale and put its tables in"


@pytest.mark.slow
def test_the_page_says_what_the_simulation_says():
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert not [line for line in simulation_table(RATES, 100_000_000, 5, True) if line not in page]


def test_naps_go_the_way_of_a_run_s_own_work(tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr("stacker.bench.scale.real_scheduler.time.sleep", slept.append)
    from pipelines.terminal.cluster.tasks import tasks_at

    stage = Stage("one", 5, 10.0, 0.3)
    sleep_through([stage], tasks_at(None), seed=2, speed=100.0, deaths=0.0, marks=tmp_path)
    assert slept == pytest.approx((stage.lengths(2) / 100).tolist())


def test_the_command_prints_tables_and_refuses_what_makes_no_sense(capsys, monkeypatch):
    main(["--battles", "200000", "--seeds", "1", "--nodes", "4"])
    shown = capsys.readouterr().out
    assert "4 nodes" in shown and "text features" in shown
    for wrong in (["--battles", "0"], ["--deaths", "1"], ["--cluster", "nowhere"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_a_trial_stands_next_to_its_simulation(monkeypatch):
    monkeypatch.setattr("stacker.bench.scale.__main__.tasks_at", lambda address: None)
    monkeypatch.setattr("stacker.bench.scale.__main__.sleep_through", lambda *_: 50.0)
    lines = trial_table("auto", 8, 2.0, 0.1)
    assert len(lines) == 4 and "50.0" in lines[2] and "10%" in lines[3]

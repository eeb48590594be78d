import time

import pytest

from stacker.training.stage_times import REST, WHOLE, StageTimes, TimedProgress, clock, time_table


def test_a_stage_that_comes_again_goes_on_and_the_rest_makes_up_the_whole():
    times = StageTimes()
    times.add("xgboost", 3.0)
    times.add("report", 1.0)
    times.add("xgboost", 2.0)
    with times.of("checks"):
        pass
    whole = times.whole(10.0)
    assert list(whole) == ["xgboost", "report", "checks", REST, WHOLE]
    assert whole["xgboost"] == 5.0
    assert sum(value for stage, value in whole.items() if stage != WHOLE) == pytest.approx(whole[WHOLE])


def test_the_table_shows_long_stages_first_and_joins_short_ones():
    rows = time_table({"short": 0.2, "report": 20.0, "sparse": 75.0, REST: 4.8, WHOLE: 100.0})
    assert rows == [
        ["stage", "time", "share"],
        ["sparse", "1:15", "75%"],
        ["report", "0:20", "20%"],
        [REST, "0:05", "5%"],
        [WHOLE, "1:40", "100%"],
    ]
    assert clock(3 * 3600 + 125) == "3:02:05"


def test_time_between_two_reports_is_that_of_the_stage_reported(monkeypatch):
    now = iter([0.0, 2.0, 3.0, 7.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    told = []
    progress = TimedProgress(lambda *each: told.append(each))
    progress("surface", 1, 2)
    progress("surface", 2, 2)
    progress("embedding", 1, 1)
    assert progress.times.seconds == {"surface": 3.0, "embedding": 4.0}
    assert told == [("surface", 1, 2), ("surface", 2, 2), ("embedding", 1, 1)]

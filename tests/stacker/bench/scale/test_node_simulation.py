from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacker.bench.scale.node_simulation import Cluster, Stage, simulate

MAP = Stage("map", 40, 10.0, 0.3)
FIT = Stage("fit", 6, 30.0, 0.2, cores=3, after=("map",))


def test_four_equal_tasks_on_two_cores_take_two_lengths():
    found = simulate([Stage("one", 4, 5.0)], Cluster(1, 2))
    assert (found.seconds, found.done, found.lost, found.core_seconds) == (10.0, 4, 0, 20.0)
    assert found.busy(Cluster(1, 2)) == 1.0


def test_a_stage_begins_when_those_before_it_are_done_and_not_earlier():
    found = simulate([MAP, FIT], Cluster(2, 4))
    assert found.spans["fit"][0] == found.spans["map"][1] > 0
    assert found.spans["fit"][1] == found.seconds


def test_a_process_that_dies_half_way_costs_half_its_task():
    found = simulate([Stage("one", 1, 10.0)], Cluster(1, 1, process_deaths=0.999))
    assert (found.seconds, found.lost, found.lost_core_seconds, found.done) == (15.0, 1, 5.0, 1)


def test_a_slow_node_takes_so_many_times_as_long():
    assert simulate([Stage("one", 1, 10.0)], Cluster(1, 1, slow_nodes=1.0, slowness=1.5)).seconds == 15.0


def test_the_scheduler_begins_one_task_at_a_time():
    found = simulate([Stage("one", 100, 1.0)], Cluster(10, 100, dispatch=0.1))
    assert found.seconds == pytest.approx(100 * 0.1 + 1.0)


def test_what_runs_on_a_node_is_lost_with_it_and_begun_again_elsewhere():
    cluster = Cluster(4, 8, between_failures=60.0, until_replaced=20.0)
    found = simulate([MAP, FIT], cluster, 3)
    assert found.failures > 0 and found.lost > 0 and found.lost_core_seconds > 0
    assert found.done == MAP.tasks + FIT.tasks
    assert found.seconds > simulate([MAP, FIT], Cluster(4, 8), 3).seconds


def test_a_driver_that_dies_loses_what_runs_and_nothing_that_is_done():
    cluster = Cluster(4, 8, between_driver_failures=25.0, until_resumed=5.0)
    found = simulate([MAP, FIT], cluster, 1)
    assert found.driver_failures > 0 and found.done == MAP.tasks + FIT.tasks
    lengths = sum(stage.lengths(1).sum() * stage.cores for stage in (MAP, FIT))
    assert found.core_seconds == pytest.approx(lengths)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(3, 8), st.integers(0, 1000), st.sampled_from([30.0, 300.0, np.inf]))
def test_every_task_is_done_once_and_no_schedule_beats_its_bounds(nodes, cores, seed, between):
    cluster = Cluster(nodes, cores, between_failures=between, until_replaced=5.0, process_deaths=0.1)
    found = simulate([MAP, FIT], cluster, seed)
    work = sum(stage.lengths(seed).sum() * stage.cores for stage in (MAP, FIT))
    longest = sum(stage.lengths(seed).max() for stage in (MAP, FIT))
    assert found.done == MAP.tasks + FIT.tasks
    assert found.core_seconds == pytest.approx(work)
    assert found.seconds >= max(work / (nodes * cores), longest) - 1e-6
    if between == np.inf:
        # Graham's bound for lists, by stage, with the halves that die and the cores that a wide task cannot use.
        lost = found.lost_core_seconds
        assert found.seconds <= 3 * (work + lost) / (nodes * cores) + 2 * longest + 1e-6
    again = simulate([MAP, FIT], cluster, seed)
    assert again == found


def test_tasks_that_fit_on_no_node_and_stages_out_of_order_are_refused():
    with pytest.raises(ValueError, match="needs 3 cores"):
        simulate([MAP, FIT], Cluster(2, 2))
    with pytest.raises(ValueError, match="which is not before it"):
        simulate([replace(MAP, after=("fit",)), replace(FIT, after=())], Cluster(2, 4))

import pytest
from travelling_tasks import TravellingTasks

from pipelines.errors import UserError
from pipelines.files.hashes import ROOT, _files, code_version
from pipelines.terminal.cluster import tasks
from pipelines.terminal.cluster.shipped_code import PACKAGES, shipped_code
from pipelines.terminal.cluster.tasks import LocalTasks, Task, check_address, tasks_at


def test_local_work_is_done_when_it_is_asked_for_and_not_before():
    begun = []
    results = LocalTasks().run(Task(begun.append, (number,)) for number in range(3))
    assert begun == []
    assert next(results) == (0, None) and begun == [0]


@pytest.mark.parametrize("kind", [LocalTasks, TravellingTasks])
def test_results_in_order_are_in_the_order_of_the_tasks_however_they_come(kind):
    assert list(kind().in_order(Task(abs, (-number,)) for number in range(5))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("address", [None, "local"])
def test_without_an_address_work_stays_here(address):
    assert isinstance(tasks_at(address), LocalTasks)


@pytest.mark.parametrize("address", ["", "ray://", "head:10001", "http://head:8265", "Local"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="ray://HOST:PORT"):
        check_address(address)


def test_a_cluster_without_ray_is_one_sentence_that_names_the_extra(monkeypatch):
    monkeypatch.setattr(tasks, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"ray://none:1: needs the package ray; .*\[ray\]"):
        tasks_at("ray://none:1")


def test_code_on_a_node_has_the_hashes_that_it_has_here(tmp_path):
    with shipped_code() as folder:
        assert sorted(path.name for path in folder.iterdir()) == sorted(PACKAGES)
        assert not list(folder.rglob("*.pyc"))
        assert code_version("features.parallel", root=folder) == code_version("features.parallel")
    assert not folder.exists()


def test_whether_ray_is_installed_changes_no_hash_of_code():
    # The file that imports Ray would bring Ray's version into the hashes of everything that can be spread.
    assert "pipelines.terminal.cluster.ray_tasks" not in _files(("stacker.training.train",), True, ROOT)


@pytest.mark.slow  # Ray takes seconds to import
def test_a_gpu_is_asked_for_only_where_there_is_one():
    pytest.importorskip("ray")
    from pipelines.terminal.cluster.ray_nodes import Nodes
    from pipelines.terminal.cluster.ray_tasks import RayTasks

    cluster = RayTasks.__new__(RayTasks)
    cluster._lost = True
    for gpus in (1, 0):
        node = {"NodeID": "a", "Alive": True, "Resources": {"CPU": 2.0, "GPU": float(gpus), "memory": 1e9}}
        cluster._nodes = Nodes(lambda node=node: [node])
        assert cluster._needs(Task(abs, gpu=True)).get("num_gpus") == (gpus or None)
        assert "num_gpus" not in cluster._needs(Task(abs))

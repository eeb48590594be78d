import pytest

from pipelines.errors import UserError
from pipelines.terminal.cluster import ray_nodes
from pipelines.terminal.cluster.ray_nodes import NAMED, Nodes, bound_to


def node(name, cores=2, alive=True):
    return {
        "NodeID": name,
        "NodeManagerAddress": f"10.0.0.{name}",
        "Alive": alive,
        "Resources": {"CPU": float(cores), "memory": 1e9 * cores},
    }


def test_a_lost_node_is_said_once_and_a_new_one_counts(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(ray_nodes.time, "monotonic", lambda: clock[0])
    there = [node("1"), node("2", 4), node("3", alive=False)]
    nodes = Nodes(lambda: there)
    assert (len(nodes), nodes.cores, nodes.most_cores, nodes.most_memory) == (2, 6, 4, 4_000_000_000)
    there[1] = node("2", 4, alive=False)
    assert nodes.look() == []  # it was looked at a moment ago
    clock[0] += ray_nodes.LOOK_S
    assert nodes.look() == ["Cluster: the node 10.0.0.2 is lost; what it was at is done again by the others."]
    assert nodes.look(now=True) == [] and nodes.cores == 2
    there.append(node("4", 8))
    nodes.look(now=True)
    assert (nodes.cores, nodes.most_cores) == (10, 8)


def test_a_head_that_names_no_node_any_more_leaves_the_cores_as_they_were():
    there = [node("1")]
    nodes = Nodes(lambda: there)
    there.clear()
    nodes.look(now=True)
    assert nodes.cores == 2


@pytest.mark.parametrize(
    ("address", "named", "running", "bound"),
    [
        ("ray://head:10001", "10.0.0.9:6379", (), "ray://head:10001"),
        ("auto", "10.0.0.9:6379", ("10.0.0.1:6379", "10.0.0.2:6379"), "10.0.0.9:6379"),
        ("auto", "ray://head:10001", (), "ray://head:10001"),
        ("auto", "auto", ("10.0.0.1:6379",), "10.0.0.1:6379"),
        ("auto", "", ("10.0.0.1:6379",), "10.0.0.1:6379"),
        ("auto", None, (), "auto"),
    ],
)
def test_auto_is_what_the_environment_names_or_the_one_cluster_of_this_machine(
    monkeypatch, address, named, running, bound
):
    monkeypatch.delenv(NAMED, raising=False)
    if named is not None:
        monkeypatch.setenv(NAMED, named)
    assert bound_to(address, lambda: running) == bound


def test_auto_between_two_clusters_is_refused_in_a_sentence_that_names_them(monkeypatch):
    monkeypatch.delenv(NAMED, raising=False)
    with pytest.raises(UserError, match=r"2 clusters \(10.0.0.1:6379, 10.0.0.2:6379\); .*RAY_ADDRESS=HOST:PORT"):
        bound_to("auto", lambda: {"10.0.0.2:6379", "10.0.0.1:6379"})

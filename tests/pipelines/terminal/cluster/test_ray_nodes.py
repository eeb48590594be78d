from pipelines.terminal.cluster import ray_nodes
from pipelines.terminal.cluster.ray_nodes import Nodes


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

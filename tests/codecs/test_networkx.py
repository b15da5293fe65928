"""Graphs: nodes, edges, keys, attributes, and the order of all of them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from tests.support import exact
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

nx: Any = library("networkx")


def differs(a: Any, b: Any) -> str | None:
    """How two graphs differ: all that is in them, and its order."""
    state = lambda g: [g.graph, dict(g.nodes(data=True)), [
        {u: dict(near) for u, near in side.items()} for side in (g.adj, getattr(g, "pred", g.adj))
    ]]  # fmt: skip
    plain = lambda x: {k: plain(v) for k, v in x.items()} if hasattr(x, "items") else x
    left, right = ([s[0], s[1], [plain(x) for x in s[2]]] for s in (state(a), state(b)))
    why = exact.differs(left, right)
    if why or a.is_directed():
        return why
    shared = all(b.get_edge_data(u, v) is b.get_edge_data(v, u) for u, v in b.edges())
    return None if shared else "an edge has two dicts"


def _graph() -> Any:
    graph = nx.Graph(title="é", n=1)
    graph.add_node("c", weight=1.5, tags=[1, "x"])
    graph.add_node((1, "a"))
    graph.add_edge("c", "d", length=2.5)
    graph.add_edge("a", "c", length=np.float32(1), more={"k": None})
    graph.add_edge("a", "a")
    return graph


def _shuffled(kind: Any) -> Any:
    graph = kind()
    graph.add_edges_from([(3, 1), (2, 3), (1, 2), (3, 0)])
    graph.remove_edge(3, 1)
    graph.add_edge(3, 1, w=1)
    return graph


def _multi(kind: Any) -> Any:
    graph = kind(x=1)
    graph.add_edge(1, 2, key="k", w=1.5)
    graph.add_edge(1, 2, w=2.5)
    graph.add_edge(2, 1, key=(0, None), color="r")
    graph.add_edge(2, 2)
    return graph


CASES = {
    "attributes": _graph(),
    "columns": nx.Graph([(0, 1, {"w": 1.5}), (1, 2, {"w": 2.5})]),
    "shuffled": _shuffled(nx.Graph),
    "shuffled directed": _shuffled(nx.DiGraph),
    "directed": nx.DiGraph([("a", "b"), ("b", "a"), ("a", "a")]),
    "multi": _multi(nx.MultiGraph),
    "multi directed": _multi(nx.MultiDiGraph),
    "attributes named as arguments": nx.Graph([(0, 1, {"u_of_edge": 1, "key": 2, 5: 3})]),
    "empty": nx.Graph(),
    "no edges": nx.empty_graph(3, nx.MultiDiGraph),
    "larger": nx.gnp_random_graph(40, 0.2, seed=1),
    "larger directed": nx.gnp_random_graph(40, 0.2, seed=1, directed=True),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Graphs come back with the order of nodes, edges and attributes."""
    check_round_trip(path, CASES[name], differs)


def test_cached_properties(path: str) -> None:
    """What networkx keeps of a graph that was used is no part of it."""
    graph = CASES["columns"].copy()
    assert len(graph.edges) == 2 and graph.degree(1) == 2 and graph.adj
    check_round_trip(path, graph, differs)


def test_readable_without_networkx(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The edges are two arrays of numbers of nodes; attributes are named columns."""
    check_missing(path, CASES["columns"], monkeypatch, "networkx")
    with h5py.File(path) as file:
        graph = file["x"]
        assert graph["nodes"][:].tolist() == [0, 1, 2]
        assert graph["sources"][:].tolist() == [0, 1] and graph["targets"][:].tolist() == [1, 2]
        assert graph["edge_attributes/columns/w"][:].tolist() == [1.5, 2.5]


def _with_attribute() -> Any:
    graph = nx.Graph()
    graph.mine = 1
    return graph


def _with_a_method() -> Any:
    graph = nx.Graph()
    graph.add_node = len
    return graph


REFUSED = {
    "method": (_with_a_method, "'add_node'"),
    "view": (lambda: nx.path_graph(3).subgraph([0, 1]), r"\.copy\(\)"),
    "frozen": (lambda: nx.freeze(nx.path_graph(3)), r"\.copy\(\)"),
    "attribute": (_with_attribute, "'mine'"),
    "subclass": (lambda: nx.PlanarEmbedding(), "register"),
    "attribute of an edge": (lambda: nx.Graph([(0, 1, {"f": len})]), "function"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key.startswith("a/x") and is_untouched(path)


def test_a_file_names_graphs_alone() -> None:
    """A file cannot make its reader call anything else of networkx."""
    registry = CodecRegistry()
    node = registry.encode(nx.Graph())
    node.mark.params["class"] = "karate_club_graph"
    with pytest.raises(CorruptFileError, match="karate_club_graph"):
        registry.decode(node)

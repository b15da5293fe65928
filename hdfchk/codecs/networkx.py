"""Codec of networkx graphs: nodes, edges as two arrays of numbers of nodes, and attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS"]

_CLASSES = {name: name for name in ("Graph", "DiGraph", "MultiGraph", "MultiDiGraph")}
_OWN = frozenset({"graph", "_node", "_adj", "_succ", "_pred", "__networkx_cache__"})


def _networkx() -> Any:
    return need("networkx", "a graph", "its nodes and edges by chk.group(key) or h5py")


def _require_plain(value: Any, encoder: Encoder) -> None:
    """Reject views, frozen graphs, and attributes of the object (as opposed to the graph)."""
    # What a class has too is a cached property; or a method, which someone has replaced.
    cls = type(value)
    more = [
        name
        for name in vars(value)
        if name not in _OWN and (not hasattr(cls, name) or callable(getattr(cls, name)))
    ]
    if more:
        encoder.refuse(
            value,
            f"that is a view, is frozen, or has attributes of its own ({more[0]!r})",
            "call .copy() first, and keep what belongs to it in value.graph",
        )


def _columns(each: list[dict[Any, Any]]) -> dict[str, Any]:
    """Return attributes as columns, if all have the same ones in the same order."""
    names = list(each[0]) if each else []
    same = all(list(one) == names for one in each) and all(type(name) is str for name in names)
    if not same:
        return {"each": each}
    return {"columns": {name: [one[name] for one in each] for name in names}}


def _rows(stored: dict[str, Any], count: int) -> list[dict[Any, Any]]:
    if "each" in stored:
        return list(stored["each"])
    columns = stored["columns"]
    return [{name: items[n] for name, items in columns.items()} for n in range(count)]


def _orders(graph: Any) -> list[list[list[Any]]]:
    """Return the neighbours of each node, in order; of a directed graph, for each direction."""
    sides = [graph.succ, graph.pred] if graph.is_directed() else [graph.adj]
    return [[list(side[node]) for node in graph] for side in sides]


def _encode(value: Any, encoder: Encoder) -> Node:
    _require_plain(value, encoder)
    nodes = list(value)
    numbers = {node: number for number, node in enumerate(nodes)}
    parts: dict[str, Any] = {"graph": value.graph, "nodes": nodes}
    parts["node_attributes"] = _columns([value.nodes[node] for node in nodes])
    if value.is_multigraph():
        edges = [(a, b, data) for a, b, _, data in value.edges(keys=True, data=True)]
        parts["keys"] = [key for _, _, key in value.edges(keys=True)]
    else:
        edges = list(value.edges(data=True))
    parts["sources"] = np.array([numbers[edge[0]] for edge in edges], np.int64)
    parts["targets"] = np.array([numbers[edge[1]] for edge in edges], np.int64)
    parts["edge_attributes"] = _columns([edge[2] for edge in edges])
    orders = _orders(value)
    if _orders(_linked(type(value)(), nodes, parts)) != orders:
        for name, order in zip(("successors", "predecessors"), orders, strict=False):
            parts[name] = [[numbers[node] for node in one] for one in order]
    return encoder.branch(value, parts, Mark("networkx.Graph", 1, {"class": type(value).__name__}))


def _linked(graph: Any, nodes: list[Any], parts: dict[str, Any]) -> Any:
    """Return a graph with its nodes and edges."""
    attributes = _rows(parts["node_attributes"], len(nodes))
    for node, data in zip(nodes, attributes, strict=True):
        graph.add_node(node)
        graph.nodes[node].update(data)
    ends = zip(parts["sources"].tolist(), parts["targets"].tolist(), strict=True)
    each = _rows(parts["edge_attributes"], len(parts["sources"]))
    for number, ((source, target), data) in enumerate(zip(ends, each, strict=True)):
        a, b = nodes[source], nodes[target]
        if graph.is_multigraph():
            key = graph.add_edge(a, b, parts["keys"][number])
            graph.get_edge_data(a, b, key).update(data)
        else:
            graph.add_edge(a, b)
            graph.get_edge_data(a, b).update(data)
    return graph


def _decode(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    graph = getattr(_networkx(), _CLASSES[params_of(node)["class"]])()
    graph.graph.update(parts["graph"])
    nodes = parts["nodes"]
    _linked(graph, nodes, parts)
    names = ("_succ", "_pred") if graph.is_directed() else ("_adj",)
    sides = [getattr(graph, name) for name in names]  # networkx orders them in no other way
    for name, side in zip(("successors", "predecessors"), sides, strict=False):
        for number, order in enumerate(parts.get(name, [])):
            neighbours = side[nodes[number]]
            in_order = {nodes[other]: neighbours[nodes[other]] for other in order}
            neighbours.clear()
            neighbours.update(in_order)
    return graph


CODECS = (
    Codec(
        "networkx.Graph",
        tuple(f"networkx.{name}" for name in _CLASSES),
        _encode,
        _decode,
    ),
)

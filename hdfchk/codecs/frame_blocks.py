"""Columns of wide DataFrames: those of one dtype share an array, since each object takes time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Leaf, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder, no_value
from .optional import need

__all__ = ["CODECS", "MOST_LONE", "blocks_of", "by_rows", "joined"]

MOST_LONE = 256
"""The maximum number of columns that are stored separately."""
_KINDS = "biufcmM"


def blocks_of(frame: Any, encoder: Encoder) -> dict[str, tuple[list[int], Node]]:
    """Return the blocks of a frame by name: the numbers of the columns of each, and its tree."""
    if frame.shape[1] <= MOST_LONE:
        return {}
    found: dict[Any, list[int]] = {}
    for number, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, np.dtype) and dtype.kind in _KINDS and dtype.isnative:
            found.setdefault(dtype, []).append(number)
    made: dict[str, tuple[list[int], Node]] = {}
    for numbers in found.values():
        if len(numbers) > 1:
            is_all = len(numbers) == frame.shape[1]
            values = (frame if is_all else frame.iloc[:, numbers]).to_numpy().T
            parts = {"places": np.array(numbers), "values": np.ascontiguousarray(values)}
            made[f"block{len(made)}"] = numbers, encoder.branch(parts, parts, Mark("pandas.block"))
    return made


def by_rows(node: Node) -> Node:
    """Return the tree of a frame, or of a block, with rows as the first axis: so it can grow."""
    if not isinstance(node, Branch):
        return node
    if node.mark is None or node.mark.name != "pandas.block":
        children = {
            name: by_rows(child) if name.startswith("block") else child
            for name, child in node.children.items()
        }
        return Branch(children, node.mark)
    values = node.children["values"]
    if params_of(node).get("by_rows") or not isinstance(values, Leaf):
        return node
    turned: Any = values.data
    parts = {"places": node.children["places"], "values": Leaf(turned.T, values.mark)}
    return Branch(parts, Mark("pandas.block", 1, {"by_rows": True}))


def _decode_block(node: Branch, decoder: Decoder) -> tuple[Any, Any]:
    """Return the numbers of the columns, and the columns stacked."""
    parts = decoder.fields(node)
    values = parts["values"]
    return parts["places"], values.T if params_of(node).get("by_rows") else values


def joined(blocks: list[tuple[Any, Any]], columns: dict[int, Any], index: Any, count: int) -> Any:
    """Return the frame of blocks and single columns, with the numbers of its columns as names."""
    pd = need("pandas", "a DataFrame")
    if len(blocks) == 1 and len(blocks[0][0]) == count:
        values = blocks[0][1]
        if not values.flags.writeable:  # a memory map
            values = values.copy()
        return pd.DataFrame(values.T, index=index, copy=False)
    frames = [pd.DataFrame(v.T, index=index, columns=places) for places, v in blocks]
    if columns or not blocks:
        frames.append(pd.DataFrame(columns, index=index))
    if len(frames) == 1:
        return frames[0]
    whole = pd.concat(frames, axis=1)
    return whole.iloc[:, np.argsort(np.asarray(whole.columns, np.intp))]


CODECS = (Codec("pandas.block", (), no_value, _decode_block),)

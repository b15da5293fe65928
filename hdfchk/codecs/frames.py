"""Codecs of pandas Series, DataFrame and Index classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UnsupportedStoredError
from ..tree import Branch, Mark, Node, params_of
from . import frame_arrays, frame_blocks, frequencies
from .codec import Codec, Decoder, Encoder
from .frame_arrays import checked, pandas

__all__ = ["CODECS", "closed", "framed", "is_open_range", "open_range", "series"]


def _values(column: Any) -> Any:
    """Return the array of a Series or Index, as a NumPy array if it is one."""
    array = column.array
    return array.to_numpy() if type(array).__name__ == "NumpyExtensionArray" else array


def _mark(value: Any) -> Mark:
    """Return the mark of a Series or DataFrame, with the flag that is not set by default."""
    name = f"pandas.{type(value).__name__}"
    if value.flags.allows_duplicate_labels:
        return Mark(name)
    return Mark(name, 2, {"duplicate_labels": False})


def _finish(made: Any, parts: dict[str, Any], params: Any) -> Any:
    """Return a rebuilt Series or DataFrame with its attributes and flag."""
    made.attrs = parts.get("attrs", {})
    if not params.get("duplicate_labels", True):
        made.flags.allows_duplicate_labels = False
    return made


def _without_freq(index: Any) -> Any:
    """Return the array of an index; in pandas 2 it also has the frequency of the index."""
    if getattr(index.array, "freq", None) is None:
        return index.array
    return frequencies.bare(index).array


def _encode_index(value: Any, encoder: Encoder) -> Node:
    kind = type(value).__name__
    if kind == "RangeIndex":
        parts: dict[str, Any] = {"name": value.name}
        params: dict[str, Any] = {"range": [value.start, value.stop, value.step]}
    elif kind == "MultiIndex":
        parts = {f"level{n}": level for n, level in enumerate(value.levels)}
        parts |= {f"codes{n}": np.asarray(codes) for n, codes in enumerate(value.codes)}
        parts["names"] = list(value.names)
        params = {"levels": value.nlevels}
        if value.sortorder is not None:
            params["sortorder"] = int(value.sortorder)
    else:
        parts = {"values": _values(value), "name": value.name}
        params = {}
        if kind in {"DatetimeIndex", "TimedeltaIndex"} and value.freq is not None:
            parts["values"] = _without_freq(value)
            version = frequencies.put(value.freq, value, parts, params, encoder)
            return encoder.branch(value, parts, Mark("pandas.Index", version, params))
    return encoder.branch(value, parts, Mark("pandas.Index", 1, params))


def open_range(start: int, step: int, name: Node) -> Branch:
    """Return the stored form of the RangeIndex of a frame that grows: it has no end."""
    return Branch({"name": name}, Mark("pandas.Index", 2, {"range": [start, None, step]}))


def is_open_range(params: Mapping[str, Any]) -> bool:
    """Whether the parameters of an index are those of one that ends with the rows of its frame."""
    return "range" in params and params["range"][1] is None


def closed(node: Branch, length: int) -> Branch:
    """Return the stored form of an index of a frame of so many rows, with its end."""
    mark = node.mark
    if mark is None or not is_open_range(mark.params):
        return node
    start, _, step = mark.params["range"]
    params = {"range": [start, start + step * length, step]}
    return Branch(node.children, Mark(mark.name, 1, params))


def _decode_index(node: Branch, decoder: Decoder) -> Any:
    pd, parts = pandas(), decoder.fields(node)
    params = params_of(node)
    if is_open_range(params):
        raise UnsupportedStoredError(
            "the index of a frame that grows has no length of its own",
            hint="read the frame, or chk.column(key, name).index",
        )
    if "range" in params:
        return pd.RangeIndex(*params["range"], name=parts["name"])
    if "levels" in params:
        count = range(params["levels"])
        return pd.MultiIndex(
            levels=[parts[f"level{n}"] for n in count],
            codes=[parts[f"codes{n}"] for n in count],
            names=parts["names"],
            sortorder=params.get("sortorder"),
            verify_integrity=False,
        )
    values = parts["values"]
    index = pd.Index(values, dtype=values.dtype, name=parts["name"])
    return frequencies.take(index, parts, params)


def _encode_series(value: Any, encoder: Encoder) -> Node:
    parts = {"values": _values(value), "index": value.index, "name": value.name}
    if value.attrs:
        parts["attrs"] = dict(value.attrs)
    return encoder.branch(value, parts, _mark(value))


def _decode_series(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    made = series(parts["values"], parts["index"], parts["name"])
    return _finish(made, parts, params_of(node))


def series(values: Any, index: Any, name: Any) -> Any:
    """Return a Series of an array, with the same dtype."""
    return pandas().Series(values, index=index, dtype=values.dtype, name=name)


def framed(columns: dict[int, Any], index: Any) -> Any:
    """Return a DataFrame of columns, with their dtypes."""
    dtypes = [column.dtype for column in columns.values()]
    is_foreign = any(isinstance(dtype, np.dtype) and not dtype.isnative for dtype in dtypes)
    # Where pandas 2 joins columns in another byte order, it makes them native.
    return pandas().DataFrame(columns, index=index, copy=False if is_foreign else None)


def _encode_frame(value: Any, encoder: Encoder) -> Node:
    parts: dict[str, Any] = {"index": value.index, "columns": value.columns}
    blocks = frame_blocks.blocks_of(value, encoder)
    shared = {number for numbers, _ in blocks.values() for number in numbers}
    lone = [number for number in range(value.shape[1]) if number not in shared]
    parts |= {f"column{n}": _values(value.iloc[:, n]) for n in lone}
    if value.attrs:
        parts["attrs"] = dict(value.attrs)
    mark = _mark(value)
    if blocks:
        mark = Mark(mark.name, 2, {**mark.params, "blocks": len(blocks)})
    node = encoder.branch(value, parts, mark)
    node.children.update((name, block) for name, (_, block) in blocks.items())
    return node


def _decode_frame(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(Branch({k: v for k, v in node.children.items() if k != "index"}))
    columns = parts["columns"]
    blocks = [parts[f"block{n}"] for n in range(params_of(node).get("blocks", 0))]
    lone = {n: parts[f"column{n}"] for n in range(len(columns)) if f"column{n}" in parts}
    if sum(len(places) for places, _ in blocks) + len(lone) != len(columns):
        raise ValueError("columns are missing")
    lengths = [values.shape[1] for _, values in blocks] + [len(values) for values in lone.values()]
    index_node = node.children["index"]
    if isinstance(index_node, Branch):
        index_node = closed(index_node, lengths[0] if lengths else 0)
    index = decoder.fields(Branch({"index": index_node}))["index"]
    data = {n: series(values, index, None) for n, values in lone.items()}
    if blocks:
        frame = frame_blocks.joined(blocks, data, index, len(columns))
    else:
        frame = framed(data, index)
    frame.columns = columns
    return _finish(frame, parts, params_of(node))


_INDEXES = (
    "Index",
    "RangeIndex",
    "MultiIndex",
    "DatetimeIndex",
    "TimedeltaIndex",
    "PeriodIndex",
    "CategoricalIndex",
    "IntervalIndex",
)

CODECS = (  # of all modules for objects of pandas
    *frame_arrays.CODECS,
    *frame_blocks.CODECS,
    Codec(
        "pandas.Index",
        tuple(f"pandas.{name}" for name in _INDEXES),
        checked(_encode_index),
        _decode_index,
        version=2,
    ),
    Codec("pandas.Series", ("pandas.Series",), checked(_encode_series), _decode_series, version=2),
    Codec(
        "pandas.DataFrame", ("pandas.DataFrame",), checked(_encode_frame), _decode_frame, version=2
    ),
)

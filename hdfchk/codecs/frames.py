"""Codecs of pandas Series, DataFrame and Index classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Mark, Node, params_of
from . import frequencies
from .codec import Codec, Decoder, Encoder
from .frame_arrays import checked, pandas

__all__ = ["CODECS", "series"]


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


def _decode_index(node: Branch, decoder: Decoder) -> Any:
    pd, parts = pandas(), decoder.fields(node)
    params = params_of(node)
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


def _encode_frame(value: Any, encoder: Encoder) -> Node:
    parts: dict[str, Any] = {"index": value.index, "columns": value.columns}
    parts |= {f"column{n}": _values(value.iloc[:, n]) for n in range(value.shape[1])}
    if value.attrs:
        parts["attrs"] = dict(value.attrs)
    return encoder.branch(value, parts, _mark(value))


def _decode_frame(node: Branch, decoder: Decoder) -> Any:
    pd, parts = pandas(), decoder.fields(node)
    index, columns = parts["index"], parts["columns"]
    data = {n: series(parts[f"column{n}"], index, None) for n in range(len(columns))}
    frame = pd.DataFrame(data, index=index)
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

CODECS = (
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

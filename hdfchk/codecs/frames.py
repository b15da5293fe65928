"""Codecs of pandas Series, DataFrame and Index classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder
from .frame_arrays import checked, pandas

__all__ = ["CODECS", "series"]


def _values(column: Any) -> Any:
    """Return the array of a Series or Index, as a NumPy array if it is one."""
    array = column.array
    return array.to_numpy() if type(array).__name__ == "NumpyExtensionArray" else array


def _check(value: Any, encoder: Encoder) -> None:
    """Reject flags, which would be lost."""
    if getattr(value, "flags", None) is not None and not value.flags.allows_duplicate_labels:
        encoder.refuse(value, "that forbids duplicate labels", "use set_flags() to allow them")


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
            params["freq"] = value.freqstr
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
            sortorder=params.get("sortorder"),
            names=parts["names"],
            verify_integrity=False,
        )
    values = parts["values"]
    index = pd.Index(values, dtype=values.dtype, name=parts["name"])
    if "freq" in params:
        index.freq = params["freq"]
    return index


def _encode_series(value: Any, encoder: Encoder) -> Node:
    _check(value, encoder)
    parts = {"values": _values(value), "index": value.index, "name": value.name}
    if value.attrs:
        parts["attrs"] = dict(value.attrs)
    return encoder.branch(value, parts, Mark("pandas.Series"))


def _decode_series(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    made = series(parts["values"], parts["index"], parts["name"])
    made.attrs = parts.get("attrs", {})
    return made


def series(values: Any, index: Any, name: Any) -> Any:
    """Return a Series of an array, with the same dtype."""
    return pandas().Series(values, index=index, dtype=values.dtype, name=name)


def _encode_frame(value: Any, encoder: Encoder) -> Node:
    _check(value, encoder)
    parts: dict[str, Any] = {"index": value.index, "columns": value.columns}
    parts |= {f"column{n}": _values(value.iloc[:, n]) for n in range(value.shape[1])}
    if value.attrs:
        parts["attrs"] = dict(value.attrs)
    return encoder.branch(value, parts, Mark("pandas.DataFrame"))


def _decode_frame(node: Branch, decoder: Decoder) -> Any:
    pd, parts = pandas(), decoder.fields(node)
    index, columns = parts["index"], parts["columns"]
    data = {n: series(parts[f"column{n}"], index, None) for n in range(len(columns))}
    frame = pd.DataFrame(data, index=index)
    frame.columns = columns
    frame.attrs = parts.get("attrs", {})
    return frame


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
    ),
    Codec("pandas.Series", ("pandas.Series",), checked(_encode_series), _decode_series),
    Codec("pandas.DataFrame", ("pandas.DataFrame",), checked(_encode_frame), _decode_frame),
)

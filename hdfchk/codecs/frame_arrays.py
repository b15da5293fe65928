"""Codecs of pandas scalars and extension arrays, the parts of columns and indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tree import Branch, Leaf, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder, without_attributes
from .optional import need

__all__ = ["CODECS", "checked", "pandas"]


def pandas() -> Any:
    """Return the pandas module.

    Raises:
        MissingExtraError: it is not installed.
    """
    return need("pandas", "a pandas object")


def checked(encode: Callable[[Any, Encoder], Node]) -> Callable[[Any, Encoder], Node]:
    """Return `encode`, which rejects pandas objects with attributes of the caller's."""
    return without_attributes(encode, *_ATTRIBUTES)


_ATTRIBUTES = (
    *("_mgr", "_item_cache", "_attrs", "_flags", "_name", "_cache", "_id", "_references"),
    *("_data", "_mask", "_ndarray", "_dtype", "_freq", "_readonly", "_left", "_right", "_range"),
    *("_levels", "_codes", "_names", "sortorder", "_categories", "_ordered"),
)


def _encode_timestamp(value: Any, encoder: Encoder) -> Node:
    if value.tz is None and value.fold:
        encoder.refuse(value, "with fold and no time zone", "give it a time zone")
    moment = value.to_datetime64() if value.tz is None else value.tz_convert(None).to_datetime64()
    return encoder.branch(value, {"utc": moment, "tz": value.tz}, Mark("pandas.Timestamp"))


def _decode_timestamp(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    value = pandas().Timestamp(parts["utc"])
    return value if parts["tz"] is None else value.tz_localize("UTC").tz_convert(parts["tz"])


def _encode_timedelta(value: Any, encoder: Encoder) -> Node:
    return Leaf(
        int(value.to_timedelta64().view(np.int64)),
        Mark("pandas.Timedelta", 1, {"unit": value.unit}),
    )


def _decode_timedelta(node: Leaf, _: Decoder) -> Any:
    return pandas().Timedelta(np.timedelta64(node.data, params_of(node)["unit"]))  # type: ignore[arg-type]


def _encode_constant(value: Any, _: Encoder) -> Node:
    return Leaf("NaT" if type(value).__name__ == "NaTType" else "NA", Mark("pandas.constant"))


def _decode_constant(node: Leaf, _: Decoder) -> Any:
    return {"NaT": pandas().NaT, "NA": pandas().NA}[str(node.data)]


def _encode_period(value: Any, _: Encoder) -> Node:
    return Leaf(int(value.ordinal), Mark("pandas.Period", 1, {"freq": value.freqstr}))


def _decode_period(node: Leaf, _: Decoder) -> Any:
    return pandas().Period(ordinal=node.data, freq=params_of(node)["freq"])


def _encode_interval(value: Any, encoder: Encoder) -> Node:
    parts = {"left": value.left, "right": value.right}
    return encoder.branch(value, parts, Mark("pandas.Interval", 1, {"closed": value.closed}))


def _decode_interval(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    return pandas().Interval(parts["left"], parts["right"], closed=params_of(node)["closed"])


def _array_mark(kind: str, **params: Any) -> Mark:
    return Mark("pandas.array", 1, {"kind": kind, **params})


def _encode_array(value: Any, encoder: Encoder) -> Node:
    kind = type(value).__name__
    if kind == "NumpyExtensionArray":
        return encoder.branch(value, {"values": value.to_numpy()}, _array_mark("numpy"))
    if kind == "DatetimeArray":
        parts = {"utc": np.asarray(value.asi8).view(f"M8[{value.unit}]"), "tz": value.tz}
        return encoder.branch(value, parts, _array_mark("datetime"))
    if kind == "TimedeltaArray":
        parts = {"values": value.asi8.view(f"m8[{value.unit}]")}
        return encoder.branch(value, parts, _array_mark("timedelta"))
    if kind == "PeriodArray":
        return encoder.branch(
            value, {"ordinals": value.asi8}, _array_mark("period", freq=value.freqstr)
        )
    if kind == "IntervalArray":
        parts = {"left": value.left, "right": value.right}
        return encoder.branch(value, parts, _array_mark("interval", closed=value.closed))
    if kind == "Categorical":
        parts = {"codes": np.asarray(value.codes), "categories": value.categories}
        return encoder.branch(value, parts, _array_mark("categorical", ordered=bool(value.ordered)))
    if kind in _STRING_ARRAYS:
        return _encode_strings(value, encoder)
    missing = np.asarray(value.isna())
    data = value.to_numpy(dtype=value.dtype.numpy_dtype, na_value=value.dtype.type(0))
    parts = {"data": data, "missing": missing}
    return encoder.branch(value, parts, _array_mark("masked", dtype=value.dtype.name))


def _encode_strings(value: Any, encoder: Encoder) -> Node:
    if value.dtype.storage != "python":
        encoder.refuse(value, f"with {value.dtype.storage} storage", "use string[python]")
    na = "NA" if value.dtype.na_value is pandas().NA else "nan"
    items = [item if isinstance(item, str) else None for item in value]
    return encoder.branch(value, {"items": items}, _array_mark("string", na=na))


def _decode_array(node: Branch, decoder: Decoder) -> Any:
    pd, parts, params = pandas(), decoder.fields(node), params_of(node)
    kind = params["kind"]
    if kind == "numpy":
        return pd.arrays.NumpyExtensionArray(parts["values"])
    if kind == "datetime":
        index = pd.DatetimeIndex(parts["utc"])
        if parts["tz"] is not None:
            index = index.tz_localize("UTC").tz_convert(parts["tz"])
        return index.array
    if kind == "timedelta":
        return pd.TimedeltaIndex(parts["values"]).array
    if kind == "period":
        return pd.arrays.PeriodArray(parts["ordinals"], dtype=pd.PeriodDtype(params["freq"]))
    if kind == "interval":
        return pd.arrays.IntervalArray.from_arrays(
            parts["left"], parts["right"], closed=params["closed"]
        )
    if kind == "categorical":
        return pd.Categorical.from_codes(
            parts["codes"], categories=parts["categories"], ordered=params["ordered"]
        )
    if kind == "string":
        missing = pd.NA if params["na"] == "NA" else np.nan
        dtype = pd.StringDtype("python", na_value=missing)
        return pd.array([missing if item is None else item for item in parts["items"]], dtype=dtype)
    return _decode_masked(pd, parts, params["dtype"])


def _decode_masked(pd: Any, parts: dict[str, Any], dtype: str) -> Any:
    if dtype == "boolean":
        return pd.arrays.BooleanArray(parts["data"], parts["missing"])
    cls = pd.arrays.FloatingArray if dtype.startswith("Float") else pd.arrays.IntegerArray
    return cls(parts["data"], parts["missing"])


def _encode_categories(value: Any, encoder: Encoder) -> Node:
    params = {"ordered": value.ordered}
    parts = {"categories": value.categories}
    return encoder.branch(value, parts, Mark("pandas.CategoricalDtype", 1, params))


def _decode_categories(node: Branch, decoder: Decoder) -> Any:
    categories = decoder.fields(node)["categories"]
    return pandas().CategoricalDtype(categories, ordered=params_of(node)["ordered"])


_STRING_ARRAYS = ("StringArray", "StringArrayNumpySemantics")
"""pandas 2 has a separate class for string arrays whose missing items are NaN."""
_ARRAYS = (
    "NumpyExtensionArray",
    "DatetimeArray",
    "TimedeltaArray",
    "PeriodArray",
    "IntervalArray",
    "Categorical",
    "IntegerArray",
    "FloatingArray",
    "BooleanArray",
    *_STRING_ARRAYS,
)

CODECS = (
    Codec("pandas.Timestamp", ("pandas.Timestamp",), checked(_encode_timestamp), _decode_timestamp),
    Codec("pandas.Timedelta", ("pandas.Timedelta",), checked(_encode_timedelta), _decode_timedelta),
    Codec(
        "pandas.constant", ("pandas.NaTType", "pandas.NAType"), _encode_constant, _decode_constant
    ),
    Codec("pandas.Period", ("pandas.Period",), checked(_encode_period), _decode_period),
    Codec("pandas.Interval", ("pandas.Interval",), _encode_interval, _decode_interval),
    Codec(
        "pandas.array",
        tuple(f"pandas.{name}" for name in _ARRAYS),
        checked(_encode_array),
        _decode_array,
    ),
    Codec(
        "pandas.CategoricalDtype",
        ("pandas.CategoricalDtype",),
        checked(_encode_categories),
        _decode_categories,
    ),
)

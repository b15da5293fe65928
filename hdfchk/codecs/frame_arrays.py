"""Codecs of pandas scalars and extension arrays, the parts of columns and indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedStoredError
from ..tree import Branch, Leaf, Mark, Node, params_of
from . import arrow_arrays, arrow_types, frequencies
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
    """Return `encode` that rejects pandas objects with attributes set by the user."""
    return without_attributes(encode, *_ATTRIBUTES)


_ATTRIBUTES = (
    *("_mgr", "_item_cache", "_attrs", "_flags", "_name", "_cache", "_id", "_references"),
    *("_cacher", "_is_copy"),  # of pandas 2: the frame of which it is a part
    *("_data", "_mask", "_ndarray", "_dtype", "_freq", "_readonly", "_left", "_right", "_range"),
    *("_levels", "_codes", "_names", "sortorder", "_categories", "_ordered"),
)


def _encode_timestamp(value: Any, encoder: Encoder) -> Node:
    if value.tz is None and value.fold:
        encoder.refuse(value, "with fold and no time zone", "give it a time zone")
    moment = value.to_datetime64() if value.tz is None else value.tz_convert(None).to_datetime64()
    # As pandas does for an array: pytz gives each date a zone of its own.
    zone = value.tz if value.tz is None else pandas().DatetimeTZDtype(value.unit, value.tz).tz
    return encoder.branch(value, {"utc": moment, "tz": zone}, Mark("pandas.Timestamp"))


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
    with frequencies.without_warnings():
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
        return _encode_moments(value, parts, {"kind": "datetime"}, encoder)
    if kind == "TimedeltaArray":
        parts = {"values": value.asi8.view(f"m8[{value.unit}]")}
        return _encode_moments(value, parts, {"kind": "timedelta"}, encoder)
    if kind == "PeriodArray":
        freq = value.dtype.name[len("period[") : -1]  # its freqstr may give a warning
        return encoder.branch(value, {"ordinals": value.asi8}, _array_mark("period", freq=freq))
    if kind == "IntervalArray":
        parts = {"left": value.left, "right": value.right}
        return encoder.branch(value, parts, _array_mark("interval", closed=value.closed))
    if kind == "Categorical":
        parts = {"codes": np.asarray(value.codes), "categories": value.categories}
        return encoder.branch(value, parts, _array_mark("categorical", ordered=bool(value.ordered)))
    if kind in _ENCODE:
        try:
            return _ENCODE[kind](value, encoder)
        except UnicodeError:
            encoder.refuse(value, "with text that is not UTF-8", "store it as bytes")
    missing = np.asarray(value.isna())
    data = value.to_numpy(dtype=value.dtype.numpy_dtype, na_value=value.dtype.type(0))
    parts = {"data": data, "missing": missing}
    return encoder.branch(value, parts, _array_mark("masked", dtype=value.dtype.name))


def _encode_moments(
    value: Any, parts: dict[str, Any], params: dict[str, Any], encoder: Encoder
) -> Node:
    """Encode an array of dates or differences, which has a frequency in pandas 2 alone."""
    version, freq = 1, getattr(value, "freq", None)
    if freq is not None:
        version = frequencies.put(freq, pandas().Index(value), parts, params, encoder)
    return encoder.branch(value, parts, Mark("pandas.array", version, params))


def _newer_mark(kind: str, **params: Any) -> Mark:
    """Return the mark of a kind of array that version 1 of the encoding does not have."""
    return Mark("pandas.array", 2, {"kind": kind, **params})


def _encode_strings(value: Any, encoder: Encoder) -> Node:
    na = "NA" if value.dtype.na_value is pandas().NA else "nan"
    if value.dtype.storage != "python":
        return _encode_texts(value, na, encoder)
    items = [item if isinstance(item, str) else None for item in value]
    return encoder.branch(value, {"items": items}, _array_mark("string", na=na))


def _encode_texts(value: Any, na: str, encoder: Encoder) -> Node:
    missing = np.asarray(value.isna())
    texts = arrow_arrays.texts_of(value.__arrow_array__())
    parts = {"texts": texts, "missing": missing} if missing.any() else {"texts": texts}
    return encoder.branch(value, parts, _newer_mark("texts", storage=value.dtype.storage, na=na))


def _decode_texts(pd: Any, parts: dict[str, Any], params: Any) -> Any:
    if params["storage"] == "pyarrow":
        arrow_types.pyarrow()  # pandas calls strings of another storage another dtype
    dtype = pd.StringDtype(params["storage"], na_value=_missing_text(params))
    texts = parts["texts"]
    if "missing" in parts:
        texts = np.where(parts["missing"], None, texts)
    return pd.array(texts, dtype=dtype)


def _missing_text(params: Any) -> Any:
    return {"NA": pandas().NA, "nan": np.nan}[params["na"]]


def _encode_sparse(value: Any, encoder: Encoder) -> Node:
    positions = np.asarray(value.sp_index.to_int_index().indices)
    parts = {"values": value.sp_values, "positions": positions, "fill": value.fill_value}
    return encoder.branch(
        value, parts, _newer_mark("sparse", length=len(value), index=str(value.kind))
    )


def _decode_sparse(pd: Any, parts: dict[str, Any], params: Any) -> Any:
    values, fill, index = parts["values"], parts["fill"], params["index"]
    cls, blank = pd.arrays.SparseArray, np.zeros(len(values), values.dtype)
    if hasattr(cls, "from_indices"):
        made = cls.from_indices(
            blank, parts["positions"], params["length"], fill, index, values.dtype
        )
    else:
        # pandas has no public name for the class of the positions.
        places = type(cls(np.zeros(1)).sp_index)(params["length"], parts["positions"])
        if index == "block":
            places = places.to_block_index()
        dtype = pd.SparseDtype(values.dtype, fill)
        made = cls(blank, sparse_index=places, fill_value=fill, dtype=dtype)
    made.sp_values[:] = values  # pandas would infer another dtype of objects
    return made


def _encode_arrow(value: Any, encoder: Encoder) -> Node:
    array = value.__arrow_array__()
    spec = arrow_types.describe(array.type)
    if spec is None:
        encoder.refuse(
            value,
            f"of the Arrow type {array.type}",
            "cast it to numbers, text, bytes, times, decimals, or lists, structs and maps of these",
        )
    return encoder.branch(value, arrow_arrays.to_parts(array), _newer_mark("arrow", type=spec))


def _decode_arrow(pd: Any, parts: dict[str, Any], params: Any) -> Any:
    array = arrow_arrays.from_parts(arrow_types.rebuild(params["type"]), parts)
    return pd.arrays.ArrowExtensionArray(array)


def _decode_array(node: Branch, decoder: Decoder) -> Any:
    pd, parts, params = pandas(), decoder.fields(node), params_of(node)
    kind = params["kind"]
    if kind == "numpy":
        return pd.arrays.NumpyExtensionArray(parts["values"])
    if kind == "datetime":
        index = pd.DatetimeIndex(parts["utc"])
        if parts["tz"] is not None:
            index = index.tz_localize("UTC").tz_convert(parts["tz"])
        return frequencies.take(index, parts, params).array
    if kind == "timedelta":
        return frequencies.take(pd.TimedeltaIndex(parts["values"]), parts, params).array
    if kind == "period":
        with frequencies.without_warnings():
            dtype = pd.PeriodDtype(params["freq"])
            return pd.arrays.PeriodArray(parts["ordinals"], dtype=dtype)
    if kind == "interval":
        return _decode_intervals(pd, parts, params)
    if kind == "categorical":
        return pd.Categorical.from_codes(
            parts["codes"], categories=parts["categories"], ordered=params["ordered"]
        )
    if kind in _DECODE:
        return _DECODE[kind](pd, parts, params)
    if kind == "string":
        missing = _missing_text(params)
        dtype = pd.StringDtype("python", na_value=missing)
        return pd.array([missing if item is None else item for item in parts["items"]], dtype=dtype)
    return _decode_masked(pd, parts, params["dtype"])


def _decode_intervals(pd: Any, parts: dict[str, Any], params: Any) -> Any:
    made = pd.arrays.IntervalArray.from_arrays(
        parts["left"], parts["right"], closed=params["closed"]
    )
    if made.left.dtype != parts["left"].dtype:  # pandas 2 makes all integers int64
        raise UnsupportedStoredError(
            f"intervals of {parts['left'].dtype}, which pandas {pd.__version__} does not have",
            hint="read them with pandas 3, or their ends with chk.group(key)",
        )
    return made


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


_ENCODE = {
    "StringArray": _encode_strings,
    "StringArrayNumpySemantics": _encode_strings,  # in pandas 2, where missing items are NaN
    "ArrowStringArray": _encode_strings,
    "ArrowStringArrayNumpySemantics": _encode_strings,
    "SparseArray": _encode_sparse,
    "ArrowExtensionArray": _encode_arrow,
}
_DECODE = {"texts": _decode_texts, "sparse": _decode_sparse, "arrow": _decode_arrow}
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
    *_ENCODE,
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
        version=2,
    ),
    Codec(
        "pandas.CategoricalDtype",
        ("pandas.CategoricalDtype",),
        checked(_encode_categories),
        _decode_categories,
    ),
)

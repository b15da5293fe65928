"""Codecs of polars series and data frames: plain datasets, one for each column.

A dataset of booleans beside the items marks the missing ones. Lists are stored as their lengths and
items, structs as a group of their fields.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Leaf, Mark, Node, Sequence, params_of
from .arrays import decode_array, encode_as
from .codec import Codec, Decoder, Encoder, without_attributes
from .optional import need

__all__ = ["CODECS"]

_PLAIN = frozenset({"Boolean", "Float32", "Float64"}) | {
    f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)
}
_AS_TEXT = frozenset({"Int128", "UInt128", "Decimal"})
_NAMES = (
    _PLAIN
    | _AS_TEXT
    | {
        *(
            "String",
            "Binary",
            "Date",
            "Time",
            "Null",
            "Datetime",
            "Duration",
            "Enum",
            "Categorical",
        ),
        *("List", "Array", "Struct"),
    }
)
_TEMPORAL = {"Date": "M8[D]", "Datetime": "M8", "Duration": "m8", "Time": "m8[ns]"}


def _polars() -> Any:
    return need("polars", "a polars object", "its columns by chk.group(key) or h5py")


# -- types -----------------------------------------------------------------------------------------


def _name_of(dtype: Any) -> str:
    """Return the name of a type, which in older versions of polars may be a class."""
    return dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__


def _spec(dtype: Any, series: Any, encoder: Encoder) -> Any:
    """Return a JSON value from which `_dtype` creates the same type."""
    name = _name_of(dtype)
    if name in _PLAIN or name in {"String", "Binary", "Date", "Time", "Null", "Int128", "UInt128"}:
        return name
    if name == "Datetime":
        return [name, dtype.time_unit, dtype.time_zone]
    if name == "Duration":
        return [name, dtype.time_unit]
    if name == "Decimal":
        return [name, dtype.precision, dtype.scale]
    if name == "Enum":
        return [name, dtype.categories.to_list()]
    if name == "Categorical" and dtype == type(dtype)():
        return name
    if name == "List":
        return [name, _spec(dtype.inner, series, encoder)]
    if name == "Array":
        return [name, _spec(dtype.inner, series, encoder), dtype.size]
    if name == "Struct":
        return [name, [[one.name, _spec(one.dtype, series, encoder)] for one in dtype.fields]]
    encoder.refuse(series, f"of {dtype}", "cast() it to another type first")


def _dtype(spec: Any) -> Any:
    pl = _polars()
    words: list[Any] = [spec] if isinstance(spec, str) else list(spec)
    name, args = words[0], words[1:]
    if name not in _NAMES:  # a file could name any function of polars
        raise ValueError(f"{name!r} is not a type of polars")
    if name in {"List", "Array"}:
        return getattr(pl, name)(_dtype(args[0]), *args[1:])
    if name == "Struct":
        return pl.Struct([pl.Field(field, _dtype(inner)) for field, inner in args[0]])
    return getattr(pl, name)(*args)


# -- series ----------------------------------------------------------------------------------------


def _require_lengths(lengths: Any, total: int) -> None:
    """Reject lengths that are negative, or whose sum is not the number of items."""
    if (lengths < 0).any() or int(lengths.sum()) != total:
        raise ValueError(f"lengths that are not those of {total} items")


def _encode_series(value: Any, encoder: Encoder) -> Node:
    spec = _spec(value.dtype, value, encoder)
    params = {"series": value.name, "type": spec}
    parts = _parts(value, _name_of(value.dtype))
    if value.null_count() and _name_of(value.dtype) != "Null":
        parts["valid"] = value.is_not_null().to_numpy()
    elif list(parts) == ["values"] and type(parts["values"]) is np.ndarray:
        leaf = encode_as("polars.Series", parts["values"], encoder, **params)
        if leaf is not None:
            return leaf
    return encoder.branch(value, parts, Mark("polars.Series", 1, params))


def _parts(value: Any, name: str) -> dict[str, Any]:
    """Return the items of a series, with some value of their type for missing ones."""
    pl = _polars()
    if name == "Null":
        return {"length": len(value)}
    if name in _PLAIN:
        return {"values": _filled(value, 0 if name != "Boolean" else False)}
    if name in _TEMPORAL:
        kind = _TEMPORAL[name]
        if name in {"Datetime", "Duration"}:
            kind += f"[{value.dtype.time_unit}]"
        return {"values": _filled(value.to_physical().cast(pl.Int64), 0).view(kind)}
    if name == "Enum":
        return {"values": _filled(value.to_physical(), 0)}
    if name in _AS_TEXT or name in {"String", "Categorical"}:
        texts = np.empty(len(value), object)
        texts[:] = value.cast(pl.String).fill_null("0" if name in _AS_TEXT else "").to_list()
        return {"values": texts}
    if name == "Binary":
        items = value.fill_null(b"").to_list()
        lengths = np.array([len(item) for item in items], np.int64)
        return {"lengths": lengths, "values": np.frombuffer(b"".join(items), np.uint8)}
    if name == "Struct":
        fields = {one.name: value.struct.field(one.name) for one in value.dtype.fields}
        return {"fields": fields, "length": len(value)}
    if name == "Array":
        size = len(value) - value.null_count()
        return {"length": len(value), "values": _items(value.drop_nulls(), size * value.dtype.size)}
    lengths = value.list.len().fill_null(0)
    parts = {"lengths": _filled(lengths.cast(pl.Int64), 0)}
    return {**parts, "values": _items(value.filter(lengths > 0), int(lengths.sum() or 0))}


def _items(lists: Any, count: int) -> Any:
    """Return the items of lists, or arrays, of which none is missing or empty."""
    if not count:
        return _polars().Series([], dtype=lists.dtype.inner)
    return lists.explode().alias("")


def _filled(value: Any, item: Any) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = value.fill_null(item).to_numpy(writable=True)
    return array


def _decode_series(node: Leaf | Branch | Sequence, decoder: Decoder) -> Any:
    params = params_of(node)
    if isinstance(node, Branch):
        parts = decoder.fields(node)
    else:
        parts = {"values": decode_array(node, decoder)}
    dtype = _dtype(params["type"])
    made = _made(parts, dtype, _name_of(dtype))
    if "valid" in parts:
        pl = _polars()
        valid = pl.Series(parts["valid"])
        if isinstance(dtype, (pl.List, pl.Array, pl.Struct)):
            made = pl.select(pl.when(valid).then(made)).to_series()
        else:
            made = made.zip_with(
                valid, pl.Series([None], dtype=dtype).new_from_index(0, len(valid))
            )
    return made.alias(params["series"])


def _made(parts: dict[str, Any], dtype: Any, name: str) -> Any:
    """Return a series of all items, with some value for missing ones."""
    pl = _polars()
    if name == "Null":
        return _same(None, dtype, parts["length"])
    if name == "Struct":
        fields = [one.alias(field) for field, one in parts["fields"].items()]
        return pl.DataFrame(fields).to_struct() if fields else _same({}, dtype, parts["length"])
    values = parts["values"]
    if name in _PLAIN:
        return pl.Series(values, dtype=dtype)
    if name in _TEMPORAL:
        number = pl.Series(values.view(np.int64))
        return number.cast(pl.Int32).cast(dtype) if name == "Date" else number.cast(dtype)
    if name == "Enum":
        names = dtype.categories.to_list() or [None]
        return pl.Series([names[code] for code in values.tolist()], dtype=dtype)
    if name in _AS_TEXT or name in {"String", "Categorical"}:
        return pl.Series(values.tolist(), dtype=pl.String).cast(dtype)
    if name == "Binary":
        _require_lengths(parts["lengths"], len(values))
        data, ends = values.tobytes(), np.cumsum(parts["lengths"]).tolist()
        starts = [0, *ends[:-1]] if ends else []
        items = [data[a:b] for a, b in zip(starts, ends, strict=True)]
        return pl.Series(items, dtype=dtype)
    return _lists(parts, dtype, name)


def _same(item: Any, dtype: Any, length: int) -> Any:
    """Return a series that repeats one item."""
    one = _polars().Series([item], dtype=dtype)
    return one.new_from_index(0, length) if length else one.clear()


def _lists(parts: dict[str, Any], dtype: Any, name: str) -> Any:
    """Return a series of lists, or of arrays, of the items of a series."""
    pl, items = _polars(), parts["values"]
    if name == "Array" and not dtype.size:
        return _same([], dtype, parts["length"])
    if name == "Array":
        lengths = np.full(parts["length"], dtype.size)
        if "valid" in parts:
            lengths[~parts["valid"]] = 0
    else:
        lengths = parts["lengths"]
    _require_lengths(lengths, len(items))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    frame = pl.DataFrame({"row": rows, "item": items})
    lists = frame.group_by("row", maintain_order=True).agg("item")
    every = pl.DataFrame({"row": np.arange(len(lengths)), "length": lengths})
    found = every.join(lists, on="row", how="left", maintain_order="left")["item"]
    inner = pl.List(dtype.inner)
    found = found.cast(inner)
    if name == "Array":
        return found.cast(dtype)
    empty = pl.Series([[]], dtype=inner).new_from_index(0, len(lengths))
    return found.zip_with(pl.Series(np.asarray(lengths) > 0), empty)


# -- frames ----------------------------------------------------------------------------------------


def _encode_frame(value: Any, encoder: Encoder) -> Node:
    columns = {name: value.get_column(name) for name in value.columns}
    parts: dict[str, Any] = {"columns": columns}
    if not columns and value.height:
        parts["height"] = value.height
    return encoder.branch(value, parts, Mark("polars.DataFrame"))


def _decode_frame(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    if "height" in parts:
        return _polars().DataFrame(height=parts["height"])
    return _polars().DataFrame(parts["columns"])


CODECS = (
    Codec(
        "polars.Series",
        ("polars.Series",),
        without_attributes(_encode_series, "_s"),
        _decode_series,
    ),
    Codec(
        "polars.DataFrame",
        ("polars.DataFrame",),
        without_attributes(_encode_frame, "_df"),
        _decode_frame,
    ),
)

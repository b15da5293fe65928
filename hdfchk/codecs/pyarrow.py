"""Codecs of pyarrow arrays, record batches and tables: plain datasets, one for each column.

The types are kept as Arrow writes a schema; a dataset of booleans marks missing items.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS"]

_BINARY = ("binary", "large_binary", "string", "large_string")
_LISTS = ("list", "large_list", "map")


def _arrow() -> Any:
    return need("pyarrow", "a pyarrow object", "its columns by chk.group(key) or h5py")


def _is(kind: str, dtype: Any) -> bool:
    return bool(getattr(_arrow().types, f"is_{kind}")(dtype))


def _schema_bytes(schema: Any) -> bytes:
    return bytes(schema.serialize())


def _described(schema: Any, owner: Any, encoder: Encoder) -> bytes:
    """Return the serialized schema, if Arrow reads the same schema from it."""
    raw = _schema_bytes(schema)
    if not _schema(raw).equals(schema, check_metadata=True):  # as dictionaries of dictionaries
        encoder.refuse(
            owner, f"with types that Arrow does not write ({schema})", "cast() them to others first"
        )
    return raw


def _schema(raw: bytes) -> Any:
    pa = _arrow()
    return need("pyarrow.ipc", "a pyarrow object").read_schema(pa.py_buffer(raw))


# -- arrays ----------------------------------------------------------------------------------------


def _parts(array: Any, owner: Any, encoder: Encoder) -> dict[str, Any]:
    """Return the items of an array, with some value of their type for missing ones."""
    dtype = array.type
    if _is("null", dtype):
        return {"length": len(array)}
    parts: dict[str, Any] = {}
    if array.null_count:
        parts["valid"] = array.is_valid().to_numpy(zero_copy_only=False)
    if _is("boolean", dtype):
        parts["values"] = array.fill_null(False).to_numpy(zero_copy_only=False)
    elif _is("dictionary", dtype):
        parts["indices"] = _parts(array.indices, owner, encoder)
        parts["dictionary"] = _parts(array.dictionary, owner, encoder)
    elif any(_is(kind, dtype) for kind in _BINARY):
        parts |= _texts(array, dtype)
    elif _is("struct", dtype):
        fields = zip(dtype, array.flatten(), strict=True)
        parts["fields"] = [[field.name, _parts(one, owner, encoder)] for field, one in fields]
        parts["length"] = len(array)
    elif any(_is(kind, dtype) for kind in _LISTS):
        # Only what belongs to a list: Arrow may have items between lists, or under missing ones.
        lengths = np.diff(np.asarray(array.offsets))
        if "valid" in parts:
            lengths[~parts["valid"]] = 0
        starts = np.asarray(array.offsets)[:-1]
        parts["lengths"] = lengths.astype(np.int64)
        parts["values"] = _parts(_taken(_items_of(array), starts, lengths), owner, encoder)
    elif _is("fixed_size_list", dtype):
        lengths = np.full(len(array), dtype.list_size)
        if "valid" in parts:
            lengths[~parts["valid"]] = 0
        starts = (np.arange(len(array)) + array.offset) * dtype.list_size
        parts["length"] = len(array)
        parts["values"] = _parts(_taken(array.values, starts, lengths), owner, encoder)
    else:
        parts["values"] = _numbers(array, owner, encoder)
    return parts


def _items_of(array: Any) -> Any:
    """Return the items of lists; those of a map are structs of a key and an item."""
    if not _is("map", array.type):
        return array.values
    pa, dtype = _arrow(), array.type
    fields = [dtype.key_field, dtype.item_field]
    return pa.StructArray.from_arrays([array.keys, array.items], fields=fields)


def _taken(values: Any, starts: Any, lengths: Any) -> Any:
    ends = np.cumsum(lengths)
    places = np.arange(ends[-1] if len(ends) else 0)
    places += np.repeat(starts - (ends - lengths), lengths)
    return values.take(_arrow().array(places, _arrow().int64()))


def _texts(array: Any, dtype: Any) -> dict[str, Any]:
    if _is("string", dtype) or _is("large_string", dtype):
        texts = np.empty(len(array), object)
        texts[:] = ["" if item is None else item for item in array.to_pylist()]
        return {"values": texts}
    items = [item or b"" for item in array.to_pylist()]
    lengths = np.array([len(item) for item in items], np.int64)
    return {"lengths": lengths, "values": np.frombuffer(b"".join(items), np.uint8)}


def _numbers(array: Any, owner: Any, encoder: Encoder) -> np.ndarray[Any, Any]:
    """Return items of a fixed width: numbers, moments, durations, decimals, bytes."""
    dtype = array.type
    spec = _number_type(dtype)
    if spec is None:
        encoder.refuse(owner, f"with items of {dtype}", "cast() them to another type first")
    width = np.dtype(spec).itemsize
    raw = array.buffers()[1]
    if raw is None or not len(array):
        return np.zeros(len(array), spec)
    data = np.frombuffer(raw, np.uint8)[array.offset * width : (array.offset + len(array)) * width]
    items = data.view(spec).copy()
    if array.null_count:
        items[~array.is_valid().to_numpy(zero_copy_only=False)] = np.zeros((), spec)
    return items


def _number_type(dtype: Any) -> str | None:
    """Return the NumPy type of the items of an Arrow type of a fixed width."""
    for kind, letter in (("unsigned_integer", "u"), ("integer", "i"), ("floating", "f")):
        if _is(kind, dtype):
            return f"<{letter}{dtype.bit_width // 8}"
    if _is("timestamp", dtype):
        return f"<M8[{dtype.unit}]"
    if _is("duration", dtype) or _is("time64", dtype):
        return f"<m8[{dtype.unit}]"
    if _is("date32", dtype) or _is("time32", dtype):
        return "<i4"
    if _is("date64", dtype):
        return "<i8"
    if _is("decimal", dtype) or _is("fixed_size_binary", dtype):
        return f"V{dtype.bit_width // 8}" if dtype.bit_width else None
    return None


def _made(parts: dict[str, Any], dtype: Any) -> Any:
    """Return the array of its parts.

    Raises:
        ValueError: the parts do not fit the type, or each other. Arrow itself would read memory
            that is not theirs.
    """
    array = _built(parts, dtype)
    valid = parts.get("valid")
    if valid is not None and (valid.dtype != np.bool or valid.shape != (len(array),)):
        raise ValueError(f"{valid.shape} booleans of {len(array)} items")
    array.validate(full=True)
    return array


def _built(parts: dict[str, Any], dtype: Any) -> Any:
    pa = _arrow()
    if _is("null", dtype):
        return pa.nulls(parts["length"])
    valid = parts.get("valid")
    missing = None if valid is None else ~valid
    bitmap = None
    if valid is not None:
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    if _is("dictionary", dtype):
        indices = _made(parts["indices"], dtype.index_type)
        dictionary = _made(parts["dictionary"], dtype.value_type)
        return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=dtype.ordered)
    if _is("struct", dtype):
        fields = zip(dtype, parts["fields"], strict=True)
        inner = [_made(item, field.type) for field, (_, item) in fields]
        return pa.Array.from_buffers(dtype, parts["length"], [bitmap], children=inner)
    if any(_is(kind, dtype) for kind in _LISTS):
        return _made_lists(parts, dtype, bitmap)
    if _is("fixed_size_list", dtype):
        return _made_fixed(parts, dtype, bitmap)
    values = parts["values"]
    if any(_is(kind, dtype) for kind in _BINARY):
        if "lengths" not in parts:
            values = values.tolist()
        else:
            _require_lengths(parts["lengths"], len(values))
            ends, data = np.cumsum(parts["lengths"]), values.tobytes()
            starts = ends - parts["lengths"]
            values = [data[a:b] for a, b in zip(starts, ends, strict=True)]
        return pa.array(values, dtype, mask=missing)
    if _is("boolean", dtype):
        return pa.array(values, dtype, mask=missing)
    number = _number_type(dtype)
    if number is None or values.dtype != np.dtype(number) or values.ndim != 1:
        raise ValueError(f"items of {values.dtype} for {dtype}")
    raw = pa.py_buffer(np.ascontiguousarray(values).tobytes())
    return pa.Array.from_buffers(dtype, len(values), [bitmap, raw])


def _made_lists(parts: dict[str, Any], dtype: Any, bitmap: Any) -> Any:
    pa, lengths = _arrow(), parts["lengths"]
    _require_lengths(lengths, None)
    width = np.int64 if _is("large_list", dtype) else np.int32
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(width)
    if _is("map", dtype):
        inner = pa.struct([dtype.key_field, dtype.item_field])
    else:
        inner = dtype.value_type
    children = [_made(parts["values"], inner)]
    buffers = [bitmap, pa.py_buffer(offsets.tobytes())]
    return pa.Array.from_buffers(dtype, len(lengths), buffers, children=children)


def _made_fixed(parts: dict[str, Any], dtype: Any, bitmap: Any) -> Any:
    """Return lists of equal length; missing lists also have items, which are ignored."""
    pa, length, size = _arrow(), parts["length"], dtype.list_size
    items = _made(parts["values"], dtype.value_type)
    count = length if "valid" not in parts else int(parts["valid"].sum())
    if len(items) != count * size:
        raise ValueError(f"{len(items)} items in {count} lists of {size}")
    if "valid" in parts:
        rows = np.cumsum(parts["valid"]) - 1
        places = (rows[:, np.newaxis] * size + np.arange(size)).ravel()
        absent = np.repeat(~parts["valid"], size)
        items = items.take(pa.array(places, pa.int64(), mask=absent))
    return pa.Array.from_buffers(dtype, length, [bitmap], children=[items])


def _require_lengths(lengths: Any, total: int | None) -> None:
    """Reject lengths that are negative, or whose sum is not the number of items."""
    if lengths.dtype != np.int64 or (lengths < 0).any():
        raise ValueError("a length is negative or not an integer")
    if total is not None and int(lengths.sum()) != total:
        raise ValueError(f"lengths of {int(lengths.sum())} items, but there are {total}")


def _whole(column: Any, owner: Any, encoder: Encoder) -> Any:
    """Return a chunked array as one array."""
    pa = _arrow()
    if not isinstance(column, pa.ChunkedArray):
        return column
    try:
        joined = column.combine_chunks()
    except pa.ArrowException:  # offsets of 32 bits are too short for all of them
        joined = column
    if isinstance(joined, pa.ChunkedArray):  # as versions do that do not raise then
        if joined.num_chunks > 1:
            encoder.refuse(
                owner,
                f"whose chunks of {column.type} do not fit into one",
                "cast() it to a large_ type, or store parts of it",
            )
        joined = joined.chunk(0) if joined.num_chunks else pa.array([], column.type)
    return joined


def _require_valid(value: Any, encoder: Encoder) -> None:
    """Reject values that could not be read: Arrow accepts any bytes as text, any int as a date."""
    try:
        value.validate(full=True)
    except _arrow().ArrowException as error:
        encoder.refuse(
            value,
            f"that is not valid ({error})",
            "mend what value.validate(full=True) finds, or view() it as another type",
        )


def _encode_array(value: Any, encoder: Encoder) -> Node:
    pa = _arrow()
    _require_valid(value, encoder)
    kind = "chunked" if isinstance(value, pa.ChunkedArray) else "array"
    schema = pa.schema([pa.field("", value.type)])
    parts: dict[str, Any] = {"schema": _described(schema, value, encoder)}
    parts |= _parts(_whole(value, value, encoder), value, encoder)
    return encoder.branch(value, parts, Mark("pyarrow.Array", 1, {"kind": kind}))


def _decode_array(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    array = _made(parts, _schema(parts["schema"]).field(0).type)
    return _arrow().chunked_array([array]) if params_of(node)["kind"] == "chunked" else array


# -- tables ----------------------------------------------------------------------------------------


def _encode_table(value: Any, encoder: Encoder) -> Node:
    _require_valid(value, encoder)
    names = value.schema.names
    kind = type(value).__name__
    if len(set(names)) < len(names):
        encoder.refuse(value, "with two columns of one name", "rename_columns() first")
    parts: dict[str, Any] = {
        "schema": _described(value.schema, value, encoder),
        "rows": value.num_rows,
    }
    columns = {}
    for name, column in zip(names, value.columns, strict=True):
        found = _parts(_whole(column, value, encoder), value, encoder)
        columns[name] = found["values"] if list(found) == ["values"] else found
    parts["columns"] = columns
    return encoder.branch(value, parts, Mark("pyarrow.Table", 1, {"class": kind}))


def _decode_table(node: Branch, decoder: Decoder) -> Any:
    pa, parts = _arrow(), decoder.fields(node)
    schema, arrays = _schema(parts["schema"]), []
    for field in schema:
        column = parts["columns"][field.name]
        arrays.append(_made(column if type(column) is dict else {"values": column}, field.type))
    cls = {"Table": pa.Table, "RecordBatch": pa.RecordBatch}[params_of(node)["class"]]
    if not arrays and parts["rows"]:
        rows = pa.array([{}] * parts["rows"], pa.struct([]))
        made = pa.RecordBatch.from_struct_array(rows)
        return made if cls is pa.RecordBatch else pa.Table.from_batches([made])
    return cls.from_arrays(arrays, schema=schema)


_ARRAYS = [
    "BooleanArray",
    "Int8Array",
    "Int16Array",
    "Int32Array",
    "Int64Array",
    "UInt8Array",
    "UInt16Array",
    "UInt32Array",
    "UInt64Array",
    "HalfFloatArray",
    "FloatArray",
    "DoubleArray",
    "Date32Array",
    "Date64Array",
    "Time32Array",
    "Time64Array",
    "TimestampArray",
    "DurationArray",
    "Decimal32Array",
    "Decimal64Array",
    "Decimal128Array",
    "Decimal256Array",
    "BinaryArray",
    "LargeBinaryArray",
    "StringArray",
    "LargeStringArray",
    "FixedSizeBinaryArray",
    "ListArray",
    "LargeListArray",
    "MapArray",
    "FixedSizeListArray",
    "StructArray",
    "DictionaryArray",
    "NullArray",
    "ChunkedArray",
]

CODECS = (
    Codec(
        "pyarrow.Array",
        tuple(f"pyarrow.{name}" for name in _ARRAYS),
        _encode_array,
        _decode_array,
    ),
    Codec("pyarrow.Table", ("pyarrow.Table", "pyarrow.RecordBatch"), _encode_table, _decode_table),
)

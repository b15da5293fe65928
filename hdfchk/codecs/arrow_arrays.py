"""Arrays of Arrow as plain arrays, and back.

Each array becomes a dict of its parts: `data`, the elements, with zeros, empty text or NaT for
missing items; `missing`, a mask of the missing items, if there are any; and for items of different
lengths `offsets`, the start of each item and the end of the last one. The parts of a dictionary,
list or structure are dicts, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrow_types import pyarrow
from .optional import need

__all__ = ["from_parts", "texts_of", "to_parts"]

Array = np.ndarray[Any, Any]


def to_parts(array: Any) -> dict[str, Any]:
    """Return the parts of an Arrow array, whose type has a description.

    Args:
        array: an array, or a chunked array, whose chunks are joined.
    """
    array = _joined(array)
    types, kind = need("pyarrow.types", "an Arrow array"), array.type
    if types.is_dictionary(kind):
        return {"codes": to_parts(array.indices), "values": to_parts(array.dictionary)}
    missing = array.is_null().to_numpy(zero_copy_only=False)
    parts = _elements(array, missing)
    if missing.any() or _has_no_length(kind):
        parts["missing"] = missing
    return parts


def texts_of(array: Any) -> Array:
    """Return the text in an array, or a chunked array, as objects; missing items become empty.

    Raises:
        UnicodeError: it is not UTF-8: Arrow takes any bytes for text.
    """
    try:
        texts = array.fill_null("").to_numpy(zero_copy_only=False)
    except pyarrow().ArrowException as error:
        raise UnicodeError(str(error)) from error
    return np.asarray(texts, object)


def from_parts(kind: Any, parts: dict[str, Any]) -> Any:
    """Return the Arrow array of a type and its parts.

    Raises:
        ValueError: the parts do not fit the type, or each other.
    """
    array, missing = _build(kind, parts), parts.get("missing")
    if missing is not None and len(missing) != len(array):
        raise ValueError(f"{len(missing)} items in the mask of {len(array)}")
    array.validate(full=True)
    return array


def _joined(array: Any) -> Any:
    pa = pyarrow()
    if not isinstance(array, pa.ChunkedArray):
        return array
    types, kind = need("pyarrow.types", "an Arrow array"), array.type
    if types.is_string(kind):  # whose offsets, of 32 bits, may be too short for all chunks
        array = array.cast(pa.large_string())
    elif types.is_binary(kind):
        array = array.cast(pa.large_binary())
    elif types.is_dictionary(kind):
        array = array.unify_dictionaries()
    return array.combine_chunks()


def _has_no_length(kind: Any) -> bool:
    """Whether no part has an item for each item of an array of this type."""
    types = need("pyarrow.types", "an Arrow array")
    return bool(
        types.is_null(kind)
        or (types.is_struct(kind) and kind.num_fields == 0)
        or (types.is_fixed_size_list(kind) and kind.list_size == 0)
    )


def _elements(array: Any, missing: Array) -> dict[str, Any]:
    pa, types, kind = pyarrow(), need("pyarrow.types", "an Arrow array"), array.type
    if types.is_null(kind):
        return {}
    if types.is_struct(kind):
        return {f"field{n}": to_parts(child) for n, child in enumerate(array.flatten())}
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        return {"items": to_parts(array.values.slice(array.offset * size, len(array) * size))}
    if types.is_map(kind):
        pairs = array.cast(pa.list_(pa.struct([kind.key_field, kind.item_field])))
        parts = to_parts(pairs)
        both = parts["items"]
        return {"offsets": parts["offsets"], "keys": both["field0"], "items": both["field1"]}
    if types.is_list(kind) or types.is_large_list(kind):
        lengths = array.value_lengths().fill_null(0).to_numpy()
        return {"offsets": _offsets(lengths), "items": to_parts(array.flatten())}
    if types.is_binary(kind) or types.is_large_binary(kind):
        plain = array.cast(pa.large_binary()).fill_null(b"")
        offsets = _fixed(plain, np.dtype(np.int64), 1)
        data = np.frombuffer(plain.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
        return {"offsets": offsets - offsets[0], "data": data}
    if types.is_string(kind) or types.is_large_string(kind):
        return {"data": texts_of(array)}
    if types.is_decimal(kind):
        texts = np.empty(len(array), object)
        texts[:] = ["" if item is None else str(item) for item in array.to_pylist()]
        return {"data": texts}
    if types.is_boolean(kind):
        return {"data": array.fill_null(False).to_numpy(zero_copy_only=False)}
    physical, dtype = _dtypes(kind)
    data = _fixed(array, physical)
    if dtype.kind in "mM" or missing.any():
        data = data.astype(np.int64).view(dtype) if dtype.kind in "mM" else data.copy()
        data[missing] = "NaT" if dtype.kind in "mM" else np.zeros((), dtype)
    return {"data": data}


def _fixed(array: Any, dtype: np.dtype[Any], more: int = 0) -> Array:
    """Return the elements of fixed size of an array, of its second buffer, and `more` of them."""
    count = len(array) + more
    buffer = array.buffers()[1]
    if dtype.itemsize == 0 or buffer is None or buffer.size == 0:
        return np.zeros(count, dtype)
    return np.frombuffer(buffer, dtype, array.offset + count)[array.offset :]


def _offsets(lengths: Array) -> Array:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _dtypes(kind: Any) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """Return the dtype of elements in memory, and the one as which they are stored."""
    types = need("pyarrow.types", "an Arrow type")
    if types.is_fixed_size_binary(kind):
        dtype = np.dtype((np.void, kind.byte_width))
        return dtype, dtype
    if not types.is_temporal(kind):
        dtype = np.dtype(kind.to_pandas_dtype())
        return dtype, dtype
    if types.is_date(kind):
        name = "M8[D]" if types.is_date32(kind) else "M8[ms]"
    else:
        name = f"{'M8' if types.is_timestamp(kind) else 'm8'}[{kind.unit}]"
    return np.dtype(f"i{kind.bit_width // 8}"), np.dtype(name)


def _build(kind: Any, parts: dict[str, Any]) -> Any:
    pa, types = pyarrow(), need("pyarrow.types", "an Arrow array")
    if types.is_dictionary(kind):
        codes = from_parts(kind.index_type, parts["codes"])
        values = from_parts(kind.value_type, parts["values"])
        return pa.DictionaryArray.from_arrays(codes, values, ordered=kind.ordered)
    missing = parts.get("missing")
    if types.is_null(kind):
        return pa.nulls(len(parts["missing"]))
    if types.is_nested(kind):
        return _build_nested(kind, parts, missing)
    data = parts["data"]
    if types.is_string(kind) or types.is_large_string(kind):
        return pa.array(data, kind, mask=missing)
    if types.is_decimal(kind):
        from decimal import Decimal

        items = [None if text == "" else Decimal(text) for text in data]
        return pa.array(items, kind)
    buffers = [_validity(missing)]
    if types.is_binary(kind) or types.is_large_binary(kind):
        large = pa.Array.from_buffers(
            pa.large_binary(),
            len(parts["offsets"]) - 1,
            [*buffers, _buffer(parts["offsets"], np.int64), _buffer(data, np.uint8)],
        )
        large.validate(full=True)
        return large.cast(kind)
    if types.is_boolean(kind):
        bits = np.packbits(np.asarray(data, bool), bitorder="little")
        return pa.Array.from_buffers(kind, len(data), [*buffers, pa.py_buffer(bits)])
    physical, dtype = _dtypes(kind)
    if dtype.kind in "mM" and data.dtype == dtype:
        data = _narrowed(data.view(np.int64), physical, missing)
    return pa.Array.from_buffers(kind, len(data), [*buffers, _buffer(data, physical)])


def _narrowed(numbers: Array, dtype: np.dtype[Any], missing: Array | None) -> Array:
    """Return numbers of 64 bits in the dtype of an Arrow type."""
    if missing is not None:
        numbers = np.where(missing, 0, numbers)
    narrow = numbers.astype(dtype)
    if not np.array_equal(narrow, numbers):
        raise ValueError(f"numbers that do not fit into {dtype}")
    return narrow


def _build_nested(kind: Any, parts: dict[str, Any], missing: Array | None) -> Any:
    pa, types = pyarrow(), need("pyarrow.types", "an Arrow array")
    buffers = [_validity(missing)]
    if types.is_struct(kind):
        fields = [kind.field(n) for n in range(kind.num_fields)]
        children = [from_parts(field.type, parts[f"field{n}"]) for n, field in enumerate(fields)]
        (count,) = {len(child) for child in children} or {len(parts["missing"])}
        return pa.Array.from_buffers(kind, count, buffers, children=children)
    if types.is_map(kind):
        entries = pa.StructArray.from_arrays(
            [
                from_parts(kind.key_type, parts["keys"]),
                from_parts(kind.item_type, parts["items"]),
            ],
            fields=[kind.key_field, kind.item_field],
        )
    else:
        entries = from_parts(kind.value_type, parts["items"])
    if types.is_fixed_size_list(kind):
        count = len(entries) // kind.list_size if kind.list_size else len(parts["missing"])
        return pa.Array.from_buffers(kind, count, buffers, children=[entries])
    width = np.int64 if types.is_large_list(kind) else np.int32
    offsets = _narrowed(parts["offsets"], np.dtype(width), None)
    buffers.append(_buffer(offsets, width))
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers, children=[entries])


def _validity(missing: Array | None) -> Any:
    """Return the validity bits of the items, or None if no item is missing."""
    if missing is None:
        return None
    return pyarrow().py_buffer(np.packbits(~np.asarray(missing, bool), bitorder="little"))


def _buffer(data: Array, dtype: Any) -> Any:
    """Return an array as a buffer.

    Raises:
        ValueError: it has other elements.
    """
    if data.dtype != dtype or data.ndim != 1:
        raise ValueError(f"the items are {data.dtype}, not {np.dtype(dtype)}")
    return pyarrow().py_buffer(np.ascontiguousarray(data))

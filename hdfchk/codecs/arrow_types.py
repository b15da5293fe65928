"""The types of Arrow as parameters of marks, and back.

Only types whose values can be stored as plain arrays of HDF5 have a description: numbers, text,
bytes, times, decimals, dictionaries, and lists, structures and maps of these.
"""

from __future__ import annotations

from typing import Any

from .optional import need

__all__ = ["describe", "pyarrow", "rebuild"]

_PLAIN = (
    *("null", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "string", "large_string", "binary", "large_binary"),
    *("date32", "date64"),
)
"""Functions of pyarrow without arguments, each of which makes a type."""
_DECIMALS = ("decimal32", "decimal64", "decimal128", "decimal256")
_TIMES = ("time32", "time64", "duration")


def pyarrow() -> Any:
    """Return the pyarrow module.

    Raises:
        MissingExtraError: it is not installed.
    """
    return need("pyarrow", "a pandas object backed by Arrow")


def describe(kind: Any) -> Any:
    """Return an Arrow type as JSON, or None if it has no description."""
    found = _describe(kind)
    # Whatever a later version of Arrow adds to a type is noticed here.
    if found is None or not rebuild(found).equals(kind, check_metadata=True):
        return None
    return found


def rebuild(spec: Any) -> Any:
    """Return the Arrow type of a description.

    Raises:
        KeyError: it is none.
    """
    pa = pyarrow()
    if isinstance(spec, str):
        if spec not in _PLAIN:
            raise KeyError(spec)
        return getattr(pa, spec)()
    name, *arguments = spec
    if name == "timestamp":
        return pa.timestamp(*arguments)
    if name == "fixed_size_binary":
        return pa.binary(*arguments)
    if name in {*_TIMES, *_DECIMALS}:
        return getattr(pa, name)(*arguments)
    if name == "dictionary":
        index, values, ordered = arguments
        return pa.dictionary(rebuild(index), rebuild(values), ordered)
    if name == "struct":
        return pa.struct([_field(field) for field in arguments])
    if name == "map":
        key, item, is_sorted = arguments
        return pa.map_(_field(key), _field(item), keys_sorted=is_sorted)
    if name == "fixed_size_list":
        return pa.list_(_field(arguments[0]), arguments[1])
    return {"list": pa.list_, "large_list": pa.large_list}[name](_field(arguments[0]))


def _describe(kind: Any) -> Any:
    pa, types = pyarrow(), need("pyarrow.types", "an Arrow type")
    if isinstance(kind, pa.BaseExtensionType):
        return None
    for name in _PLAIN:
        if kind == getattr(pa, name)():
            return name
    if types.is_timestamp(kind):
        return (
            ["timestamp", kind.unit, kind.tz] if kind.tz is not None else ["timestamp", kind.unit]
        )
    if types.is_fixed_size_binary(kind):
        return ["fixed_size_binary", kind.byte_width]
    if types.is_time(kind):
        return [f"time{kind.bit_width}", kind.unit]
    if types.is_duration(kind):
        return ["duration", kind.unit]
    if types.is_decimal(kind):
        return [f"decimal{kind.bit_width}", kind.precision, kind.scale]
    if types.is_dictionary(kind):
        index, values = _describe(kind.index_type), _describe(kind.value_type)
        return None if values is None else ["dictionary", index, values, kind.ordered]
    return _describe_nested(kind, types)


def _describe_nested(kind: Any, types: Any) -> Any:
    if types.is_struct(kind):
        found = ["struct", *(_describe_field(field) for field in kind)]
    elif types.is_map(kind):
        fields = _describe_field(kind.key_field), _describe_field(kind.item_field)
        found = ["map", *fields, kind.keys_sorted]
    elif types.is_fixed_size_list(kind):
        found = ["fixed_size_list", _describe_field(kind.value_field), kind.list_size]
    elif types.is_list(kind) or types.is_large_list(kind):
        name = "list" if types.is_list(kind) else "large_list"
        found = [name, _describe_field(kind.value_field)]
    else:
        return None
    return None if None in found else found


def _describe_field(field: Any) -> Any:
    """Return the name, the type, whether items may be missing, and the metadata, as latin-1."""
    kind = _describe(field.type)
    if kind is None:
        return None
    notes = {} if field.metadata is None else field.metadata
    texts = {key.decode("latin-1"): note.decode("latin-1") for key, note in notes.items()}
    return [field.name, kind, field.nullable, texts]


def _field(spec: Any) -> Any:
    name, kind, nullable, texts = spec
    notes = {key.encode("latin-1"): note.encode("latin-1") for key, note in texts.items()}
    return pyarrow().field(name, rebuild(kind), nullable=nullable, metadata=notes or None)

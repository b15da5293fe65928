"""Descriptions of keys as text for people, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .console import Line, Span
from .escapes import escaped, escaped_json
from .sizes import count_text, shape_text, size_text
from .values import plain

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["as_record", "describe", "size_of", "style_of", "type_text", "value_text"]

MOST_VALUES = 1000
"""Values are read only if there are at most this many keys."""


def describe(store: Any, key: str | None, *, depth: int | None = None) -> list[Description]:
    """Return all descriptions, with small values unless there are too many keys."""
    found: list[Description] = store.describe(key, depth=depth, limit=MOST_VALUES + 1, values=True)
    if len(found) > MOST_VALUES:
        found = store.describe(key, depth=depth)
    return found


def type_text(entry: Description) -> str:
    """Return the type with dtype, shape and length.

    Example:
        >>> import numpy as np
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk.update({"x": np.zeros((2, 3)), "l": [1, 2], "d": {}, "n": 1})
        >>> [type_text(entry) for entry in chk.describe()]
        ['float64 (2, 3)', 'list of int, 2 items', 'dict, 0 keys', 'int']
    """
    if entry.kind == "group":
        return f"{entry.type}, {count_text(entry.length or 0, 'key')}"
    if entry.kind == "array":
        names = [] if entry.type == "ndarray" and entry.dtype is not None else [entry.type]
        if entry.dtype is not None:
            names.append(_dtype_text(entry.dtype))
        shape = "" if entry.shape is None else f" {shape_text(entry.shape)}"
        return escaped(" of ".join(names) + shape)
    if entry.length is not None and entry.shape is None:
        unit = {"bytes": "byte", "bytearray": "byte", "str": "character"}.get(entry.type, "item")
        return escaped(f"{entry.type}, {count_text(entry.length, unit)}")
    return escaped(entry.type)


def _dtype_text(dtype: Any) -> str:
    if dtype.names:
        return f"({', '.join(dtype.names)})"
    if dtype.kind == "U":
        return f"str{dtype.itemsize // 4}"
    if dtype.kind == "O":
        return "object"
    return str(dtype)


def size_of(entry: Description) -> str:
    """Return the size in the file, or in memory if that is unknown."""
    count = entry.stored if entry.stored is not None else entry.nbytes
    return "" if count is None else size_text(count)


def value_text(entry: Description, most: int = 60) -> str:
    """Return a small value as one line, or the problem with it."""
    if entry.problem is not None:
        return f"! {escaped(entry.problem)}"
    if not entry.has_value or entry.value is None:
        return ""
    try:
        text = escaped(_repr(entry.value))
    except Exception:
        return ""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _repr(value: Any) -> str:
    """Return text, bytes and containers as `repr`, everything else as `str`."""
    if isinstance(value, str | bytes | list | tuple | dict | set):
        return repr(value)
    return " ".join(str(value).split())


def style_of(entry: Description) -> str:
    """Return the style of a key."""
    if entry.problem is not None:
        return "red"
    return {"group": "bold blue", "array": "cyan"}.get(entry.kind, "")


def value_span(entry: Description, most: int = 60) -> Span:
    """Return a small value with its style."""
    text = value_text(entry, most)
    return (text, "red" if entry.problem is not None else "green")


def as_record(entry: Description) -> dict[str, Any]:
    """Return a description for JSON, with ``value`` if it is known."""
    record = {
        "key": entry.key,
        "kind": entry.kind,
        "type": entry.type,
        "length": entry.length,
        "shape": None if entry.shape is None else list(entry.shape),
        "dtype": None if entry.dtype is None else str(entry.dtype),
        "nbytes": entry.nbytes,
        "stored": entry.stored,
        "layout": entry.layout,
        "chunks": None if entry.chunks is None else list(entry.chunks),
        "compression": entry.compression,
        "attributes": entry.attributes,
        "problem": entry.problem,
    }
    if entry.has_value:
        record["value"] = plain(entry.value)
    return record


def json_records(entries: list[Description]) -> list[str]:
    """Return descriptions as JSON, one line each."""
    import json

    return [
        escaped_json(json.dumps(as_record(entry), ensure_ascii=False, allow_nan=False))
        for entry in entries
    ]


def columns(rows: list[list[Span]]) -> list[Line]:
    """Return rows as lines with aligned columns; empty columns are left out."""
    if not rows:
        return []
    widths = [max(len(text) for text, _ in column) for column in zip(*rows, strict=True)]
    kept = [number for number, width in enumerate(widths) if width]
    lines: list[Line] = []
    for row in rows:
        line = [(f"{row[number][0]:<{widths[number]}}  ", row[number][1]) for number in kept[:-1]]
        lines.append([*line, row[kept[-1]]] if kept else [("", "")])
    return lines

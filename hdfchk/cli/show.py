"""``show``."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import click

from .arguments import FileCommand, file_argument, json_option, key_argument, slice_option
from .attributes import attribute_text, attributes_of
from .console import Line, put_lines
from .describing import as_record, columns, describe, style_of, type_text, value_span
from .escapes import escaped, escaped_lines
from .exits import USAGE, Failure
from .get import value_at
from .opening import read
from .sizes import shape_text, size_text
from .values import json_line

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["excerpt", "facts", "show_command", "text_of"]

_WHOLE_BYTES = 1 << 20
"""Only the corners of larger arrays are read."""
_MOST_CHARACTERS = 20_000


@click.command("show", cls=FileCommand)
@file_argument
@key_argument(required=True)
@slice_option
@json_option
def show_command(file: str, key: str, index: Any, as_json: bool) -> None:
    """Show a value: its type, its layout, its elements.

    Of a large array the corners alone are read. For a whole value, see get.
    """
    store, key_or_root = read(file), key or None
    entry = store.describe(key_or_root, depth=0, values=True)[0]
    if index is not None and entry.kind == "group":
        place = f"(key {key or '/'!r} in {file})"
        raise Failure(f"a dict has no elements to slice {place}; name a key", USAGE)
    if as_json:
        record = as_record(entry) | {"attrs": attributes_of(store, entry)}
        if entry.kind != "group" and (index is not None or (entry.nbytes or 0) <= _WHOLE_BYTES):
            record["value"] = value_at(store, key, index)
        click.echo(json_line(record))
        return
    part = None if index is None else value_at(store, key, index)
    lines: list[Line] = [[(escaped(key) or "/", "bold")]]
    lines += [[(f"  {name:<12}", "dim"), (text, "")] for name, text in facts(entry)]
    attributes = attributes_of(store, entry)
    lines += [
        [("  ", ""), (attribute_text(name, value), "yellow")] for name, value in attributes.items()
    ]
    put_lines(lines)
    if entry.kind == "group":
        below = describe(store, key_or_root, depth=1)
        put_lines(columns([_row(part) for part in below[:100]]))
        if len(below) > 100:
            click.echo(f"… {len(below) - 100:,} more (hdfchk ls)")
        return
    click.echo(escaped_lines(text_of(excerpt(store, entry) if index is None else part)))


def _row(entry: Description) -> list[tuple[str, str]]:
    name = escaped(entry.key.rpartition("/")[2])
    return [("  " + name, style_of(entry)), (type_text(entry), "dim"), value_span(entry)]


def facts(entry: Description) -> list[tuple[str, str]]:
    """Return the properties of a key as pairs of a name and a text."""
    found = [("type", type_text(entry))]
    if entry.kind == "array" and entry.dtype is not None:
        found.append(("dtype", escaped(str(entry.dtype))))
    if entry.nbytes is not None:
        stored = "" if entry.stored is None else f", {size_text(entry.stored)} in the file"
        found.append(("size", f"{size_text(entry.nbytes)}{stored}"))
    if entry.layout is not None:
        chunks = f", chunks {shape_text(entry.chunks)}" if entry.chunks else ""
        compression = f", {escaped(entry.compression)}" if entry.compression else ""
        found.append(("layout", f"{entry.layout}{chunks}{compression}"))
    if entry.problem is not None:
        found.append(("problem", escaped(entry.problem)))
    return found


def excerpt(store: Any, entry: Description) -> Any:
    """Return the value of a key; of a large array, only the corners, which print like the array."""
    is_large = entry.kind == "array" and (entry.nbytes or 0) > _WHOLE_BYTES
    if not is_large or not entry.shape:
        return store.load(entry.key or None)
    return _Corners(store.array(entry.key), entry.shape)


class _Corners:
    """The first and last elements along each axis, with one between them that is not shown."""

    def __init__(self, array: Any, shape: tuple[int, ...]) -> None:
        self._array = array
        self._shape = shape

    def __str__(self) -> str:
        import numpy as np

        whole = self._read(())
        if type(whole) is not np.ndarray:
            return str(whole)
        return np.array2string(
            whole, threshold=0, edgeitems=3, separator=" ", max_line_width=_width()
        )

    def _read(self, index: tuple[Any, ...]) -> Any:
        import numpy as np

        axis = len(index)
        if axis == len(self._shape) or axis == 6:
            return self._array[index]
        if self._shape[axis] <= 7:
            return self._read((*index, slice(None)))
        parts = [self._read((*index, slice(0, 4))), self._read((*index, slice(-3, None)))]
        if type(parts[0]) is not np.ndarray:
            return parts[0]
        return np.concatenate(parts, axis=axis)


def text_of(value: Any) -> str:
    """Return a value as text, cut if it is long."""
    import numpy as np

    if isinstance(value, str):
        text = value
    elif type(value) is np.ndarray:
        text = np.array2string(value, threshold=200, max_line_width=_width())
    elif isinstance(value, dict | list | tuple | set | frozenset):
        import pprint

        text = pprint.pformat(value, width=_width(), sort_dicts=False)
    else:
        text = str(value)
    if len(text) > _MOST_CHARACTERS:
        more = len(text) - _MOST_CHARACTERS
        text = f"{text[:_MOST_CHARACTERS]}\n… {more:,} characters more (hdfchk get)"
    return text


def _width() -> int:
    return shutil.get_terminal_size().columns - 1

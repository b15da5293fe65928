"""Lossless conversion of values to elements of a stored array."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from ..errors import UnsupportedTypeError
from . import ml_types

__all__ = [
    "Fields",
    "Form",
    "Items",
    "Text",
    "any_masked",
    "cast",
    "set_fields",
    "takes_any",
    "unfit",
]

AnyArray = np.ndarray[Any, Any]


@attrs.frozen
class Text:
    """The properties of a string type that its NumPy dtype does not express.

    Args:
        most: the maximum length in bytes; None for variable length.
        is_ascii: a `str` is encoded in ASCII instead of UTF-8.
        pad: the padding byte: strings that end with it would lose it.
        is_ended: strings are NUL-terminated.
    """

    most: int | None
    is_ascii: bool = False
    pad: bytes = b"\0"
    is_ended: bool = False


@attrs.frozen
class Items:
    """Variable-length elements: each is an array of one axis.

    Args:
        dtype: the dtype of the items of an element.
        form: the form of the items.
    """

    dtype: np.dtype[Any]
    form: Form | None = None


@attrs.frozen
class Fields:
    """A compound, some of whose fields have a form.

    Args:
        forms: the forms, by field name.
    """

    forms: Mapping[str, Form | None]


Form = Text | Items | Fields
"""The properties of elements besides their dtype, if any."""


def takes_any(form: Form | None) -> bool:
    """Whether every array of the stored dtype can be stored unchanged."""
    return form is None or (isinstance(form, Text) and form.pad == b"\0" and not form.is_ended)


def cast(value: Any, dtype: np.dtype[Any], form: Form | None = None) -> AnyArray:
    """Convert `value` to an array of `dtype`, of the same kind, if this loses nothing.

    Args:
        value: an array, or anything that NumPy converts to one. A row of a compound is a tuple, a
            mapping of its fields or `numpy.void`; several rows are lists of these. A
            variable-length element is an array or a list of numbers; several are object arrays or
            lists of these.
        dtype: the dtype of the stored elements.
        form: their form.

    Raises:
        UnsupportedTypeError: an element cannot be stored exactly.
    """
    if any_masked(value):
        raise UnsupportedTypeError(
            "some elements are masked, and the stored array has no mask",
            hint="replace them with .filled(), or assign a masked array as a whole",
        )
    if isinstance(form, Items):
        return _items(value, form)
    if dtype.names is not None:
        return _rows(value, dtype, form if isinstance(form, Fields) else Fields({}))
    if ml_types.is_one(dtype):
        return _small_numbers(value, dtype)
    if dtype.kind == "O":
        return _variable_texts(value, form if isinstance(form, Text) else Text(None))
    if dtype.kind == "S":
        ascii_text = Text(dtype.itemsize, is_ascii=True)
        return _texts(value, dtype, form if isinstance(form, Text) else ascii_text)
    if dtype.kind == "V":
        return _opaque(value, dtype)
    return _numbers(value, dtype)


def unfit(given: Any, dtype: Any, why: str = "") -> UnsupportedTypeError:
    """Return the error for elements that cannot be stored."""
    return UnsupportedTypeError(
        f"elements of {given} do not fit the stored {dtype}{why and f' ({why})'}",
        hint="convert them, or assign the whole array",
    )


def any_masked(value: Any) -> bool:
    """Whether any element of a masked array, or any field of one, is masked."""
    if "numpy.ma" not in sys.modules:
        return False
    mask = np.ma.getmask(value) if isinstance(value, np.ma.MaskedArray) else np.ma.nomask
    return mask is not np.ma.nomask and b"\1" in np.asarray(mask).tobytes()


def _as_array(value: Any, dtype: np.dtype[Any], as_type: Any = None) -> AnyArray:
    try:
        return np.asarray(value, as_type)
    except (TypeError, ValueError, OverflowError) as error:
        raise unfit(f"a {type(value).__name__}", dtype, str(error)) from error


# -- numbers -------------------------------------------------------------------------------------


def _numbers(value: Any, dtype: np.dtype[Any]) -> AnyArray:
    array = _as_array(value, dtype)
    if array.dtype == dtype:
        return array
    if not array.size and not isinstance(value, np.ndarray):
        return array.astype(dtype)  # an empty list, which NumPy converts to float64
    if array.dtype.kind == "O":
        plain = _as_array(array.tolist(), dtype)
        array = plain if plain.shape == array.shape else array
    kinds = array.dtype.kind + dtype.kind
    if kinds in {"ii", "uu", "iu", "ui"}:
        fits = np.array_equal(array.astype(dtype), array)
    elif kinds == "UU":
        longest = int(np.strings.str_len(array).max(initial=0))
        fits = longest <= dtype.itemsize // np.dtype("U1").itemsize
    else:
        fits = np.can_cast(array.dtype, dtype, "same_kind") and _keeps(array, dtype)
    if not fits:
        raise unfit(array.dtype, dtype)
    return array.astype(dtype)


def _keeps(array: AnyArray, dtype: np.dtype[Any]) -> bool:
    """Whether elements keep their values as `dtype`, apart from the precision of floats."""
    with np.errstate(over="ignore", invalid="ignore"):
        cast_ = array.astype(dtype)
        if dtype.kind in "mM":
            return np.array_equal(cast_.astype(array.dtype), array, equal_nan=True)
        if array.dtype.kind in "iu" and dtype.kind in "fc":
            return np.array_equal(cast_.real.astype(np.longdouble), array.astype(np.longdouble))
        if dtype.kind in "fc":
            return np.array_equal(np.isfinite(cast_), np.isfinite(array))
    return True


def _small_numbers(value: Any, dtype: np.dtype[Any]) -> AnyArray:
    """Convert numbers to a dtype of ml_dtypes, for which NumPy knows no kinds."""
    array = _as_array(value, dtype)
    if array.dtype == dtype:
        return array
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            cast_ = array.astype(dtype)
            fits = ml_types.keeps(array, cast_)
    except (TypeError, ValueError) as error:
        raise unfit(array.dtype, dtype, str(error)) from error
    if not fits:
        raise unfit(array.dtype, dtype)
    return cast_


def _opaque(value: Any, dtype: np.dtype[Any]) -> AnyArray:
    """Convert opaque elements, of a fixed number of bytes."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "V":
        array = np.asarray(value)
        if array.dtype.names is None and array.dtype.itemsize == dtype.itemsize:
            return array.astype(dtype)
    else:
        objects = _as_array(value, dtype, object)
        raw = [i.tobytes() if isinstance(i, np.void) else i for i in objects.flat]
        if all(isinstance(i, bytes) and len(i) == dtype.itemsize for i in raw):
            return np.array(raw, dtype).reshape(objects.shape)
    raise unfit(f"a {type(value).__name__}", dtype, f"each element has {dtype.itemsize} bytes")


# -- strings -------------------------------------------------------------------------------------


def _texts(value: Any, dtype: np.dtype[Any], text: Text) -> AnyArray:
    """Convert fixed-width strings."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "SU":
        objects = _as_array(value, dtype, object)
        raw = [_encoded(item, dtype, text) for item in objects.flat]
        if any(item.endswith(b"\0") for item in raw):
            raise unfit("strings that end with a NUL", dtype)
        array = np.array(raw, f"S{max([1, *map(len, raw)])}").reshape(objects.shape)
    elif value.dtype.kind == "U":
        try:
            array = np.strings.encode(value, "ascii" if text.is_ascii else "utf-8")
        except UnicodeEncodeError as error:
            raise unfit(value.dtype, dtype, str(error)) from error
    else:
        array = value
    lengths = np.strings.str_len(array)
    most = dtype.itemsize if text.most is None else text.most
    longest = int(lengths.max(initial=0))
    if longest > most:
        raise unfit(f"{longest} bytes", dtype, f"the width is {most} bytes")
    if text.pad != b"\0" and bool(np.strings.endswith(array, text.pad).any()):
        raise unfit("strings that end with a space", dtype, "shorter strings are space-padded")
    if text.is_ended and longest:
        parts = np.ascontiguousarray(array).view(np.uint8).reshape(*array.shape, -1)
        if bool((np.count_nonzero(parts, axis=-1) < lengths).any()):
            raise unfit("strings with a NUL in them", dtype, "they are NUL-terminated")
    return array.astype(dtype)


def _encoded(item: Any, dtype: np.dtype[Any], text: Text) -> bytes:
    if isinstance(item, bytes):
        return bytes(item)
    if not isinstance(item, str):
        raise unfit(f"a {type(item).__name__}", dtype, "the elements are strings")
    try:
        return item.encode("ascii" if text.is_ascii else "utf-8")
    except UnicodeEncodeError as error:
        raise unfit("a str", dtype, str(error)) from error


def _variable_texts(value: Any, text: Text) -> AnyArray:
    """Convert variable-length strings, given as `str` or `bytes`."""
    dtype = np.dtype(object)
    given = _as_array(value, dtype, object)
    out = np.empty(given.shape, object)
    flat = out.reshape(-1)
    for index, item in enumerate(given.flat):
        if b"\0" in _encoded(item, dtype, text):
            raise unfit("strings with a NUL in them", "variable-length strings", "a NUL ends them")
        flat[index] = str(item) if isinstance(item, str) else bytes(item)
    return out


# -- variable-length elements --------------------------------------------------------------------


def _items(value: Any, items: Items) -> AnyArray:
    """Convert variable-length elements to an object array of new arrays."""
    base, inner = items.dtype.subdtype or (items.dtype, ())
    most = _depth_of(items)
    rows = bool(items.dtype.names)

    def is_item(one: Any) -> bool:
        if isinstance(one, np.ndarray) and not one.ndim:
            return False
        if isinstance(one, np.ndarray) and one.dtype.kind == "O" and not one.size:
            return one.ndim == 1 and items.dtype.kind == "O"
        return _depth(one, rows=rows) <= most

    shape, found = _listed(value, is_item)
    out = np.empty(shape, object)
    flat = out.reshape(-1)
    for index, item in enumerate(found):
        array = cast(item, base, items.form)
        if not array.size and array.ndim == 1:
            array = array.reshape(0, *inner)
        if array.ndim != 1 + len(inner) or array.shape[1:] != inner:
            raise unfit(
                f"a {type(item).__name__} of shape {array.shape}",
                f"arrays of {items.dtype}",
                "each has one axis",
            )
        flat[index] = np.array(array)
    return out


def _depth_of(items: Items) -> int:
    """Return the number of axes of an item, including nested items."""
    inner = items.dtype.subdtype[1] if items.dtype.subdtype else ()
    return 1 + len(inner) + (_depth_of(items.form) if isinstance(items.form, Items) else 0)


def _depth(value: Any, *, rows: bool) -> int:
    """Return the nesting depth of lists and arrays; with `rows`, tuples do not count as lists."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.ndim
    if not isinstance(value, list | np.ndarray) and (rows or not isinstance(value, tuple)):
        return 0
    return 1 + max((_depth(part, rows=rows) for part in value), default=0)


def _listed(value: Any, is_one: Callable[[Any], bool]) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape of nested lists (or arrays) of items, and the flat list of items.

    Args:
        value: an item, or a list.
        is_one: whether a value is an item.
    """
    if is_one(value):
        return (), [value]
    if isinstance(value, np.ndarray) and not value.ndim:
        return _listed(value[()], is_one)
    if not isinstance(value, list | tuple | np.ndarray):
        raise unfit(f"a {type(value).__name__}", "elements")
    parts = [_listed(part, is_one) for part in value]
    shapes = {shape for shape, _ in parts} or {()}
    if len(shapes) > 1:
        raise unfit("lists of different lengths", "elements")
    return (len(value), *shapes.pop()), [thing for _, things in parts for thing in things]


# -- compounds -----------------------------------------------------------------------------------


def _rows(value: Any, dtype: np.dtype[Any], fields: Fields) -> AnyArray:
    if isinstance(value, np.ndarray | np.void) and value.dtype.names is not None:
        array = np.asarray(value)
        if array.dtype == dtype and all(map(takes_any, fields.forms.values())):
            return array
        names = _matched(array.dtype.names or (), dtype)
        shape: tuple[int, ...] = array.shape
        columns: list[Any] = [array[name] for name in names]
    else:
        shape, rows = _listed(value, lambda one: not isinstance(one, list | np.ndarray))
        parsed = [_fields_of(row, dtype) for row in rows]
        columns = [[row[index] for row in parsed] for index in range(len(dtype.names or ()))]
    out = np.zeros(shape, dtype)  # zeros: HDF5 also writes the padding between fields
    for name, column in zip(dtype.names or (), columns, strict=True):
        try:
            out[name] = _column(column, shape, dtype[name], fields.forms.get(name))
        except UnsupportedTypeError as error:
            error.problem = f"the field {name!r}: {error.problem}"
            raise
    return out


def set_fields(rows: AnyArray, names: list[str], value: Any, form: Form | None) -> None:
    """Set some fields of a structured array.

    Args:
        rows: the array.
        names: the names of the fields.
        value: the values of one field, or rows of several fields.
        form: the form of the rows.

    Raises:
        UnsupportedTypeError: a value cannot be stored exactly, or a field does not exist.
    """
    for name in names:
        if name not in (rows.dtype.names or ()):
            raise UnsupportedTypeError(f"no such field: {name!r}", hint="see its dtype.names")
    forms = form.forms if isinstance(form, Fields) else {}
    if len(names) == 1:
        dtype = rows.dtype[names[0]]
        found = [cast(value, (dtype.subdtype or (dtype,))[0], forms.get(names[0]))]
    else:
        dtype = np.dtype([(name, rows.dtype[name]) for name in names])
        structured = cast(value, dtype, Fields({name: forms.get(name) for name in names}))
        found = [structured[name] for name in names]
    for name, values in zip(names, found, strict=True):
        try:
            rows[name][...] = values
        except ValueError as error:
            raise unfit(f"shape {values.shape}", f"elements of shape {rows[name].shape}") from error


def _matched(names: tuple[str, ...], dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Return the given field names, in the order of the stored fields."""
    stored = dtype.names or ()
    if set(names) == set(stored):
        return stored
    if len(names) == len(stored) and not set(names) & set(stored):
        return names  # by position, as in NumPy
    raise unfit(f"the fields {', '.join(names)}", f"fields {', '.join(stored)}")


def _fields_of(row: Any, dtype: np.dtype[Any]) -> list[Any]:
    """Return the fields of one row."""
    names = dtype.names or ()
    if isinstance(row, np.void) and row.dtype.names is not None:
        return [row[name] for name in _matched(row.dtype.names, dtype)]
    if isinstance(row, Mapping):
        if set(row) != set(names):
            given = ", ".join(map(str, row))
            raise unfit(f"the fields {given}", f"fields {', '.join(names)}")
        return [row[name] for name in names]
    if isinstance(row, tuple):
        if len(row) != len(names):
            raise unfit(f"a tuple of {len(row)}", f"{len(names)} fields")
        return list(row)
    if isinstance(row, numbers.Number):  # as in NumPy, a number sets all fields
        return [row] * len(names)
    raise unfit(f"a {type(row).__name__}", dtype, "a row must be a tuple")


def _column(
    column: Any, shape: tuple[int, ...], dtype: np.dtype[Any], form: Form | None
) -> AnyArray:
    """Convert one field of all rows.

    Args:
        column: an array of the field, or a list of its values in all rows.
        shape: the shape of the rows.
        dtype: the dtype of the field.
        form: the form of the field.
    """
    base, inner = dtype.subdtype or (dtype, ())
    if isinstance(column, np.ndarray):
        found = cast(column, base, form)
    elif inner or base.names is not None or isinstance(form, Items):
        found = np.zeros((len(column), *inner), base)
        for index, item in enumerate(column):
            one = cast(item, base, form)
            if one.shape not in {inner, ()}:
                raise unfit(f"shape {one.shape}", f"elements of shape {inner}")
            found[index] = one if inner or base.names else one[()]
        found = found.reshape((*shape, *inner))
    else:
        found = cast(column, base, form)
        if found.shape != (len(column),):
            raise unfit(f"shape {found.shape[1:]}", "scalar elements")
        found = found.reshape(shape)
    if found.shape != (*shape, *inner):
        raise unfit(f"shape {found.shape[len(shape) :]}", f"elements of shape {inner}")
    return found

"""Values given for elements of a stored array, as an array of its dtype. Nothing is cut."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from ..errors import UnsupportedTypeError

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
    """What a type of strings holds, of which NumPy's dtype does not tell all.

    Args:
        most: the bytes of the longest string; None for any length.
        is_ascii: a `str` is kept in ASCII, and not in UTF-8.
        pad: the byte with which shorter strings end: strings that end with it would lose it.
        is_ended: a NUL ends a string.
    """

    most: int | None
    is_ascii: bool = False
    pad: bytes = b"\0"
    is_ended: bool = False


@attrs.frozen
class Items:
    """Arrays of one axis and of any length: each is one element.

    Args:
        dtype: of their elements.
        form: the form of these.
    """

    dtype: np.dtype[Any]
    form: Form | None = None


@attrs.frozen
class Fields:
    """A compound, some of whose fields have a form.

    Args:
        forms: by the names of the fields.
    """

    forms: Mapping[str, Form | None]


Form = Text | Items | Fields
"""What is to be known of elements beside their dtype. None: nothing."""


def takes_any(form: Form | None) -> bool:
    """Whether every array of the stored dtype can be kept as it is."""
    return form is None or (isinstance(form, Text) and form.pad == b"\0" and not form.is_ended)


def cast(value: Any, dtype: np.dtype[Any], form: Form | None = None) -> AnyArray:
    """`value` as an array of `dtype`: of the same kind, and only if it fits.

    Args:
        value: an array, or what NumPy makes one of. Of a compound a row is a tuple, a mapping of
            its fields or `numpy.void`, and several are lists of these; an array of variable length
            is an array or a list of numbers, and several are arrays of objects or lists of these.
        dtype: of the stored elements.
        form: what else is known of these.

    Raises:
        UnsupportedTypeError: an element would not be what was given.
    """
    if any_masked(value):
        raise UnsupportedTypeError(
            "some elements are masked, and the stored array has no mask",
            hint="fill them in by .filled(), or assign a masked array as a whole",
        )
    if isinstance(form, Items):
        return _items(value, form)
    if dtype.names is not None:
        return _rows(value, dtype, form if isinstance(form, Fields) else Fields({}))
    if dtype.kind == "O":
        return _variable_texts(value, form if isinstance(form, Text) else Text(None))
    if dtype.kind == "S":
        ascii_text = Text(dtype.itemsize, is_ascii=True)
        return _texts(value, dtype, form if isinstance(form, Text) else ascii_text)
    if dtype.kind == "V":
        return _opaque(value, dtype)
    return _numbers(value, dtype)


def unfit(given: Any, dtype: Any, why: str = "") -> UnsupportedTypeError:
    """The error for elements that cannot be kept."""
    return UnsupportedTypeError(
        f"elements of {given} do not fit the stored {dtype}{why and f' ({why})'}",
        hint="convert them, or assign the whole array anew",
    )


def any_masked(value: Any) -> bool:
    """Whether an element of a masked array is masked, or a field of one."""
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
        return array.astype(dtype)  # an empty list, of which NumPy makes floats
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
    """Whether elements are still themselves as `dtype`, but for digits that a float has not."""
    with np.errstate(over="ignore", invalid="ignore"):
        cast_ = array.astype(dtype)
        if dtype.kind in "mM":
            return np.array_equal(cast_.astype(array.dtype), array, equal_nan=True)
        if array.dtype.kind in "iu" and dtype.kind in "fc":
            return np.array_equal(cast_.real.astype(np.longdouble), array.astype(np.longdouble))
        if dtype.kind in "fc":
            return np.array_equal(np.isfinite(cast_), np.isfinite(array))
    return True


def _opaque(value: Any, dtype: np.dtype[Any]) -> AnyArray:
    """Elements of so many bytes each, whatever these are."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "V":
        array = np.asarray(value)
        if array.dtype.names is None and array.dtype.itemsize == dtype.itemsize:
            return array.astype(dtype)
    else:
        objects = _as_array(value, dtype, object)
        raw = [i.tobytes() if isinstance(i, np.void) else i for i in objects.flat]
        if all(isinstance(i, bytes) and len(i) == dtype.itemsize for i in raw):
            return np.array(raw, dtype).reshape(objects.shape)
    raise unfit(f"a {type(value).__name__}", dtype, f"they are {dtype.itemsize} bytes each")


# -- strings -------------------------------------------------------------------------------------


def _texts(value: Any, dtype: np.dtype[Any], text: Text) -> AnyArray:
    """Strings of a fixed length, in bytes."""
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
        raise unfit(f"{longest} bytes", dtype, f"there is room for {most} bytes")
    if text.pad != b"\0" and bool(np.strings.endswith(array, text.pad).any()):
        raise unfit("strings that end with a blank", dtype, "blanks are what fills shorter ones up")
    if text.is_ended and longest:
        parts = np.ascontiguousarray(array).view(np.uint8).reshape(*array.shape, -1)
        if bool((np.count_nonzero(parts, axis=-1) < lengths).any()):
            raise unfit("strings with a NUL in them", dtype, "a NUL ends them there")
    return array.astype(dtype)


def _encoded(item: Any, dtype: np.dtype[Any], text: Text) -> bytes:
    if isinstance(item, bytes):
        return bytes(item)
    if not isinstance(item, str):
        raise unfit(f"a {type(item).__name__}", dtype, "its elements are strings")
    try:
        return item.encode("ascii" if text.is_ascii else "utf-8")
    except UnicodeEncodeError as error:
        raise unfit("a str", dtype, str(error)) from error


def _variable_texts(value: Any, text: Text) -> AnyArray:
    """Strings of any length, as `str` or `bytes`."""
    dtype = np.dtype(object)
    given = _as_array(value, dtype, object)
    out = np.empty(given.shape, object)
    flat = out.reshape(-1)
    for index, item in enumerate(given.flat):
        if b"\0" in _encoded(item, dtype, text):
            raise unfit("strings with a NUL in them", "strings of any length", "a NUL ends them")
        flat[index] = str(item) if isinstance(item, str) else bytes(item)
    return out


# -- arrays of variable length -------------------------------------------------------------------


def _items(value: Any, items: Items) -> AnyArray:
    """Each item an array of its own, which the caller cannot change any more."""
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
    """How many axes an item has, and what is in it."""
    inner = items.dtype.subdtype[1] if items.dtype.subdtype else ()
    return 1 + len(inner) + (_depth_of(items.form) if isinstance(items.form, Items) else 0)


def _depth(value: Any, *, rows: bool) -> int:
    """How deeply lists and arrays nest in a value; with `rows`, tuples are no lists."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.ndim
    if not isinstance(value, list | np.ndarray) and (rows or not isinstance(value, tuple)):
        return 0
    return 1 + max((_depth(part, rows=rows) for part in value), default=0)


def _listed(value: Any, is_one: Callable[[Any], bool]) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists (or arrays) of things, and all things.

    Args:
        value: a thing, or a list.
        is_one: whether a value is a thing.
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
        told = [_fields_of(row, dtype) for row in rows]
        columns = [[row[index] for row in told] for index in range(len(dtype.names or ()))]
    out = np.zeros(shape, dtype)  # HDF5 would write what lies between the fields
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
        names: of the fields.
        value: what they are set to: of one its values, of several rows of these.
        form: of the rows.

    Raises:
        UnsupportedTypeError: a value would not be what was given; or there is no such field.
    """
    for name in names:
        if name not in (rows.dtype.names or ()):
            raise UnsupportedTypeError(f"there is no field {name!r}", hint="see its dtype.names")
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
    """The names of fields that are given, in the order of those that are stored."""
    stored = dtype.names or ()
    if set(names) == set(stored):
        return stored
    if len(names) == len(stored) and not set(names) & set(stored):
        return names  # one by one, as NumPy does it
    raise unfit(f"the fields {', '.join(names)}", f"fields {', '.join(stored)}")


def _fields_of(row: Any, dtype: np.dtype[Any]) -> list[Any]:
    """The fields of one row."""
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
    if isinstance(row, numbers.Number):  # NumPy's way to set all fields
        return [row] * len(names)
    raise unfit(f"a {type(row).__name__}", dtype, "a row is a tuple")


def _column(
    column: Any, shape: tuple[int, ...], dtype: np.dtype[Any], form: Form | None
) -> AnyArray:
    """One field of all rows.

    Args:
        column: an array of the field, or a list with its value for each row.
        shape: of the rows.
        dtype: of the field.
        form: of the field.
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
            raise unfit(f"shape {found.shape[1:]}", "elements of no axes")
        found = found.reshape(shape)
    if found.shape != (*shape, *inner):
        raise unfit(f"shape {found.shape[len(shape) :]}", f"elements of shape {inner}")
    return found

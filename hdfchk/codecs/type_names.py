"""Readable names of types of stored values, determined from mark and form alone.

No element of an array is read; of a packed sequence, which is a text, only the beginning.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import HdfchkError
from ..tree import ARRAYS, Leaf, Mark
from . import dtypes, strings
from .packing import mark_from_text

__all__ = ["MOST_TEXT", "Outline", "Told", "told_of_group", "told_of_leaf", "told_of_object"]

MOST_TEXT = 4096
"""The number of bytes of a packed text that are inspected."""

AnyDType = np.dtype[Any]


class Outline(NamedTuple):
    """The properties of a stored object without its elements.

    Args:
        mark: its mark.
        shape: the lengths of the axes; None for a group, and for an empty dataset.
        dtype: the stored dtype; None for a group.
    """

    mark: Mark | None
    shape: tuple[int, ...] | None
    dtype: AnyDType | None


class Told(NamedTuple):
    """The description of a value.

    Args:
        kind: ``group`` (a live dict), ``array`` or ``value``.
        type: its Python type, in words.
        length: the length of a sequence or mapping, if known.
        shape: the shape of an array or a table.
        dtype: the dtype of an array or a NumPy scalar.
    """

    kind: Literal["group", "array", "value"]
    type: str
    length: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: AnyDType | None = None


Part = Callable[[str], Outline | None]
"""Returns the properties of a part of a value, by name."""
Text = Callable[[], str | None]
"""Returns the first `MOST_TEXT` bytes of a text; None if there is no text."""

_SEQUENCES = frozenset({"list", "tuple", "set", "frozenset", "deque"})
_MAPPINGS = frozenset({"dict", "OrderedDict", "Counter", "defaultdict"})
_BARE = ("pandas.", "xarray.", "numpy.random.")
"""Libraries whose types are named without their module."""
_BY_CLASS = frozenset(
    {"record", "result", "namespace", "sparse", "xarray.Variable", "numpy.random.BitGenerator"}
)
"""Encodings with a parameter for the class."""
_NAMES = {
    "Path": "Path",
    "masked": "masked array",
    "tzinfo": "time zone",
    "pandas.array": "pandas array",
    "jax.bits": "jax.Array",
    "jax.Key": "jax key",
    "astropy.MaskedQuantity": "astropy.Masked(Quantity)",
}
_IN_BYTES = frozenset({"item", "numpy", "bytes", "bytearray", "array.array", "memoryview"})
"""Encodings, or their parameters, whose dataset has as many bytes as the value."""
_ITEMS = {bool: "bool", int: "int", float: "float", str: "str", type(None): "None"}
_WRONG = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""The errors of invalid parameters: they are reported when the value is read."""
_MARK_IN_TEXT = r'\{"\$":("(?:[^"\\]|\\.)*")'


def named(mark: Mark) -> str:
    """Return the name of the type of an encoding, from the mark alone."""
    name, cls = mark.name, mark.params.get("class")
    if name == "Path" and isinstance(cls, str) and cls.startswith("Pure"):
        return cls
    if name in _BY_CLASS and isinstance(cls, str):
        return re.split(r"[.:]", cls)[-1]
    if name.startswith("torch.") and isinstance(cls, str):
        return f"torch.{cls}"
    if name == "numpy":
        return _numpy_scalar(mark.params.get("dtype"))
    if name in _NAMES:
        return _NAMES[name]
    for library in _BARE:
        if name.startswith(library):
            return name.removeprefix(library)
    return name


def _numpy_scalar(spec: Any) -> str:
    if spec in ("U", "S"):
        return "numpy.str_" if spec == "U" else "numpy.bytes_"
    try:
        return scalar_name(dtypes.rebuild(spec))
    except HdfchkError:
        return "numpy scalar"


def scalar_name(dtype: AnyDType) -> str:
    """Return the name of the scalars of a dtype."""
    if dtype.kind == "O":
        return "str"
    library = dtype.type.__module__.partition(".")[0]
    return f"{library}.{dtype.type.__name__}"


def told_of_object(value: Any) -> Told:
    """Describe a Python object that a backend stores unchanged."""
    if value is None:
        return Told("value", "None")
    if isinstance(value, np.generic):
        return Told("value", scalar_name(value.dtype), dtype=value.dtype)
    length = len(value) if isinstance(value, (Sequence, set, frozenset, dict)) else None
    return Told("value", type(value).__qualname__, length)


def told_of_leaf(outline: Outline, text: Text) -> Told:
    """Describe a value that is stored as one dataset.

    Args:
        outline: the outline of the dataset, or the stored scalar.
        text: returns its beginning, if it is a text.
    """
    mark, shape, dtype = outline
    if mark is None:
        return _unmarked(shape, dtype)
    try:
        return _marked(mark, shape, dtype, text)
    except HdfchkError:
        raise
    except _WRONG:
        return Told("value", mark.name)


def _marked(mark: Mark, shape: tuple[int, ...] | None, dtype: AnyDType | None, text: Text) -> Told:
    if mark.name in ARRAYS or mark.name in {"torch.Tensor", "jax.bits"}:
        return _array(mark, shape, dtype)
    if mark.name == "packed":
        return _packed(text())
    item = mark.params.get("item")
    if mark.name in _SEQUENCES and isinstance(item, str):
        return _sequence(mark.name, item, shape, dtype)
    if mark.name in {"array.array", "memoryview", "bytes", "bytearray"}:
        return Told("value", named(mark), shape[0] if shape else None)
    if mark.name == "numpy":
        is_text = mark.params.get("dtype") in ("U", "S")
        return Told("value", named(mark), dtype=None if is_text else _dtype_of(mark, dtype))
    if mark.name == "constant":
        return Told("value", text() or "constant")
    if mark.name == "masked":
        return Told("value", "masked")
    if mark.name == "dtype":
        return Told("value", "dtype")
    return Told("value", named(mark))


def _unmarked(shape: tuple[int, ...] | None, dtype: AnyDType | None) -> Told:
    if shape is None or dtype is None:
        return Told("value", "None")
    if shape == ():
        return Told("value", scalar_name(dtype), dtype=dtype)
    return Told("array", "ndarray", shape[0], shape, dtype)


def _dtype_of(mark: Mark, dtype: AnyDType | None) -> AnyDType | None:
    """Return the dtype in a mark, if it can be created here."""
    spec = mark.params.get("dtype")
    if spec is None or spec in ("U", "S") or mark.name == "torch.Tensor":
        return dtype
    try:
        if isinstance(spec, dict) and "string" in spec:
            made: AnyDType = strings.rebuild(spec["string"])
            return made
        return dtypes.rebuild(spec)
    except (HdfchkError, TypeError, ValueError, KeyError):
        return dtype


def _array(mark: Mark, shape: tuple[int, ...] | None, dtype: AnyDType | None) -> Told:
    own = _dtype_of(mark, dtype)
    named_shape = mark.params.get("shape")
    if isinstance(named_shape, list):
        shape = tuple(named_shape)
    elif own is not None and own.kind == "U" and dtype is not None and dtype.kind == "u" and shape:
        shape = shape[:-1]  # code points, with an additional axis
    cls = mark.params.get("class")
    name = cls if mark.name == "ndarray" and isinstance(cls, str) else named(mark)
    return Told("array", name, shape[0] if shape else None, shape, own)


def _sequence(name: str, item: str, shape: tuple[int, ...] | None, dtype: AnyDType | None) -> Told:
    if item == "numpy":
        item = "numpy scalars" if dtype is None else scalar_name(dtype)
    inner = "lists of " * (len(shape or ()) - 1)
    return Told("value", f"{name} of {inner}{item}", shape[0] if shape else None)


def _packed(text: str | None) -> Told:
    """Describe a packed sequence, from the beginning of its text."""
    if text is None:
        return Told("value", "list")
    try:
        item = json.loads(text)
    except (ValueError, RecursionError):  # only its beginning is known
        found = re.match(_MARK_IN_TEXT, text)
        if found is None:
            return Told("value", "list" if text.startswith("[") else "dict")
        return _of_mark_in_text(mark_from_text(json.loads(found[1])), None)
    if isinstance(item, list):
        kinds = {_kind_of_item(part) for part in item}
        inner = f" of {kinds.pop()}" if len(kinds) == 1 and "" not in kinds else ""
        return Told("value", f"list{inner}", len(item))
    if not isinstance(item, dict) or not isinstance(item.get("$"), str) or not item["$"]:
        return Told("value", "value")
    items = item.get("items")
    return _of_mark_in_text(
        mark_from_text(item["$"]), len(items) if isinstance(items, list) else None
    )


def _kind_of_item(item: Any) -> str:
    """Return the type of an item of a packed list; empty if it is more complex."""
    if not isinstance(item, dict):
        return _ITEMS.get(type(item), "list")
    text = item.get("$", "dict")
    if text in {"array", "float", "complex"}:
        return "ndarray" if text == "array" else str(text)
    return named(mark_from_text(text)) if isinstance(text, str) and "/" in text else ""


def _of_mark_in_text(mark: Mark, count: int | None) -> Told:
    if mark.name == "ndarray":
        return _array(mark, None, np.dtype(object))
    if mark.name in _MAPPINGS:
        return Told("value", named(mark), None if count is None else count // 2)
    return Told("value", named(mark), count if mark.name in _SEQUENCES else None)


def told_of_group(mark: Mark | None, names: Sequence[str], part: Part, text: Text) -> Told:
    """Describe a value that is stored as a group, and is not a live dict.

    Args:
        mark: the mark of the group.
        names: the names of its parts.
        part: returns the properties of a part; of a part of a part by ``"index/values"``.
        text: returns the beginning of the part ``items``, if it is a text.
    """
    if mark is None:
        return _older(names, part)
    try:
        return _marked_group(mark, names, part, text)
    except HdfchkError:
        raise
    except _WRONG:
        return Told("value", mark.name)


def _marked_group(mark: Mark, names: Sequence[str], part: Part, text: Text) -> Told:
    if mark.name == "packed":
        return _packed(text())
    if mark.name == "ragged":
        offsets = part("offsets")
        count = offsets.shape[0] - 1 if offsets is not None and offsets.shape else None
        return Told("value", f"{mark.params.get('class', 'list')} of ndarray", count)
    if mark.name in _MAPPINGS:
        beside = int(mark.params.get("attributes") in names)
        return Told("value", mark.name, len(names) - beside)
    if mark.name in {"masked", "astropy.MaskedQuantity"}:
        return _masked(mark, part)
    if mark.name == "sparse":
        shape = tuple(mark.params.get("shape", ()))
        data = part("data")
        return Told(
            "array", named(mark), None, shape, None if data is None else _dtype_of(mark, data.dtype)
        )
    if mark.name in {"pandas.DataFrame", "polars.DataFrame"}:
        return _frame(mark, names, part)
    if mark.name in {"pandas.Series", "pandas.Index"}:
        return Told("value", named(mark), _rows(mark, "", part))
    return Told("value", named(mark))


def _masked(mark: Mark, part: Part) -> Told:
    data = part("data")
    if data is None:
        return Told("array", named(mark))
    told = _array(data.mark or Mark("ndarray"), data.shape, data.dtype)
    return Told("array", named(mark), told.length, told.shape, told.dtype)


def _frame(mark: Mark, names: Sequence[str], part: Part) -> Told:
    """Describe a DataFrame, with its numbers of rows and columns."""
    name = named(mark)
    if mark.name == "pandas.DataFrame":
        rows, columns = _rows(mark, "index", part), _rows(mark, "columns", part)
        if rows is None:  # an index that ends with the rows
            rows = _rows(mark, "column0", part)
    else:
        return Told("value", name)
    if rows is None or columns is None:
        return Told("value", name, rows)
    return Told("value", f"{name} {rows} × {columns}", rows, (rows, columns))


_FIRST_PARTS = ("values", "codes0", "codes", "data", "utc", "ordinals", "items", "texts", "left")


def _rows(mark: Mark, where: str, part: Part, depth: int = 0) -> int | None:
    """Return the length of an index, a column, or a part of these."""
    here = part(where) if where else Outline(mark, None, None)
    if here is None or depth > 4:
        return None
    if here.shape is not None:
        return here.shape[0] if here.shape else None
    if here.mark is not None and isinstance(bounds := here.mark.params.get("range"), list):
        try:
            return len(range(*bounds))
        except TypeError:  # it has no end of its own
            return None
    for name in _FIRST_PARTS:
        inner = f"{where}/{name}" if where else name
        if part(inner) is not None:
            return _rows(mark, inner, part, depth + 1)
    return None


def _older(names: Sequence[str], part: Part) -> Told:
    """Describe a group of the older checkpointer."""
    if "_list_numitems" in names:
        return Told("value", "list", sum(name.startswith("_list_item_") for name in names))
    if "pseudopickle_protocol" in names:
        return Told("value", "object")
    data = part("_data")
    return Told("value", "object") if data is None else told_of_leaf(data, lambda: None)


def nbytes_of(told: Told, outline: Outline) -> int | None:
    """Return the size of a value in memory, if its form determines it.

    Args:
        told: its description.
        outline: the outline of its dataset.
    """
    mark = outline.mark
    if told.kind == "value" and mark is not None and not (_IN_BYTES & {mark.name, *mark.params}):
        return None  # it is stored as text, or in parts that differ from those in memory
    dtype = told.dtype if told.kind == "array" else outline.dtype
    shape = told.shape if told.kind == "array" else outline.shape
    if dtype is None or shape is None or dtype.hasobject:
        return None
    return math.prod(shape) * dtype.itemsize


def leaf_outline(leaf: Leaf) -> Outline:
    """Return the outline of a leaf in memory."""
    data = leaf.data
    if isinstance(data, np.ndarray):
        return Outline(leaf.mark, data.shape, data.dtype)
    return Outline(leaf.mark, None, None)

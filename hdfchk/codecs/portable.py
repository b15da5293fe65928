"""Stored forms for backends that cannot store everything natively, and full marking.

Codecs use the types of HDF5. A backend without some of them declares this in its `Capabilities`;
then the tree is lowered: unsupported data are converted to a supported form, with the mark
``lowered``.
"""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import numpy as np

from ..tree import Branch, Leaf, Mark, Node, params_of
from . import dtypes
from .codec import Codec, Decoder, no_value
from .packing import KEY, mark_from_text, mark_to_text

__all__ = ["CODECS", "NATIVE", "Capabilities", "lower", "own_mark"]


@attrs.frozen(repr=False)
class Capabilities:
    """The types that a backend stores natively.

    Args:
        null: empty (null) datasets, for None.
        complex_numbers: complex numbers.
        longdouble: floats of more than 64 bits.
        variable_strings: variable-length strings.
        mark_all: every node must have a mark, because the backend does not preserve types.
    """

    null: bool = True
    complex_numbers: bool = True
    longdouble: bool = True
    variable_strings: bool = True
    mark_all: bool = False


NATIVE = Capabilities()
"""The capabilities of a backend that supports everything in a tree."""


def lower(node: Node, capabilities: Capabilities) -> Node:
    """Return the same tree, in forms that the backend supports."""
    if isinstance(node, Branch):
        children = {name: lower(child, capabilities) for name, child in node.children.items()}
        mark = node.mark or (Mark("dict") if capabilities.mark_all else None)
        return Branch(children, mark)
    if not isinstance(node, Leaf):
        return node
    lowered = _lower_data(node.data, capabilities)
    if lowered is not None:
        data, params = lowered
        if node.mark is not None:
            params["mark"] = mark_to_text(node.mark)
            if KEY in node.mark.params:
                params[KEY] = node.mark.params[KEY]
        return Leaf(data, Mark("lowered", 1, params))
    if node.mark is None and capabilities.mark_all:
        return Leaf(node.data, own_mark(node))
    return node


def own_mark(node: Node) -> Mark:
    """Return the mark of a node, or, if it needs none, an explicit mark of its type."""
    if node.mark is not None:
        return node.mark
    if isinstance(node, Leaf):
        return Mark(_own_name(node.data), 1, _own_params(node.data))
    return Mark("dict")


def _own_name(data: Any) -> str:
    if not isinstance(data, np.ndarray):
        return type(data).__name__ if data is not None else "None"
    return "ndarray" if data.ndim else "numpy"


def _own_params(data: Any) -> dict[str, Any]:
    return {"dtype": dtypes.describe(data.dtype)} if isinstance(data, np.ndarray) else {}


def _lower_data(data: Any, can: Capabilities) -> tuple[Any, dict[str, Any]] | None:
    if data is None:
        return None if can.null else ("None", {"form": "null"})
    if isinstance(data, complex) and not can.complex_numbers:
        return np.array([data.real, data.imag]), {"form": "complex"}
    if not isinstance(data, np.ndarray):
        return None
    if data.dtype.kind == "O":
        if can.variable_strings:
            return None
        joined = "".join(data.ravel().tolist()).encode()
        ends = np.cumsum([len(item.encode()) for item in data.ravel().tolist()], dtype=np.int64)
        text = np.concatenate([ends, np.frombuffer(joined, np.uint8).astype(np.int64)])
        return text, {"form": "strings", "shape": list(data.shape)}
    wide = _has(data.dtype, lambda dtype: dtype.kind in "fc" and dtype.char in "gG")
    pairs = _has(data.dtype, lambda dtype: dtype.kind == "c")
    if (wide and not can.longdouble) or (pairs and not can.complex_numbers):
        raw = np.frombuffer(data.tobytes(), np.uint8)
        spec = {"form": "raw", "dtype": dtypes.describe(data.dtype), "shape": list(data.shape)}
        return raw, spec
    return None


def _has(dtype: np.dtype[Any], test: Any) -> bool:
    if dtype.subdtype is not None:
        return _has(dtype.subdtype[0], test)
    if dtype.fields is not None:
        return any(_has(field[0], test) for field in dtype.fields.values())
    return bool(test(dtype))


def _restore_data(data: Any, params: Any) -> Any:
    form = params["form"]
    if form == "null":
        return None
    if form == "complex":
        return complex(float(data[0]), float(data[1]))
    shape = tuple(params["shape"])
    if form == "raw":
        raw = bytearray(np.asarray(data, np.uint8).tobytes())
        return np.frombuffer(raw, dtypes.rebuild(params["dtype"])).reshape(shape)
    count = int(np.prod(shape))
    text = np.asarray(data[count:], np.uint8).tobytes()
    ends = [0, *np.asarray(data[:count]).tolist()]
    objects = np.empty(count, object)
    objects[:] = [text[a:b].decode() for a, b in itertools.pairwise(ends)]
    return objects.reshape(shape)


def _decode(node: Leaf, decoder: Decoder) -> Any:
    params = params_of(node)
    mark = mark_from_text(params["mark"]) if "mark" in params else None
    return decoder.decode(Leaf(_restore_data(node.data, params), mark))


CODECS = (Codec("lowered", (), no_value, _decode),)

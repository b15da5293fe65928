"""Codecs of SciPy sparse arrays and matrices, stored as the arrays of each format."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder, without_attributes
from .optional import need

__all__ = ["CODECS", "from_parts"]

_PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "dia": ("data", "offsets"),
    "lil": ("rows", "data"),
}
_ATTRIBUTES = (
    *("_shape", "maxprint", "data", "indices", "indptr", "offsets", "rows", "coords", "dtype"),
    *("_dict", "has_canonical_format", "_has_canonical_format", "_has_sorted_indices"),
)


def _encode(value: Any, encoder: Encoder) -> Node:
    params: dict[str, Any] = {"class": type(value).__name__, "shape": list(value.shape)}
    layout = value.format
    if layout == "coo":
        parts = {"data": value.data}
        parts |= {f"coords{axis}": item for axis, item in enumerate(value.coords)}
        params["canonical"] = bool(value.has_canonical_format)
    elif layout == "dok":
        items = list(value.items())
        keys = np.array([key for key, _ in items], np.int64).reshape(len(items), value.ndim)
        parts = {"keys": keys, "data": np.array([item for _, item in items], value.dtype)}
    else:
        parts = {name: getattr(value, name) for name in _PARTS[layout]}
        if layout == "lil":
            params["dtype"] = value.dtype.str
    return encoder.branch(value, parts, Mark("sparse", 1, params))


def _decode(node: Branch, decoder: Decoder) -> Any:
    params = params_of(node)
    sparse = need("scipy.sparse", "a sparse array")
    cls, shape = getattr(sparse, _class_name(params["class"])), tuple(params["shape"])
    parts = decoder.fields(node)
    layout = params["class"][:3]
    if layout == "coo":
        coords = tuple(parts[f"coords{axis}"] for axis in range(len(shape)))
        value = cls((parts["data"], coords), shape=shape)
        value.coords = coords  # the constructor may choose another index dtype
        value.has_canonical_format = params["canonical"]
        return value
    if layout == "dok":
        value = cls(shape, dtype=parts["data"].dtype)
        for key, item in zip(parts["keys"].tolist(), parts["data"], strict=True):
            value[tuple(key) if len(key) > 1 else key[0]] = item
        return value
    if layout == "lil":
        value = cls(shape, dtype=np.dtype(params["dtype"]))
        value.rows, value.data = parts["rows"], parts["data"]
        return value
    return from_parts(params["class"], parts, shape)


def from_parts(name: str, parts: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """Return a csr, csc, bsr or dia array from its parts.

    Args:
        name: the name of its class.
        parts: its arrays, by name.
        shape: its shape.
    """
    sparse = need("scipy.sparse", "a sparse array")
    names = _PARTS[name[:3]]
    value = getattr(sparse, _class_name(name))(tuple(parts[part] for part in names), shape=shape)
    for part in names[1:]:  # the constructor may choose another index dtype
        setattr(value, part, parts[part])
    return value


def _class_name(name: str) -> str:
    """Check that a name in a file is that of a sparse array class."""
    layout, _, kind = name.partition("_")
    if layout not in {*_PARTS, "coo", "dok"} or kind not in {"array", "matrix"}:
        raise ValueError(f"{name!r} is not a sparse array")
    return name


CODECS = (
    Codec(
        "sparse",
        tuple(
            f"scipy.{layout}_{kind}"
            for layout in ("csr", "csc", "bsr", "dia", "lil", "coo", "dok")
            for kind in ("array", "matrix")
        ),
        without_attributes(_encode, *_ATTRIBUTES),
        _decode,
    ),
)

"""Codecs of xarray Variable, DataArray and Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS"]


def _xarray() -> Any:
    return need("xarray", "an xarray object")


def _encode_variable(value: Any, encoder: Encoder) -> Node:
    if type(value).__name__ == "IndexVariable":
        # An index has pandas dtypes only; a variable may also have NumPy string dtypes.
        data: Any = value.to_index() if value.dtype.kind == "O" else value.values
    else:
        data = value.data
        if not isinstance(data, np.ndarray):
            is_lazy = hasattr(data, "compute")
            encoder.refuse(
                value,
                f"over a {type(data).__name__}",
                "call .load() or .compute() first"
                if is_lazy
                else "make its data a NumPy array, with its units, mask or fill value in .attrs",
            )
    parts = {"dims": tuple(value.dims), "data": data, "attrs": dict(value.attrs)}
    if value.encoding:
        parts["encoding"] = dict(value.encoding)
    return encoder.branch(value, parts, Mark("xarray.Variable", 1, {"class": type(value).__name__}))


def _decode_variable(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    params = params_of(node)
    xr = _xarray()
    cls = xr.IndexVariable if params["class"] == "IndexVariable" else xr.Variable
    return cls(parts["dims"], parts["data"], parts["attrs"], parts.get("encoding"))


def _plain_indexes(value: Any, encoder: Encoder) -> list[Any]:
    """Return the coordinates with an index; reject indexes other than pandas indexes."""
    for name, index in value.xindexes.items():
        if type(index).__name__ != "PandasIndex":
            encoder.refuse(
                value, f"with a {type(index).__name__} on {name!r}", "call reset_index() first"
            )
    return list(value.xindexes)


def _encode_dataset(value: Any, encoder: Encoder) -> Node:
    parts = {
        "names": list(value.variables),
        "coords": list(value.coords),
        "indexed": _plain_indexes(value, encoder),
        "attrs": dict(value.attrs),
    }
    parts |= {f"variable{n}": value.variables[name] for n, name in enumerate(parts["names"])}
    if value.encoding:
        parts["encoding"] = dict(value.encoding)
    return encoder.branch(value, parts, Mark("xarray.Dataset"))


def _decode_dataset(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    xr = _xarray()
    variables = {name: parts[f"variable{n}"] for n, name in enumerate(parts["names"])}
    coords = {name: variables[name] for name in parts["coords"]}
    data = {name: item for name, item in variables.items() if name not in coords}
    dataset = xr.Dataset(data, _coordinates(coords, parts["indexed"]), parts["attrs"])
    dataset.encoding = parts.get("encoding", {})
    return dataset


def _coordinates(variables: dict[Any, Any], indexed: list[Any]) -> Any:
    """Return coordinates, of which those named have a pandas index."""
    xr = _xarray()
    plain = need("xarray.indexes", "an xarray object").PandasIndex
    indexes = {}
    for name in indexed:
        variable = variables[name]
        indexes[name] = plain(variable.to_index(), variable.dims[0], coord_dtype=variable.dtype)
    return xr.Coordinates(variables, indexes=indexes)


def _encode_array(value: Any, encoder: Encoder) -> Node:
    parts = {
        "name": value.name,
        "variable": value.variable,
        "names": list(value.coords),
        "indexed": _plain_indexes(value, encoder),
    }
    parts |= {f"variable{n}": value.coords[name].variable for n, name in enumerate(parts["names"])}
    return encoder.branch(value, parts, Mark("xarray.DataArray"))


def _decode_array(node: Branch, decoder: Decoder) -> Any:
    parts = decoder.fields(node)
    xr = _xarray()
    coords = {name: parts[f"variable{n}"] for n, name in enumerate(parts["names"])}
    variable = parts["variable"]
    array = xr.DataArray(
        variable.data,
        _coordinates(coords, parts["indexed"]),
        variable.dims,
        parts["name"],
        variable.attrs,
    )
    array.encoding = variable.encoding
    return array


CODECS = (
    Codec(
        "xarray.Variable",
        ("xarray.Variable", "xarray.IndexVariable"),
        _encode_variable,
        _decode_variable,
    ),
    Codec("xarray.DataArray", ("xarray.DataArray",), _encode_array, _decode_array),
    Codec("xarray.Dataset", ("xarray.Dataset",), _encode_dataset, _decode_dataset),
)

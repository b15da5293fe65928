"""Codec of unyt arrays and quantities."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import UNITS, Leaf, Node, params_of
from .arrays import decode_array, encode_as
from .codec import Codec, Decoder, Encoder
from .optional import need
from .scalars import is_plain_text

__all__ = ["CODECS"]


def _unyt() -> Any:
    return need("unyt", "a unyt array", "its values by chk.array(key) or h5py")


def _unit(text: str) -> Any:
    unit = _unyt().Unit
    return unit() if text == "dimensionless" else unit(text)


def _text_of(value: Any, encoder: Encoder) -> str:
    """Return the text from which unyt makes the same units again."""
    text = str(value.units)
    try:
        made = _unit(text)
        same = made.expr == value.units.expr and made.base_value == value.units.base_value
        same = same and made.base_offset == value.units.base_offset
        same = same and made.dimensions == value.units.dimensions
    except Exception:  # a unit of a registry of the user's may raise anything
        same = False
    if not same:
        encoder.refuse(
            value,
            f"whose units {text!r} unyt cannot read from text",
            "convert it with .to(units) to units that unyt.Unit(text) knows",
        )
    return text


def _encode(value: Any, encoder: Encoder) -> Node:
    more = sorted(set(vars(value)) - {"units", "name"})
    if more:
        encoder.refuse(value, f"with the attribute {more[0]!r}", "store it under a key of its own")
    params: dict[str, Any] = {UNITS: _text_of(value, encoder), "kind": type(value).__name__}
    if value.name is not None:
        if type(value.name) is not str or not is_plain_text(value.name):
            encoder.refuse(value, f"whose name is {value.name!r}", "give it a str as its name")
        params["name"] = value.name
    leaf = encode_as("unyt.array", value.view(np.ndarray), encoder, **params)
    if leaf is None:
        encoder.refuse(value, f"of {value.dtype}", "convert its values to numbers with .astype()")
    return leaf


def _decode(node: Leaf, decoder: Decoder) -> Any:
    unyt, array, params = _unyt(), decode_array(node, decoder), params_of(node)
    value = array.view(unyt.unyt_quantity if params["kind"] == "unyt_quantity" else unyt.unyt_array)
    value.units = _unit(params[UNITS])
    value.name = params.get("name")
    return value


CODECS = (Codec("unyt.array", ("unyt.unyt_array", "unyt.unyt_quantity"), _encode, _decode),)

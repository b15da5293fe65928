"""Codec of unyt arrays and quantities."""

from __future__ import annotations

import keyword
import re
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


_NUMBER = r"\d{1,400}(?:\.\d*)?(?:e[+-]?\d{1,3})?(?!\w)"
_EXPONENT = r"(?:\d{1,3}(?:\.\d*)?|\(-?\d{1,3}(?:\.\d*)?(?:/\d{1,3})?\))"
_TOKEN = re.compile(
    rf" *(?:(?P<name>[^\W\d]\w*|°\w+|%)|{_NUMBER}|\*\*{_EXPONENT}(?! *\*\*|\w)|\*(?!\*)|[/()-]) *"
)
_MOST_CHARACTERS = 1000
_SYMBOL = "(dimensionless)"
"""The units that unyt creates from the text; it treats those of pure numbers differently."""
_NOT_UNITS = frozenset({"Symbol", "Integer", "Float", "Rational", *keyword.kwlist})


def _require_product(text: str) -> None:
    """Reject a text that is not a product of powers of names and numbers.

    unyt parses the text with sympy, which evaluates it in Python: a file could run any code, or
    compute powers until memory is exhausted.

    Raises:
        ValueError: it is something else.
    """
    place = 0
    while place < len(text) <= _MOST_CHARACTERS:
        token = _TOKEN.match(text, place)
        if token is None:
            break
        name, place = token["name"], token.end()
        is_call = text[place : place + 1] == "("
        if name in _NOT_UNITS or (name is not None and is_call and name != "sqrt"):
            break
    else:
        if len(text) <= _MOST_CHARACTERS:
            return
    raise ValueError(f"{text[:80]!r} is not a product of powers of units")


def _unit(text: str) -> Any:
    unit = _unyt().Unit
    if text == "dimensionless":
        return unit()
    if text == _SYMBOL:
        return unit("dimensionless")
    text = text.replace("Δ°", "delta_deg")  # which unyt writes, but does not read
    _require_product(text)
    return unit(text)


def _text_of(value: Any, encoder: Encoder) -> str:
    """Return the text from which unyt creates the same units."""
    text = str(value.units)
    if text == "dimensionless" and value.units.is_atomic:
        text = _SYMBOL
    try:
        made = _unit(text)
        same = made.expr == value.units.expr and made.base_value == value.units.base_value
        same = same and made.base_offset == value.units.base_offset
        same = same and made.dimensions == value.units.dimensions
    except Exception:  # a unit of a custom registry may raise any error
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

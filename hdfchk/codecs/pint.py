"""Codec of pint quantities of the application's registry."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..tree import UNITS, Branch, Leaf, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder
from .optional import need
from .packing import mark_from_text, mark_to_text

__all__ = ["CODECS"]


_MOST_CHARACTERS = 1000
_POWER_OF_NUMBER = re.compile(r"(?:(?<![\w.])[\d.]+(?:[eE][+-]?\d+)?|\))\s*(?:\*\*|\^)")
_CACHED = ("_dimensionality",)


def _pint() -> Any:
    return need("pint", "a pint quantity", "its values by chk.array(key) or h5py")


def _text_of(value: Any, encoder: Encoder) -> str:
    """Return the text from which the application's registry creates the same units."""
    registry = _pint().get_application_registry()
    its = value._REGISTRY  # noqa: SLF001  there is no public name
    if its is not registry and its is not registry.get():
        encoder.refuse(
            value,
            "of another registry than the application's",
            "call pint.set_application_registry(registry), here and where it is read",
        )
    cls = type(value)
    encoder.refuse_attributes(value, {"_magnitude", "_units", *vars(cls(1, value.units)), *_CACHED})
    items = sorted(value.unit_items())
    exact = " * ".join(f"{name} ** {exponent!r}" for name, exponent in items)
    text = exact
    try:
        text = f"{value.units:D}"  # which has fewer digits
        if not _reads(text, items):
            text = exact
        same = _reads(text, items)
    except Exception:  # a unit of any name may raise any error
        same = False
    if not same:
        encoder.refuse(
            value,
            f"whose units {text!r} pint cannot read from text",
            "convert it with .to(units)",
        )
    return text


def _units(text: str) -> Any:
    """Return the units that the application's registry creates from a text."""
    if len(text) > _MOST_CHARACTERS:  # pint has a call for each operator
        raise ValueError(f"units of {len(text)} characters")
    if _POWER_OF_NUMBER.search(text):  # which may take all the memory
        raise ValueError(f"a power of a number in the units {text!r}")
    return _pint().get_application_registry().parse_units(text)


def _reads(text: str, items: list[Any]) -> bool:
    made = _pint().get_application_registry().Quantity(1, _units(text))
    return sorted(made.unit_items()) == items


def _encode(value: Any, encoder: Encoder) -> Node:
    params: dict[str, Any] = {UNITS: _text_of(value, encoder)}
    if type(value) is _pint().Quantity:
        params["of"] = "pint"  # and not the registry's own class
    node = encoder.encode(value.magnitude)
    if not isinstance(node, Leaf):
        return Branch({"magnitude": node}, Mark("pint.Quantity", 1, params))
    if node.mark is not None and node.mark.name == "ndarray":
        params = {**params_of(node), **params}
    elif node.mark is not None or not isinstance(value.magnitude, np.ndarray):
        params["magnitude"] = "" if node.mark is None else mark_to_text(node.mark)
    return Leaf(node.data, Mark("pint.Quantity", 1, params), node.inline)


def _decode(node: Leaf | Branch, decoder: Decoder) -> Any:
    params = params_of(node)
    if isinstance(node, Branch):
        magnitude = decoder.fields(node)["magnitude"]
    else:
        mark: Mark | None = Mark("ndarray", 1, params)
        if "magnitude" in params:
            mark = mark_from_text(params["magnitude"]) if params["magnitude"] else None
        magnitude = decoder.decode(Leaf(node.data, mark))
    registry = _pint().get_application_registry()
    units = _units(params[UNITS])
    cls = _pint().Quantity if params.get("of") == "pint" else registry.Quantity
    return cls(magnitude, units)


CODECS = (Codec("pint.Quantity", ("pint.Quantity",), _encode, _decode),)

"""Plain data as a flat list of numbers and texts, in which all tools can be compared."""

from __future__ import annotations

import json
import math
from typing import Any

import attrs
import numpy as np

from .forms import Either, Json


@attrs.frozen
class Text:
    """A text that a reader found."""

    text: str


@attrs.frozen
class Number:
    """A number that a reader found, as it wrote it."""

    text: str


Leaf = Text | Number


def leaves(item: Any) -> list[Any]:
    """The numbers and texts of a value in C order; complex numbers are two, booleans 0 or 1."""
    if isinstance(item, np.ndarray):
        item = item.tolist()
    if isinstance(item, list | tuple):
        return [leaf for inner in item for leaf in leaves(inner)]
    if isinstance(item, complex | np.complexfloating):
        return [float(item.real), float(item.imag)]
    if isinstance(item, bool | np.bool_):
        return [int(item)]
    if isinstance(item, np.generic):
        return leaves(item.tolist()) if not isinstance(item, np.longdouble) else [float(item)]
    if isinstance(item, bytes):
        return [item.decode()]
    return [item]


def compare(wanted: Any, found: list[Leaf]) -> str:
    """What is wrong with what was found: "" if nothing is, "rounded" for digits that are lost.

    Args:
        wanted: a value, an `Either`, or a `Json`.
        found: by a reader.
    """
    if isinstance(wanted, Json):
        return _compare_json(wanted, found)
    orders = wanted.orders if isinstance(wanted, Either) else (wanted,)
    if np.iscomplexobj(wanted) and np.size(wanted) > 1:  # some have all real parts first
        orders = (wanted, [np.real(wanted).tolist(), np.imag(wanted).tolist()])
    verdicts = [_compare_flat(leaves(order), found) for order in orders]
    return min(verdicts, key=lambda verdict: (verdict != "", verdict != "rounded"))


def _compare_json(wanted: Json, found: list[Leaf]) -> str:
    if len(found) != 1 or not isinstance(found[0], Text):
        return f"found {_show(found)}"
    try:
        read = json.loads(found[0].text)
    except ValueError:
        return f"found {_show(found)}"
    read = read.get("items", read) if isinstance(read, dict) else read
    return "" if read == wanted.value else f"found {_show(found)}"


def _compare_flat(wanted: list[Any], found: list[Leaf]) -> str:
    if len(wanted) != len(found):
        return f"found {len(found)} items in place of {len(wanted)}: {_show(found)}"
    verdicts = {_compare_one(one, other) for one, other in zip(wanted, found, strict=True)}
    if "wrong" in verdicts:
        return f"found {_show(found)}"
    return "rounded" if "rounded" in verdicts else ""


def _compare_one(wanted: Any, found: Leaf) -> str:
    if isinstance(wanted, str):
        return "" if isinstance(found, Text) and found.text == wanted else "wrong"
    text = found.text.strip()
    if text.upper() in {"TRUE", "FALSE"}:  # a boolean enum by its names
        return "" if (text.upper() == "TRUE") == bool(wanted) and wanted in (0, 1) else "wrong"
    if isinstance(found, Text):
        return "wrong"
    try:
        if isinstance(wanted, int) and int(text) == wanted:
            return ""
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return "wrong"
    if math.isnan(wanted):
        return "" if math.isnan(number) else "wrong"
    if number == wanted:
        return "" if not isinstance(wanted, int) or abs(wanted) < 2**53 else "rounded"
    return "rounded" if math.isclose(number, wanted, rel_tol=1e-6) else "wrong"


def _show(found: list[Leaf]) -> str:
    shown = ", ".join(leaf.text for leaf in found[:4])
    return f"{shown[:40]!r}" + (" …" if len(found) > 4 or len(shown) > 40 else "")

"""Which values JSON keeps exactly: those that a parameter of a mark may have."""

from __future__ import annotations

import math

from .scalars import is_plain_text

__all__ = ["is_json"]


def is_json(value: object) -> bool:
    """Whether JSON gives back a value as it is, type and all."""
    if value is None or type(value) in {bool, int}:
        return True
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is str:
        return is_plain_text(value)
    if type(value) is list:
        return all(map(is_json, value))
    return type(value) is dict and all(
        type(key) is str and is_plain_text(key) and is_json(item) for key, item in value.items()
    )

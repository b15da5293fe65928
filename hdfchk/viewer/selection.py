"""The syntax of selections in requests of the page: ``"0,:,10:20"``."""

from __future__ import annotations

import re

from ..errors import InvalidOptionError

__all__ = ["Index", "parse"]

Index = tuple[int | slice, ...]

_PART = re.compile(r"(-?\d{1,19})|(-?\d{0,19}):(-?\d{0,19})(?::(\d{0,19}))?")
_MOST = 2**63 - 1


def parse(text: str, shape: tuple[int, ...]) -> Index:
    """Return the index that a text describes.

    Args:
        text: integers and slices with a positive step, one for each axis, separated by commas; axes
            at the end may be omitted.
        shape: the lengths of the axes.

    Returns:
        For each axis an integer, or a slice with start, stop and step.

    Raises:
        InvalidOptionError: the text is invalid, or exceeds the shape.

    Example:
        >>> parse("0,1:3", (5, 10, 2))
        (0, slice(1, 3, 1), slice(0, 2, 1))
    """
    parts = text.split(",") if text.strip() else []
    if len(parts) > len(shape):
        raise InvalidOptionError(f"the selection {text!r} has more axes than the shape {shape}")
    parts += [":"] * (len(shape) - len(parts))
    return tuple(
        _part(part.strip(), length, text) for part, length in zip(parts, shape, strict=True)
    )


def _part(part: str, length: int, text: str) -> int | slice:
    found = _PART.fullmatch(part)
    if found is None:
        raise InvalidOptionError(f"the selection {text!r} is not a list of integers and slices")
    number, *bounds = found.groups()
    if number is not None:
        place = int(number) + (length if number.startswith("-") else 0)
        if not 0 <= place < length:
            raise InvalidOptionError(f"the selection {text!r} is outside an axis of {length}")
        return place
    start, stop, step = (min(int(bound), _MOST) if bound else None for bound in bounds)
    if step == 0:
        raise InvalidOptionError(f"the selection {text!r} has a step of zero")
    return slice(*slice(start, stop, step).indices(length))

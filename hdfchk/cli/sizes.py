"""Sizes and shapes as text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["count_text", "shape_text", "size_text"]

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def size_text(count: int) -> str:
    """Return a number of bytes as text, in decimal units.

    Example:
        >>> size_text(512), size_text(1536), size_text(5_000_000_000)
        ('512 B', '1.5 kB', '5.0 GB')
    """
    if count < 1000:
        return f"{count} B"
    size = float(count)
    units = iter(_UNITS)
    unit = ""
    while size >= 999.95 and unit != _UNITS[-1]:
        size, unit = size / 1000, next(units)
    return f"{size:.1f} {unit}"


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as text, as Python and `Group.tree` write it.

    Example:
        >>> shape_text((100, 3)), shape_text([50]), shape_text(())
        ('(100, 3)', '(50,)', '()')
    """
    return str(tuple(map(int, shape)))


def count_text(count: int, what: str) -> str:
    """Return a number of things as text.

    Example:
        >>> count_text(1, "key"), count_text(2000, "key")
        ('1 key', '2,000 keys')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"

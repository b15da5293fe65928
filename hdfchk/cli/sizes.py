"""Sizes and shapes as text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["count_text", "shape_text", "size_text"]


def size_text(count: int) -> str:
    """Bytes as text, in units of 1024.

    Example:
        >>> size_text(512), size_text(1536), size_text(5 << 30)
        ('512 B', '1.5 KiB', '5.0 GiB')
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def shape_text(shape: Sequence[int]) -> str:
    """The lengths of axes as text.

    Example:
        >>> shape_text((100, 3))
        '100 × 3'
    """
    return " × ".join(map(str, shape))


def count_text(count: int, what: str) -> str:
    """A number of things.

    Example:
        >>> count_text(1, "key"), count_text(2000, "key")
        ('1 key', '2,000 keys')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"

"""The layout of an array in the file: contiguous or chunked, compression, checksums."""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from ..errors import InvalidKeyTypeError, InvalidOptionError
from ..keys import Path
from ..typing import CompressionOption

__all__ = ["AUTO", "COMPRESSIONS", "Compression", "CompressionRule", "Layout", "growing"]

AUTO = "auto"
_LEVELS: dict[str, tuple[int, int, int] | None] = {
    "gzip": (0, 9, 1),
    "lzf": None,
    "zstd": (-7, 22, 3),
    "blosc2": (0, 9, 5),
    "bitshuffle": None,
    AUTO: None,
}
"""Name -> minimum, maximum and default level; None if the filter has no levels."""
COMPRESSIONS = tuple(_LEVELS)


def growing(row: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return the `maxshape` of an array that grows by rows; None for no limit.

    Args:
        row: the shape of a row. An axis of length 0 has no limit: no chunk would fit it.
    """
    return (None, *[length or None for length in row])


@attrs.frozen
class Compression:
    """A filter that compresses chunks.

    Args:
        name: one of `COMPRESSIONS`; ``auto`` is gzip if a sample shows that it is worthwhile.
        level: the level; None if the filter has none.
    """

    name: str
    level: int | None = None

    @classmethod
    def parse(cls, given: CompressionOption | Compression) -> Compression | None:
        """Parse the option: a name, a pair of name and level, a `Compression`, or None.

        Raises:
            InvalidOptionError: the filter or level does not exist (a `ValueError`).
            InvalidKeyTypeError: the option has another type (a `TypeError`).

        Example:
            >>> Compression.parse("gzip"), Compression.parse(("zstd", 9)), Compression.parse(None)
            (Compression(name='gzip', level=1), Compression(name='zstd', level=9), None)
        """
        if given is None or isinstance(given, Compression):
            return given
        asked: Any = given  # callers without types pass anything
        name, level = asked if isinstance(asked, tuple) and len(asked) == 2 else (asked, None)
        if not isinstance(name, str) or not (level is None or type(level) is int):
            raise InvalidKeyTypeError(
                f"compression must be a name or a pair of name and level, not {given!r}",
                hint=f"the names are {', '.join(COMPRESSIONS)}",
            )
        if name not in _LEVELS:
            raise InvalidOptionError(
                f"unknown compression {name!r}", hint=f"use {' or '.join(COMPRESSIONS)}"
            )
        levels = _LEVELS[name]
        if levels is None and level is not None:
            raise InvalidOptionError(f"{name!r} has no levels", hint=f"use compression={name!r}")
        if levels is not None:
            least, most, usual = levels
            level = usual if level is None else level
            if not least <= level <= most:
                raise InvalidOptionError(
                    f"{name!r} has no level {level}", hint=f"use a level from {least} to {most}"
                )
        return cls(name, level)


class CompressionRule(Protocol):
    """The rule for which arrays of a store are compressed."""

    def at(self, path: Path) -> Compression | None:
        """Return the compression of the array at a path."""


@attrs.frozen(repr=False)
class Layout:
    """The layout of one array in the file.

    Args:
        compression: the compression of its chunks, or None.
        checksum: whether its chunks have checksums.
        chunks: the shape of its chunks; None to choose one if chunks are needed.
        maxshape: the maximum lengths of its axes, None for no limit. If None as a whole, its shape,
            except that the first axis of a chunked array can always grow.
        fill_value: the value of unwritten elements; None for zeros.
        asked: the compression was requested for this array, and applies even if it is small.
    """

    compression: Compression | None = None
    checksum: bool = False
    chunks: tuple[int, ...] | None = None
    maxshape: tuple[int | None, ...] | None = None
    fill_value: Any = None
    asked: bool = False

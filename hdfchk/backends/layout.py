"""How an array lies in the file: in one piece or in chunks, compressed or not, with checksums."""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from ..errors import InvalidKeyTypeError, InvalidOptionError
from ..keys import Path

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
"""Name -> the least and the most level and the one by default; None where there are no levels."""
COMPRESSIONS = tuple(_LEVELS)


def growing(row: tuple[int, ...]) -> tuple[int | None, ...]:
    """The lengths to which an array can grow that grows by rows; None for no limit.

    Args:
        row: the shape of a row. An axis of no length has no limit: no chunk would fit it.
    """
    return (None, *[length or None for length in row])


@attrs.frozen
class Compression:
    """A filter that compresses chunks.

    Args:
        name: one of `COMPRESSIONS`; ``auto`` is gzip where a sample says that it is worth it.
        level: the level; None where the filter has none.
    """

    name: str
    level: int | None = None

    @classmethod
    def parse(cls, given: Any) -> Compression | None:
        """What a caller says: a name, a pair of name and level, a `Compression`, or None.

        Raises:
            InvalidOptionError: there is no such filter or level (a `ValueError`).
            InvalidKeyTypeError: it is none of these (a `TypeError`).

        Example:
            >>> Compression.parse("gzip"), Compression.parse(("zstd", 9)), Compression.parse(None)
            (Compression(name='gzip', level=1), Compression(name='zstd', level=9), None)
        """
        if given is None or isinstance(given, Compression):
            return given
        name, level = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
        if not isinstance(name, str) or not (level is None or type(level) is int):
            raise InvalidKeyTypeError(
                f"compression is a name or a pair of name and level, not {given!r}",
                hint=f"the names are {', '.join(COMPRESSIONS)}",
            )
        if name not in _LEVELS:
            raise InvalidOptionError(
                f"there is no compression {name!r}", hint=f"it is {' or '.join(COMPRESSIONS)}"
            )
        levels = _LEVELS[name]
        if levels is None and level is not None:
            raise InvalidOptionError(f"{name!r} has no levels", hint=f"use compression={name!r}")
        if levels is not None:
            least, most, usual = levels
            level = usual if level is None else level
            if not least <= level <= most:
                raise InvalidOptionError(
                    f"{name!r} has no level {level}", hint=f"it has those from {least} to {most}"
                )
        return cls(name, level)


class CompressionRule(Protocol):
    """Which arrays of a store are compressed."""

    def at(self, path: Path) -> Compression | None:
        """How the array at a path is compressed."""


@attrs.frozen
class Layout:
    """How one array is to lie in the file.

    Args:
        compression: how its chunks are compressed, or None.
        checksum: whether its chunks have checksums.
        chunks: the shape of its chunks; None to choose one where chunks are needed.
        maxshape: the lengths to which it can grow, None for no limit; None for its shape, but for
            the first axis of an array in chunks, which can always grow.
        fill_value: what elements hold that nobody has written; None for zeros.
        asked: the compression was asked for, for this very array, and is used on small ones, too.
    """

    compression: Compression | None = None
    checksum: bool = False
    chunks: tuple[int, ...] | None = None
    maxshape: tuple[int | None, ...] | None = None
    fill_value: Any = None
    asked: bool = False

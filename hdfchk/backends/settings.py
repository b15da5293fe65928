"""What a store may be told about how its files are written and read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs

from ..keys import Path
from .layout import CompressionRule, Layout

__all__ = ["DEFAULTS", "Options", "trusting"]

_TRUSTING: ContextVar[bool] = ContextVar("hdfchk_trusting", default=False)


@contextmanager
def trusting() -> Iterator[None]:
    """A block in which files may lead to other files.

    They do by external links, external storage and virtual datasets. Do it for files that you
    trust: one of somebody else's may name any file that you can read, and hand you its contents
    as its own. It holds for this thread, or task of asyncio.

    Example:
        >>> with trusting():
        ...     pass  # chk["linked"] is read from the file that the link names
    """
    token = _TRUSTING.set(True)
    try:
        yield
    finally:
        _TRUSTING.reset(token)


@attrs.frozen
class Options:
    """Options of the local backend.

    Args:
        trust: files may lead to other files.
        expand_limit: bytes of memory that what is read at once may need beyond 100 times the
            space it takes in the file. None: 1 GiB, for what no filter bounds (fill values, items
            of variable length, filters without a greatest ratio); what a filter can have made of
            the bytes in the file is read.
        checksum: arrays get checksums.
        compression: which arrays are compressed; None for none.
    """

    trust: bool = False
    expand_limit: int | None = None
    checksum: bool = False
    compression: CompressionRule | None = None

    def layout(self, path: Path) -> Layout:
        """How the array at a path is to lie in the file."""
        compression = None if self.compression is None else self.compression.at(path)
        return Layout(compression, self.checksum)

    @property
    def trusts(self) -> bool:
        """Whether files may lead to other files, here and now."""
        return self.trust or _TRUSTING.get()


DEFAULTS = Options()

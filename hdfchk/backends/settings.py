"""Options of a store for writing and reading files."""

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
    """Context in which files may refer to other files.

    This enables external links, external storage and virtual datasets. Use it only for files that
    you trust: a hostile file may name any file that you can read, and present its contents
    as its own. The context applies to the current thread, or asyncio task.

    Example:
        >>> with trusting():
        ...     pass  # chk["linked"] is read from the file that the link names
    """
    token = _TRUSTING.set(True)
    try:
        yield
    finally:
        _TRUSTING.reset(token)


@attrs.frozen(repr=False)
class Options:
    """Options of the HDF5 backend.

    Args:
        trust: files may refer to other files.
        expand_limit: bytes of memory that one read may need beyond 100 times its size in
            the file. None: 1 GiB for data whose size no filter bounds (fill values, variable-length
            items, filters without a maximum ratio); data that a filter can have compressed
            to their size in the file are read.
        checksum: store checksums with arrays.
        compression: which arrays are compressed; None for none.
    """

    trust: bool = False
    expand_limit: int | None = None
    checksum: bool = False
    compression: CompressionRule | None = None

    def layout(self, path: Path) -> Layout:
        """Return the layout of the array at a path."""
        compression = None if self.compression is None else self.compression.at(path)
        return Layout(compression, self.checksum)

    @property
    def trusts(self) -> bool:
        """Whether files may refer to other files in the current context."""
        return self.trust or _TRUSTING.get()


DEFAULTS = Options()

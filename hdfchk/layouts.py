"""How an array is to lie in the file: what a call asks for, and else what the store says."""

from __future__ import annotations

from typing import Any

import attrs

from .backends.base import Session
from .backends.layout import AUTO, Compression, Layout
from .keys import Path
from .lengths import lengths_of

__all__ = ["AS_THE_STORE_SAYS", "layout_for"]


class _AsTheStoreSays:
    """Stands for an option that is not given."""

    def __repr__(self) -> str:
        return "as the store says"


AS_THE_STORE_SAYS: Any = _AsTheStoreSays()


def layout_for(
    session: Session,
    path: Path,
    compression: Any = AS_THE_STORE_SAYS,
    checksum: bool | None = None,
    chunks: tuple[int, ...] | None = None,
    maxshape: tuple[int | None, ...] | None = None,
) -> Layout:
    """The layout of an array.

    Args:
        session: knows what the store says.
        path: where the array will stand.
        compression: a name, a pair of name and level, or None for none.
        checksum: whether it gets checksums; None for what the store says.
        chunks: the shape of a chunk, if it is asked for.
        maxshape: the lengths to which it can grow, if it can.

    Raises:
        InvalidOptionError: one of them cannot be (a `ValueError`).
    """
    chunks = None if chunks is None else lengths_of(chunks, "chunks")
    layout = session.layout(path)
    if compression is not AS_THE_STORE_SAYS:
        wanted = Compression.parse(compression)
        asked = wanted is not None and wanted.name != AUTO
        layout = attrs.evolve(layout, compression=wanted, asked=asked)
    if checksum is not None:
        layout = attrs.evolve(layout, checksum=checksum)
    return attrs.evolve(layout, chunks=chunks, maxshape=maxshape)

"""The stamp of a new file, computed from everything that was written to create it."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Content"]

LARGE = 2**20
"""Writes of at least this many bytes are represented by sums: SHA-256, or a CRC, would take longer
than the write itself."""
ROW = 512
"""The number of 8-byte words in a row of the table that is summed."""
BESIDE = 2**20
"""Writes of at least this many bytes are added in another thread, while they are written."""


class Content:
    """Computes a stamp from the data and the offset of each write to a file.

    The stamp depends on all bytes. It differs if one byte differs, but is equal for large writes
    whose sums are equal, such as two permutation matrices with 512 columns.
    """

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, data: Any, start: int) -> None:
        """Add a write at an offset in the file."""
        view = memoryview(data).cast("B")
        self._sum.update(struct.pack("<2Q", start, len(view)))
        if len(view) < LARGE:
            self._sum.update(view)
            return
        # As a table, summed along both axes: a single different number always changes the sums.
        rows = len(view) // (8 * ROW)
        table = np.frombuffer(view, np.uint64, rows * ROW).reshape(rows, ROW)
        self._sum.update(table.sum(axis=1, dtype=np.uint64).data)
        self._sum.update(table.sum(axis=0, dtype=np.uint64).data)
        self._sum.update(view[rows * ROW * 8 :])

    @contextlib.contextmanager
    def adding(self, data: Any, start: int) -> Iterator[None]:
        """Add a write while the block performs it; `data` must not change meanwhile."""
        if memoryview(data).nbytes < BESIDE:
            self.add(data, start)
            yield
            return
        thread = threading.Thread(target=self.add, args=(data, start), name="hdfchk-content")
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            self.add(data, start)
            yield
            return
        try:
            yield
        finally:
            thread.join()

    def stamp(self) -> int:
        """Return the stamp: a positive number of 62 bits."""
        return int.from_bytes(self._sum.digest()[:8], "little") >> 2 | 1

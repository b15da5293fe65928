"""The stamp of a new file, made of all that was written to make it."""

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
"""Of pieces from this size up, sums stand for the bytes themselves: SHA-256, or a CRC, would take
longer than it takes to write them."""
ROW = 512
"""The number of words in one of these sums."""
BESIDE = 2**20
"""Longer pieces are looked at in another thread, while they are written."""


class Content:
    """Takes in each piece that is written into a file, and its place.

    Two files that were made of other pieces have other stamps: all of the bytes are part of it.
    """

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, data: Any, start: int) -> None:
        """Take in what is written at a place."""
        view = memoryview(data).cast("B")
        self._sum.update(struct.pack("<2Q", start, len(view)))
        if len(view) < LARGE:
            self._sum.update(view)
            return
        # As a table, summed along both axes: one number that differs always shows.
        rows = len(view) // (8 * ROW)
        table = np.frombuffer(view, np.uint64, rows * ROW).reshape(rows, ROW)
        self._sum.update(table.sum(axis=1, dtype=np.uint64).data)
        self._sum.update(table.sum(axis=0, dtype=np.uint64).data)
        self._sum.update(view[rows * ROW * 8 :])

    @contextlib.contextmanager
    def adding(self, data: Any, start: int) -> Iterator[None]:
        """Take it in while the block writes it; `data` stay as they are as long."""
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
        """The stamp: a positive number of 62 bits."""
        return int.from_bytes(self._sum.digest()[:8], "little") >> 2 | 1

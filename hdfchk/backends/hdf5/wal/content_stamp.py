"""The stamp of a new file, computed from everything that was written to create it."""

from __future__ import annotations

import contextlib
import functools
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
ROW = 1024
"""The number of 4-byte words in a row of the table that is summed."""
BESIDE = 2**20
"""Writes of at least this many bytes are added in another thread, while they are written."""


@functools.cache
def _weights() -> np.ndarray:
    """Return an odd weight of 64 bits for each column, the same ones in every version."""
    digits = hashlib.shake_128(b"hdfchk:stamp").digest(8 * ROW)
    return np.frombuffer(digits, "<u8").astype(np.uint64) | np.uint64(1)


class Content:
    """Computes a stamp from the data and the offset of each write to a file.

    The stamp depends on all bytes and on their order. A large write is represented by a weighted
    sum of each row of 4 KiB, modulo 2 ** 64 (multilinear hashing). One different number always
    changes it, as the weights are odd; other differences do, except for about one in 2 ** 32.

    References:
        D. Lemire, O. Kaser, "Strongly universal string hashing is fast", The Computer Journal 57
        (2014).
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
        size = 4 * ROW
        rows = len(view) // size
        table = np.frombuffer(view, "<u4", rows * ROW).reshape(rows, ROW)
        # einsum converts the words to uint64 in small blocks; a matrix product copies them all.
        self._sum.update(np.einsum("ij,j->i", table, _weights()).astype("<u8").data)
        self._sum.update(view[rows * size :])

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

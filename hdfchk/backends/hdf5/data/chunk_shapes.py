"""The shape of chunks."""

from __future__ import annotations

__all__ = ["CHUNK_BYTES", "chunk_shape", "log_chunk"]

CHUNK_BYTES = 2**20
LOG_BYTES = 2**16
LOG_ROWS = 16


def chunk_shape(
    shape: tuple[int, ...], itemsize: int, nbytes: int = CHUNK_BYTES
) -> tuple[int, ...]:
    """Return the chunk shape for an array: whole rows, about 1 MiB in total.

    A longer row is split along its own first axis, and so on: reading a row never reads much more
    than the row.

    Args:
        shape: the shape of the array; axes of length 0 count as 1.
        itemsize: the item size of its dtype in bytes.
        nbytes: the maximum size of a chunk in bytes.
    """
    lengths = [max(1, length) for length in shape]
    chunk = [1] * len(lengths)
    room = max(1, nbytes // itemsize)
    for axis in reversed(range(len(lengths))):
        chunk[axis] = min(lengths[axis], room)
        room //= chunk[axis]
        if room <= 1 or chunk[axis] < lengths[axis]:
            break
    return tuple(chunk)


def log_chunk(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the chunk shape for an array that grows row by row.

    A chunk is rewritten by each commit that adds rows to it, and its space is allocated with its
    first row: it has 16 rows, but at least 64 KiB and at most 1 MiB.

    Args:
        shape: the shape of the array; only that of its rows matters.
        itemsize: the item size of its dtype in bytes.
    """
    row = itemsize
    for length in shape[1:]:
        row *= max(1, length)
    nbytes = min(CHUNK_BYTES, max(LOG_BYTES, LOG_ROWS * row))
    return chunk_shape((2**62, *shape[1:]), itemsize, nbytes)

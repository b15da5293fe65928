"""The shape of chunks."""

from __future__ import annotations

__all__ = ["CHUNK_BYTES", "chunk_shape", "log_chunk"]

CHUNK_BYTES = 2**20
LOG_BYTES = 2**16
LOG_ROWS = 16


def chunk_shape(
    shape: tuple[int, ...], itemsize: int, nbytes: int = CHUNK_BYTES
) -> tuple[int, ...]:
    """The shape of the chunks of an array: whole rows, of about 1 MiB together.

    A row that is longer than that is split along its own first axis, and so on: reading a row
    never touches much more than the row.

    Args:
        shape: of the array; axes of no length count as of length 1.
        itemsize: of its dtype, in bytes.
        nbytes: what a chunk may have.
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
    """The shape of the chunks of an array that grows row by row.

    A chunk is written anew with each commit that adds rows to it, and takes its space from its
    first row on: it holds 16 rows, but at least 64 KiB and at most 1 MiB.

    Args:
        shape: of the array; that of its rows counts.
        itemsize: of its dtype, in bytes.
    """
    row = itemsize
    for length in shape[1:]:
        row *= max(1, length)
    nbytes = min(CHUNK_BYTES, max(LOG_BYTES, LOG_ROWS * row))
    return chunk_shape((2**62, *shape[1:]), itemsize, nbytes)

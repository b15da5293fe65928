"""The shape of chunks."""

from __future__ import annotations

__all__ = ["CHUNK_BYTES", "chunk_shape"]

CHUNK_BYTES = 2**20


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The shape of the chunks of an array: whole rows, of about 1 MiB together.

    A row that is longer than that is split along its own first axis, and so on: reading a row
    never touches much more than the row.

    Args:
        shape: of the array; axes of no length count as of length 1.
        itemsize: of its dtype, in bytes.
    """
    lengths = [max(1, length) for length in shape]
    chunk = [1] * len(lengths)
    room = max(1, CHUNK_BYTES // itemsize)
    for axis in reversed(range(len(lengths))):
        chunk[axis] = min(lengths[axis], room)
        room //= chunk[axis]
        if room <= 1 or chunk[axis] < lengths[axis]:
            break
    return tuple(chunk)

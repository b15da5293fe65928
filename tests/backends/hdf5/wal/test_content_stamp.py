"""The stamp of a new file says what was written into it."""

from __future__ import annotations

import numpy as np
import pytest

from hdfchk.backends.hdf5.wal.content_stamp import BESIDE, LARGE, ROW, Content


def stamp(*pieces: tuple[bytes, int]) -> int:
    content = Content()
    for data, start in pieces:
        with content.adding(data, start):
            pass
    return content.stamp()


@pytest.mark.parametrize("size", [3, LARGE - 1, LARGE, LARGE + 4 * ROW + 5, 3 * BESIDE + 1])
def test_each_byte_counts(size: int) -> None:
    """Any byte that differs changes the stamp; the same bytes give the same one."""
    data = np.random.default_rng(1).bytes(size)
    first = stamp((data, 96))
    assert first == stamp((data, 96)) and 0 < first < 2**62 and first % 2
    for at in {0, size // 2, size - 1, size - size % 8 - 1}:
        other = bytearray(data)
        other[at] ^= 1
        assert stamp((bytes(other), 96)) != first


def test_place_and_order_count() -> None:
    """So do the place of a piece, the order of its rows and columns, and where a piece ends."""
    data = np.random.default_rng(2).random((LARGE // 4 // ROW + 1, ROW // 2))
    first = stamp((data.tobytes(), 0))
    assert stamp((data.tobytes(), 8)) != first
    assert stamp((data[::-1].tobytes(), 0)) != first
    assert stamp((data[:, ::-1].tobytes(), 0)) != first
    assert stamp((b"ab", 0), (b"c", 2)) != stamp((b"a", 0), (b"bc", 1))


@pytest.mark.parametrize("dtype", ["<f8", "<f4", "<i8", ">f8", "?"])
def test_order_counts_where_sums_do_not(dtype: str) -> None:
    """Permutations have the sums of rows and columns in common: labels, say, in another order."""
    eye = np.eye(1024, dtype=dtype)
    tables = [eye, eye[::-1], np.roll(eye, 1, 0), np.roll(eye, 64, 1), eye.reshape(-1, 64)[::-1]]
    rng = np.random.default_rng(3)
    for _ in range(40):
        moved = eye.copy()
        one, other = rng.choice(1024, 2, replace=False)
        moved[[one, other]] = moved[[other, one]]
        tables.append(moved)
    for one, other in rng.choice(1024, (40, 2)):  # a single label that is another one
        moved = eye.copy()
        moved[one] = np.roll(moved[one], 1 + other % 1023)
        tables.append(moved)
    stamps = {stamp((table.tobytes(), 96)) for table in tables}
    assert len(stamps) == len({table.tobytes() for table in tables})

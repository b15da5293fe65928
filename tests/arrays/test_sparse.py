"""Handles on sparse arrays: only the rows or columns that are asked for are read."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, UnsupportedStoredError, UnsupportedTypeError


def test_sparse(chk: HDF5Checkpointer, read: list[tuple[str, int]]) -> None:
    """Rows of CSR and columns of CSC arrays, of which alone the elements are read."""
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    for make, pick in (
        (sparse.csr_array, lambda index: index),
        (sparse.csr_matrix, lambda index: index),
        (sparse.csc_array, lambda index: (slice(None), index)),
        (sparse.csc_matrix, lambda index: (slice(None), index)),
    ):
        value = make(sparse.random(300, 300, 0.05, random_state=rng, dtype="f4"))
        chk["s"] = value
        array = chk.array("s")
        assert array.shape == value.shape and array.dtype == "f4" and array.nnz == value.nnz
        for index in (slice(10, 20), 5, [7, 3, 250, 251], slice(None, None, 40), -1, slice(9, 9)):
            read.clear()
            found = array[pick(index)]
            expected = value[pick(index)]
            assert np.array_equal(found.toarray(), expected.toarray())
            assert (
                found.dtype == expected.dtype
                and type(found).__name__.split("_")[1] == (type(expected).__name__.split("_")[1])
            )
            assert sum(size for part, size in read if part == "data") <= max(expected.nnz, 0)
        assert array[4, 7] == value[4, 7]
        both = (slice(5, 50), [3, 1, 2])
        assert np.array_equal(array[both].toarray(), value[both].toarray())
        mask = np.arange(300) % 7 == 0
        assert np.array_equal(array[pick(mask)].toarray(), value[pick(mask)].toarray())
        assert array == value and array == chk.array("s") and not array == value * 2  # noqa: SIM201
        assert pickle.loads(pickle.dumps(array)).nnz == value.nnz
    chk["r"] = rows = sparse.csr_array(np.eye(5))
    assert (
        np.array_equal(sparse.vstack([*chk.array("r").blocks(2)]).toarray(), rows.toarray())
        and len(chk.array("r")) == 5
    )
    array = chk.array("r")
    for use in (
        lambda: np.asarray(array),
        lambda: array.append([1]),
        lambda: array.__setitem__(0, 1),
        array.map,
    ):
        with pytest.raises((UnsupportedTypeError, UnsupportedStoredError)):
            use()
    with pytest.raises(IndexError):
        array[0, 0, 0]
    assert array == rows


@pytest.mark.parametrize("name", ["csr_array", "csc_array", "csr_matrix", "csc_matrix"])
def test_sparse_points(chk: HDF5Checkpointer, name: str) -> None:
    """Two lists are pairs of a row and a column, as SciPy has it; a list beside a slice is not."""
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    made = getattr(sparse, name)(np.where(rng.random((30, 20)) < 0.3, rng.random((30, 20)), 0))
    chk["m"] = made
    stored = chk.array("m")
    for index in (
        ([0, 1], [1, 2]), ([3, 1, 3], [0, 5, 0]), ([2, 3], 4), (4, [2, 3]), (3, 4),
        ([-1, 2], [-3, 1]), (np.arange(30) % 2 == 0, np.arange(15)), ([1, 2], slice(2, 9)),
        (slice(None), [1, 2]), ([5, 0],), (slice(20, 3, -2), slice(None, None, 3)),
    ):  # fmt: skip
        got, want = stored[index], made[index]
        assert type(got) is type(want) and got.shape == want.shape
        assert np.array_equal(*(v.toarray() if hasattr(v, "toarray") else v for v in (got, want)))


def test_sparse_of_one_axis(chk: HDF5Checkpointer) -> None:
    """A sparse array of one axis is one row."""
    sparse = pytest.importorskip("scipy.sparse")
    made = sparse.csr_array(np.array([1.0, 0, 2, 5]))
    chk["v"] = made
    stored = chk.array("v")
    assert stored.shape == (4,) and len(stored) == 4 and stored == made and stored[2] == 2
    for index in (slice(1, 3), [0, 2], ...):
        assert np.array_equal(stored[index].toarray(), made[index].toarray())
    assert [block.shape for block in stored.blocks(3)] == [(3,), (1,)]


def test_other_sparse_formats(chk: HDF5Checkpointer) -> None:
    """Formats without rows or columns of their own say so, and are read as a whole."""
    sparse = pytest.importorskip("scipy.sparse")
    for name in ("coo", "dok", "lil", "dia", "bsr"):
        chk["s"] = sparse.random(20, 20, 0.2, format=name)
        with pytest.raises(UnsupportedStoredError, match=r"chk\[key\]"):
            chk.array("s")
        chk["copy"] = chk["s"]

"""Space comes back: what is overwritten and deleted is used again, in a session and across them."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5f, h5p

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.h5 import file_object, timeless


def grow(path: str, rounds: int, *, inside: bool) -> int:
    """The size of the file after an array was overwritten by ever larger ones, another between."""
    with contextlib.ExitStack() as stack:
        chk = HDF5Checkpointer(path, durable=False)
        if inside:
            stack.enter_context(chk)
        for n in range(rounds):
            chk["x"] = np.full(130_000 + 100 * n, float(n))
            chk["beside"] = np.full(90 + n % 17, float(n))
    found = HDF5Checkpointer(path)
    assert (found["x"] == rounds - 1).all() and found["x"].nbytes < 1_200_000
    return os.path.getsize(path)


@pytest.mark.slow
@pytest.mark.parametrize("inside", [True, False])
def test_growing_overwrites(path: str, inside: bool) -> None:
    """An array of 1 MB that grows a little each time: at most three of them, however often."""
    assert grow(path, 60, inside=inside) < 3_600_000


def test_it_is_the_kept_free_space(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: where a file does not keep its table of free space, it grows and grows."""

    def forgetful() -> Any:
        plist = h5p.create(h5p.FILE_CREATE)
        plist.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
        return plist

    monkeypatch.setattr(timeless, "file_creation", forgetful)
    monkeypatch.setattr(file_object, "blank", timeless.blank.__wrapped__)
    assert grow(path, 60, inside=False) > 20_000_000


@pytest.mark.slow
@pytest.mark.parametrize("value", [1.5, "text " * 20, [1, "a"], {"a": {"b": np.arange(9)}}])
def test_small_values(path: str, value: Any) -> None:
    """Small values that come and go leave the file as small as it was."""
    chk = HDF5Checkpointer(path, durable=False)

    def churn() -> int:
        for n in range(30):
            chk["a"] = value
            chk["b"] = [n] * 50
            chk[f"c{n % 5}"] = value
            del chk["a"]
        return os.path.getsize(path)

    first = churn()
    with chk:
        for _ in range(5):
            churn()
    assert churn() < first + 40_000


def test_deleted_space_is_used_again(path: str) -> None:
    """What was deleted in one session is room in the next one."""
    HDF5Checkpointer(path).update({f"k{n}": np.ones(50_000) for n in range(5)})
    HDF5Checkpointer(path)["last"] = np.ones(9000)  # so that the end of the file is not free
    size = os.path.getsize(path)
    for n in range(5):
        del HDF5Checkpointer(path)[f"k{n}"]
    HDF5Checkpointer(path).update({f"n{n}": np.ones(49_000) for n in range(5)})
    assert os.path.getsize(path) <= size + 20_000
    with h5py.File(path) as file:
        assert file.id.get_create_plist().get_file_space_strategy()[1]  # free space is kept


def test_rollbacks_leave_no_leak(path: str) -> None:
    """Sessions that end in a rollback give back what they had taken."""
    chk = HDF5Checkpointer(path)
    chk["a"] = 1
    sizes = []
    for _ in range(6):
        with pytest.raises(ZeroDivisionError), chk.transaction():
            chk["big"] = np.ones(200_000)
            1 / 0  # noqa: B018
        sizes.append(os.path.getsize(path))
    assert max(sizes) < 40_000 and chk.load() == {"a": 1}
    assert h5f.is_hdf5(os.fsencode(path))


@pytest.mark.parametrize("options", [{}, {"journal": False}], ids=["journal", "no journal"])
@pytest.mark.parametrize("value", [lambda n: n, lambda n: np.full(300, n)], ids=["small", "large"])
def test_overwriting_keeps_the_table_of_free_space(
    path: str, options: dict[str, Any], value: Any
) -> None:
    """A session that only overwrites in place, or only looks, does not forget what is free."""

    def tracked() -> int:
        fid = h5py.h5f.open(path.encode(), h5py.h5f.ACC_RDONLY)
        try:
            return int(fid.get_freespace())
        finally:
            fid.close()

    with HDF5Checkpointer(path, **options) as chk:
        chk.update({f"k{i}": value(i) for i in range(400)})
        chk.update({f"k{i}": value(i) for i in range(400)})
        for i in range(300):
            del chk[f"k{i}"]
    before = tracked()
    assert before > 30_000
    for n in range(3):
        with HDF5Checkpointer(path, **options) as chk:
            chk["k399"] = value(n)
        assert tracked() > 0.9 * before

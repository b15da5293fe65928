"""A store in a file object of the caller's, which may take less than it is given."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer

LARGE = np.arange(2.0**19)


class Raw(io.FileIO):
    """A raw file that takes a MiB at a time, and no more than there is room for."""

    room = 2**40
    answer: int | None = 0

    def write(self, data: Any) -> int | None:
        """Write the beginning; the answer where there is no room."""
        view = memoryview(data)[: min(2**20, self.room)]
        if not view:
            return self.answer
        done = super().write(view)
        self.room -= done
        return done


def test_a_raw_file_takes_a_part(tmp_path: Path) -> None:
    """What a raw file object has not taken at once is given to it again."""
    with Raw(tmp_path / "x.h5", "w+b") as file:
        chk = HDF5Checkpointer(file)
        chk["large"] = LARGE
        with chk:  # pages below the end of the last commit wait, and are written by it
            chk["large"] = LARGE[::-1]
            chk["small"] = {f"k{number}": number for number in range(300)}
        chk["large2"] = LARGE
    found = HDF5Checkpointer(tmp_path / "x.h5", mode="r")
    assert np.array_equal(found["large"], LARGE[::-1]) and np.array_equal(found["large2"], LARGE)
    assert found["small"] == {f"k{number}": number for number in range(300)}


@pytest.mark.parametrize("answer", [0, None])
def test_a_raw_file_takes_nothing(tmp_path: Path, answer: int | None) -> None:
    """A file object that takes nothing more is an error with its name, and the commit is none."""
    with Raw(tmp_path / "x.h5", "w+b") as file:
        chk = HDF5Checkpointer(file)
        chk["a"] = 1
        file.room, file.answer = 2**21, answer
        with pytest.raises(OSError, match="no more") as caught:
            chk["large"] = LARGE
        assert caught.value.errno == errno.EIO and "x.h5" in str(caught.value)
        file.room = 2**40
        assert chk.load() == {"a": 1}
        chk["b"] = 2
    assert HDF5Checkpointer(tmp_path / "x.h5", mode="r").load() == {"a": 1, "b": 2}


class Bounded(io.BytesIO):
    """A file in memory that cannot get longer than it may."""

    most = 2**40

    def write(self, data: Any) -> int:
        """Write all of it, or nothing."""
        if self.tell() + len(data) > self.most:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_what_finds_no_room_changes_nothing() -> None:
    """A commit whose new pages find no room leaves those of the last commit as they were."""
    model: dict[str, Any] = {f"k{number}": number for number in range(50)}
    for count in range(1, 40):
        file = Bounded()
        chk = HDF5Checkpointer(file)
        chk.update(model)
        before = file.getvalue()
        file.most = len(before)
        with chk:
            try:
                with chk.transaction():
                    chk.update({f"n{number}": number for number in range(count)})
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017
                assert chk.load() == model and file.getvalue() == before, count


class Failing(io.BytesIO):
    """A file in memory whose writes fail from some number on, one of them in part."""

    left = 2**40

    def write(self, data: Any) -> int:
        """Write all of it, a part, or nothing."""
        self.left -= 1
        if self.left == 0:
            super().write(memoryview(data)[: len(data) // 2])
        if self.left <= 0:
            raise OSError(errno.EIO, "the disk")
        return super().write(data)


@pytest.mark.slow
@pytest.mark.parametrize("repaired", ["in the block", "at its end"])
def test_a_commit_that_fails_in_the_middle_is_given_up_whole(repaired: str) -> None:
    """Whichever write of a commit fails, the file has the last commit when it works again."""
    old = {f"k{number}": {"a": number} for number in range(40)}
    new = {f"k{number}": "x" * 50 for number in range(0, 40, 3)}
    failed = 0
    for first in range(1, 60):
        file = Failing()
        HDF5Checkpointer(file).update(old)
        with HDF5Checkpointer(file) as chk:
            assert chk["k0"] == {"a": 0}
            file.left = first
            try:
                chk.update(new)
                model = old | new
            except OSError:
                failed += 1
                model = dict(old)
            if repaired == "in the block":
                file.left = 2**40
                assert chk.load() == model, first
                chk["more"] = model["more"] = first
            assert chk.load() == model, first
            file.left = 2**40
        with h5py.File(io.BytesIO(file.getvalue())) as h5:
            assert set(h5) == set(model), first
        assert HDF5Checkpointer(file).load() == model, first
    assert failed > 5


def test_a_commit_is_as_long_as_hdf5_says() -> None:
    """Space at the end that HDF5 has taken, and not written, is in the file after a commit."""
    file = io.BytesIO()
    with HDF5Checkpointer(file) as chk:
        chk["a"] = 1
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((10**5,))
        h5py.h5d.create(chk.stream.id, b"x", h5py.h5t.NATIVE_DOUBLE, space, plist)
        chk.commit()
        with h5py.File(io.BytesIO(file.getvalue())) as h5:
            assert set(h5) == {"a", "x"} and h5["x"][99_999] == 0.0

"""Work on many keys grows with their number, and no faster; beside a reader the log is bounded.

What is counted are calls, which do not depend on the machine's load.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.stream_file import PAGE, _Buffer

from .children import in_child
from .states import view

FEW, MANY = 60, 480
RATIO = 1.6
"""So much more may an item cost where there are eight times as many."""


def _calls(work: Callable[[], Any]) -> int:
    """How many functions are called; one that HDF5 calls for each name counts each time."""
    count = 0

    def see(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def _is_linear(make: Callable[[int], Callable[[], Any]]) -> None:
    make(FEW)()  # what is done once is done
    few, many = (_calls(make(count)) / count for count in (FEW, MANY))
    assert many <= RATIO * few, f"{few:.0f} calls for each of {FEW}, {many:.0f} of {MANY}"


def _filled(folder: Path, count: int, value: Any = 1) -> HDF5Checkpointer:
    chk = HDF5Checkpointer(folder / f"{count}-{len(list(folder.iterdir()))}.hdf5", durable=False)
    chk["in"] = {f"k{i}": value for i in range(count)}
    return chk


def _writing_while_iterating(chk: Any) -> None:
    with chk:
        for key in chk["in"]:
            chk["out", key] = [1, None]


def _small_writes_while_iterating(chk: Any) -> None:
    with chk:
        for key in chk["in"]:
            chk["out", key] = 1


def _replacing_while_iterating(chk: Any) -> None:
    with chk:
        for key, _ in chk["in"].items():
            chk["in", key] = [1, None]


def _popitem(chk: Any) -> None:
    with chk:
        group = chk["in"]
        while group:
            group.popitem()


def _update(chk: Any) -> None:
    chk["in"].update({key: "text" for key in chk["in"]})


def _clear(chk: Any) -> None:
    chk["in"].clear()


def _deletions(chk: Any) -> None:
    with chk:
        for key in list(chk["in"]):
            del chk["in", key]


def _one_by_one(chk: Any) -> None:
    with chk:
        for number in range(len(chk["in"])):
            chk[f"new{number}"] = [number, None]


def _verify(chk: Any) -> None:
    assert chk.verify().ok


@pytest.mark.slow
@pytest.mark.parametrize("value", [1, {"x": 1}], ids=["numbers", "groups"])
@pytest.mark.parametrize(
    "work", [_writing_while_iterating, _small_writes_while_iterating, _replacing_while_iterating]
)
@in_child
def test_writing_while_iterating_is_linear(tmp_path: Path, work: Callable, value: Any) -> None:
    """A loop over keys that writes a key for each lists the names a fixed number of times."""
    _is_linear(lambda count: (lambda chk: lambda: work(chk))(_filled(tmp_path, count, value)))


@pytest.mark.slow
@in_child
def test_writing_while_iterating_over_a_group_of_h5py(tmp_path: Path) -> None:
    """So does one over a group of HDF5's oldest form, which has no index of the order."""

    def make(count: int) -> Callable[[], Any]:
        path = tmp_path / f"{count}-{len(list(tmp_path.iterdir()))}.hdf5"
        with h5py.File(path, "w") as file:
            group = file.create_group("in")
            for number in range(count):
                group[f"k{number}"] = number
        chk = HDF5Checkpointer(path, durable=False)
        return lambda: _replacing_while_iterating(chk)

    _is_linear(make)


@pytest.mark.slow
@pytest.mark.parametrize("value", [1, {"x": 1}], ids=["numbers", "groups"])
@pytest.mark.parametrize("work", [_popitem, _update, _clear, _deletions, _one_by_one, _verify])
@in_child
def test_work_on_many_keys_is_linear(tmp_path: Path, work: Callable, value: Any) -> None:
    """Popping, updating, clearing, deleting, adding and verifying cost the same for each key."""
    _is_linear(lambda count: (lambda chk: lambda: work(chk))(_filled(tmp_path, count, value)))


@pytest.mark.slow
@in_child
def test_replacing_values_of_another_type_is_linear(tmp_path: Path) -> None:
    """update() that puts strings in place of numbers takes the same time for each of eight times as
    many; the time is that of the process, and the best of some tries counts."""

    def seconds(count: int) -> float:
        chk = _filled(tmp_path, count)
        start = time.process_time()
        _update(chk)
        return (time.process_time() - start) / count

    seconds(100)
    tries = []
    for _ in range(3):
        tries.append(seconds(8000) / seconds(1000))
        if tries[-1] < 1.8:
            return
    raise AssertionError(tries)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hdfchk.HdfchkWarning")
@pytest.mark.parametrize("overlapping", [False, True], ids=["resting", "overlapping"])
@in_child
def test_the_log_beside_readers_is_bounded(tmp_path: Path, overlapping: bool) -> None:
    """What is overwritten beside a reader that stays, or readers that overlap, is not kept for ever."""
    name = tmp_path / "x.hdf5"
    megabyte = np.zeros(2**17)
    HDF5Checkpointer(name, durable=False).update({"a": megabyte, "n": 0})
    readers = [HDF5Checkpointer(name, mode="r")]
    readers[0].__enter__()
    assert readers[0]["n"] == 0
    most = 0
    with HDF5Checkpointer(name, durable=False) as chk:
        for number in range(1, 200):
            chk["a"] = megabyte + number
            chk["n"] = number
            if overlapping and number % 10 == 0:
                readers.append(HDF5Checkpointer(name, mode="r"))
                readers[-1].__enter__()
                assert readers[-1]["n"] == number
                readers.pop(0).__exit__(None, None, None)
            most = max(most, sum(place.stat().st_blocks * 512 for place in tmp_path.iterdir()))
        if not overlapping:
            assert readers[0]["n"] == 0 and not readers[0]["a"].any()
    for reader in readers:
        reader.__exit__(None, None, None)
    assert most < 100 * 2**20, f"{most // 2**20} MiB beside one of live data"
    HDF5Checkpointer(name)["last"] = 1
    assert view(name)["n"] == 199 and view(name)["a"][0] == 199
    assert os.listdir(tmp_path) == ["x.hdf5"]


def test_one_element_of_a_vast_array_takes_little_room(tmp_path: Path) -> None:
    """An array that was created with a shape takes the room of what is written into it."""
    name = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(name)
    chk.create("x", (2**28,), "u1")[12_345_678] = 7
    assert chk.array("x")[12_345_677:12_345_680].tolist() == [0, 7, 0]
    assert name.stat().st_blocks * 512 < 2**26
    with h5py.File(name, "r") as file:
        assert file["x"].shape == (2**28,)


@in_child
def test_writes_into_a_file_object_are_linear() -> None:
    """A write behind the end of a file object costs the same however many pages wait below it."""

    def made(count: int) -> Callable[[], None]:
        buffer = _Buffer(io.BytesIO(bytes(count * PAGE)), "a file object")
        for number in range(count):
            buffer.seek(number * PAGE)
            buffer.write(b"x")

        def work() -> None:
            for number in range(count, 2 * count):
                buffer.seek(number * PAGE)
                buffer.write(bytes(PAGE))

        return work

    _is_linear(made)


def test_whole_pages_of_a_file_object_are_not_read_first() -> None:
    """What a write replaces as a whole is not read before."""

    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            self.count += 1
            return super().read(size)

    file = Counting(bytes(9 * PAGE))
    buffer = _Buffer(file, "a file object")
    buffer.seek(PAGE // 2)
    buffer.write(b"w" * 8 * PAGE)
    assert file.count == 2  # the first page and the last
    buffer.commit()
    assert file.getvalue() == bytes(PAGE // 2) + b"w" * 8 * PAGE + bytes(PAGE // 2)


@pytest.mark.slow
@in_child
def test_popitem_of_a_large_dict(tmp_path: Path) -> None:
    """The last of 10,000 keys is found without a look at all: HDF5 reads hardly more."""

    def calls(count: int) -> float:
        chk = _filled(tmp_path, count)
        with chk:
            group = chk["in"]
            group.popitem()
            return _calls(lambda: [group.popitem() for _ in range(100)])

    assert calls(10_000) <= 1.3 * calls(1000)

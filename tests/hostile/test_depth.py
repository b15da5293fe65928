"""Depth: groups nested very deeply cost what they are, and no more; no recursion of ours ends there."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5g

from hdfchk import CheckpointerKeyError, HDF5Checkpointer, NestingError
from hdfchk.backends.hdf5.h5.links import NAME, mark_hidden_group
from tests.regressions.children import outcome


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a file is made."""
    return str(tmp_path / "deep.h5")


def deep(path: str, levels: int, *, values: bool = False) -> None:
    with h5py.File(path, "w") as file:
        group = file.id
        for _ in range(levels):
            if values:
                h5py.Group(group)["x"] = 1
            group = h5g.create(group, b"g")
        file["fine"] = 1


def flat(path: str, count: int) -> None:
    with h5py.File(path, "w", libver="v110") as file:
        for number in range(count):
            file.create_group(f"g{number}", track_order=True)["x"] = number


def cost(work: Callable[[], object]) -> float:
    """The least processor time of two tries."""
    took = []
    for _ in range(2):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took)


def test_verify_is_linear_in_depth(path: str) -> None:
    """A value 1,900 levels down costs `verify` little more than one 190 levels down."""
    each = []
    for levels in (190, 1900):
        deep(path, levels, values=True)
        chk = HDF5Checkpointer(path)
        assert len(chk.verify().whole) == levels + 1
        each.append(cost(chk.verify) / levels)
    assert each[1] < 1.3 * 1.5 * each[0]  # 1.2 on a machine with nothing else to do


def test_verify_is_linear_in_number(path: str) -> None:
    """Ten times as many groups cost `verify` ten times as much."""
    each = []
    for count in (1000, 10_000):
        flat(path, count)
        each.append(cost(HDF5Checkpointer(path).verify) / count)
    assert each[1] < 1.3 * 1.5 * each[0]


def test_20_000_levels_end_soon(path: str) -> None:
    """Every look at 20,000 nested groups ends soon, in a result or in an error of ours."""
    deep(path, 20_000, values=True)
    start = time.monotonic()
    chk = HDF5Checkpointer(path)
    report = chk.verify()
    assert report.ok and len(report.whole) == 2001
    assert [type(error) for error in report.unread.values()] == [NestingError]
    assert list(chk) == ["fine", "g", "x"] and list(chk["g"]) == ["g", "x"]
    assert len(chk[("g",) * 1990]) == 2 and ("g",) * 2001 not in chk
    for look in (chk.load, chk.compact, lambda: chk[("g",) * 3000], lambda: chk["g"].load()):
        with pytest.raises(NestingError):
            look()
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("levels", [151, 1500, 20_000])
def test_a_key_of_many_levels(path: str, levels: int) -> None:
    """A key of too many levels is refused with file and key, and nothing is written."""
    key = tuple(f"k{number}" for number in range(levels))
    for target in (path, None, io.BytesIO()):
        chk = HDF5Checkpointer(target)
        chk["a"] = 1
        ways: list[Callable[[], object]] = [
            lambda: chk.__setitem__(key, 1),
            lambda: chk.update({key: 1}),
            lambda: chk.merge(key, {"x": 1}),
            lambda: chk.group(key, create=True),
            lambda: chk.append(key, 1.0),
            lambda: chk.create(key, (3,), "f8"),
            lambda: chk.put(key, np.ones(3)),
            lambda: chk.setdefault("/".join(key), 1),
        ]
        for way in ways:
            with pytest.raises(NestingError, match="levels") as caught:
                way()
            assert caught.value.key and caught.value.file
        assert chk.load() == {"a": 1} and key not in chk
        for look in (lambda: chk[key], lambda: chk.load(key), lambda: chk.__delitem__(key)):
            with pytest.raises((CheckpointerKeyError, NestingError)):
                look()


def test_the_deepest_key_is_read(path: str) -> None:
    """What can be written is read by `load`: a key of 150 levels that holds as many."""
    value: object = 1
    for _ in range(148):
        value = {"v": value}
    chk = HDF5Checkpointer(path)
    chk[("k",) * 150] = value
    assert chk[("k",) * 150].load() == value and chk.verify().whole
    loaded = chk.load()
    for _ in range(150):
        loaded = loaded["k"]
    assert loaded == value
    chk.compact()
    assert chk[("k",) * 150].load() == value


def test_filters_over_deep_groups(path: str) -> None:
    """A filter that must look at all below a key ends in an error, where that is too deep."""
    deep(path, 20_000)
    chk = HDF5Checkpointer(path, omitted_keys=["g/**/secret"])
    for work in (lambda: chk.__delitem__("g"), chk.clear, lambda: chk.__setitem__("g", 1)):
        with pytest.raises(NestingError) as caught:
            work()
        assert caught.value.file == path
    with h5py.File(path, "w") as file:
        file["g/x"] = 1
        file["g/a"] = file["g/b"] = file["g"]
    with pytest.raises(NestingError):
        del chk["g"]


def test_in_memory_too() -> None:
    """A store in memory looks at every group, though it makes and drops trees meanwhile."""
    chk = HDF5Checkpointer(None)
    chk["d"] = {f"k{i}": {"x": {"y": i}} for i in range(300)}
    assert len(chk.verify().whole) == 300


def test_large_arrays_of_a_group(path: str) -> None:
    """A store of an open group reads arrays of more than a MiB, and refuses what is not there."""
    with h5py.File(path, "w") as file:
        file["g/x"] = np.ones(2**18)
        file["g"].create_dataset("gzip", data=np.ones(2**18), compression="gzip")
        chk = HDF5Checkpointer(file["g"])
        assert chk["x"].sum() == 2**18 and chk.load()["gzip"].sum() == 2**18
        assert chk.array("gzip")[: 2**17].sum() == 2**17 and chk.verify().ok


def test_one_element_of_a_vast_array(path: str) -> None:
    """One element of an array of 2 GiB takes a chunk of the disk; the rest reads as zeros."""
    chk = HDF5Checkpointer(path)
    chk["old"] = np.full(2**20, 7.0)
    del chk["old"]  # its space is free, and holds sevens
    array = chk.create("x", (2**31,), "u1")
    array[2**30] = 1
    assert os.path.getsize(path) < 2**25
    assert os.stat(path).st_blocks * 512 < 2**25
    assert array[2**30 - 3 : 2**30 + 3].tolist() == [0, 0, 0, 1, 0, 0]
    assert not array[: 2**20].any() and array.shape == (2**31,)
    small = chk.create("small", (2**20,), "f8")
    small[5] = 1
    assert small[...].sum() == 1 and small.chunks is None and small.map()[5] == 1


def _in_a_transaction(chk: HDF5Checkpointer) -> None:
    with chk.transaction():
        chk["new"] = 1
        del chk["g"]


REMOVALS: dict[str, Callable[[HDF5Checkpointer], object]] = {
    "del": lambda chk: chk.__delitem__("g"),
    "update": lambda chk: chk.update({"g": 1}),
    "assignment": lambda chk: chk.__setitem__("g", np.arange(3)),
    "clear": lambda chk: chk.clear(),
    "transaction": _in_a_transaction,
}


@pytest.fixture(scope="module")
def deep_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of 15,000 nested groups at the key "g", and as many in a hidden group."""
    path = str(tmp_path_factory.mktemp("deep") / "deep.h5")
    deep(path, 15_000)
    with h5py.File(path, "a") as file:
        hidden = h5g.create(file.id, NAME)
        mark_hidden_group(hidden)
        for _ in range(15_000):
            hidden = h5g.create(hidden, b"g")
    return path


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        (way, kind)
        for way in REMOVALS
        for kind in ("path", "stream", "h5py", "no_journal")
        if way != "transaction" or kind in {"path", "stream"}  # the others have none
    ],
)
def test_deep_groups_are_removed(deep_file: str, path: str, way: str, kind: str) -> None:
    """HDF5 deletes nested groups by recursion: it does not end the process."""
    shutil.copy(deep_file, path)

    def remove() -> None:
        stream = io.BytesIO(Path(path).read_bytes()) if kind == "stream" else None
        target = h5py.File(path, "a") if kind == "h5py" else stream or path
        chk = HDF5Checkpointer(target, journal=kind != "no_journal")
        REMOVALS[way](chk)
        chk.close()
        if kind == "h5py":
            target.close()
        with h5py.File(stream or path, "r") as file:
            assert "g" not in file or isinstance(file["g"], h5py.Dataset), list(file)
            assert ("fine" in file) == (way != "clear")

    assert not (said := outcome(remove)), said


@pytest.mark.parametrize("why", ["no_thread", "in_h5py"])
@pytest.mark.parametrize("way", REMOVALS)
def test_without_a_thread_deep_groups_are_refused(
    path: str, way: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no other thread can remove them, too many levels are an error that has done nothing."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    deep(path, 2100)
    with h5py.File(path, "a") as file:
        for number in range(100):  # many, and not deep
            file.create_group(f"wide/{number}")
    chk = HDF5Checkpointer(path)
    with contextlib.ExitStack() as stack:
        if why == "no_thread":
            monkeypatch.setattr(threading.Thread, "start", start)
        else:  # as in a function that `visititems` calls
            stack.enter_context(h5py._objects.phil)
        with pytest.raises(NestingError, match="remove"):
            REMOVALS[way](chk)
        assert list(chk) == ["fine", "g", "wide"] and list(chk["g"]) == ["g"]
        del chk["wide"]
        chk["x"] = 1
    monkeypatch.undo()
    REMOVALS[way](chk)
    assert "wide" not in chk and (way == "clear") == ("x" not in chk)
    assert not isinstance(chk.get("g"), Mapping)

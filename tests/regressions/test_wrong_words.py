"""Errors say what is wrong, and not something else."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, ReadOnlyError

from .children import in_child, killed_writer
from .failing import Calls


@pytest.mark.parametrize("pending", [False, True])
@in_child
def test_too_many_open_files_is_no_corrupt_file(tmp_path: Path, pending: bool) -> None:
    """Where no descriptor is left the error has that errno, and names no damage."""
    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 1
    HDF5Checkpointer(name).load()
    if pending:
        killed_writer(name, {"a": 2}, {"l": [1, None]})
    used = max(map(int, os.listdir("/proc/self/fd")))
    held = [os.open("/", os.O_RDONLY) for _ in range(used - len(os.listdir("/proc/self/fd")) + 2)]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = 0
    for spare in range(6):
        limit = max(map(int, os.listdir("/proc/self/fd"))) + spare
        for work in (
            lambda: HDF5Checkpointer(name, mode="r").load(),
            lambda: HDF5Checkpointer(name).update({"b": 1}),
        ):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            try:
                work()
            except OSError as error:
                raised += 1
                assert not isinstance(error, CorruptFileError), error
                assert error.errno == errno.EMFILE or "Too many open files" in str(error)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert raised
    for descriptor in held:
        os.close(descriptor)
    assert HDF5Checkpointer(name).load()["b"] == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM])
@pytest.mark.parametrize("suffix", ["", "-journal"])
@in_child
def test_what_the_system_says_is_passed_on(tmp_path: Path, number: int, suffix: str) -> None:
    """An error of the system at opening keeps its errno and is no CorruptFileError."""
    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 1
    killed_writer(name, {"a": 2}, {"l": [1, None]})
    with Calls(tmp_path) as calls:
        for work in (
            lambda: HDF5Checkpointer(name, mode="r").load(),
            lambda: HDF5Checkpointer(name).update({"b": 1}),
            lambda: HDF5Checkpointer(name).recover(),
            lambda: HDF5Checkpointer(name).compact(),
        ):
            calls.fail("open", times=10**6, number=number, name=f"x.hdf5{suffix}")
            with pytest.raises(OSError) as caught:  # noqa: PT011
                work()
            assert not isinstance(caught.value, CorruptFileError), caught.value
            assert caught.value.errno == number or os.strerror(number) in str(caught.value)
            calls.off()
    assert HDF5Checkpointer(name).load() == {"a": 2, "l": [1, None]}


@pytest.mark.parametrize("text", [True, False], ids=["text", "tuple"])
@pytest.mark.parametrize("levels", [600, 1500, 5000, 50_000])
@in_child
def test_a_key_of_very_many_levels(path: str, levels: int, text: bool) -> None:
    """A key of more levels than can be is an error of the library, and no RecursionError."""
    from hdfchk import HdfchkError

    key = "/".join("k" * levels) if text else ("k",) * levels
    chk = HDF5Checkpointer(path)
    chk["a"] = 1
    for work in (
        lambda: chk.__setitem__(key, 1),
        lambda: chk[key],
        lambda: chk.load(key),
        lambda: key in chk,
        lambda: chk.append(key, 1.0),
    ):
        try:
            work()
        except HdfchkError:
            continue
    try:
        assert chk.load()["a"] == 1
    except HdfchkError:
        assert chk["a"] == 1


@in_child
def test_a_copy_that_cannot_be_made_is_what_is_told_of(tmp_path: Path) -> None:
    """recover(into=) says that there is no folder for the copy, and not that there is no file."""
    file = tmp_path / "x.hdf5"
    HDF5Checkpointer(file)["a"] = 1
    with pytest.raises(FileNotFoundError, match="makedirs") as caught:
        HDF5Checkpointer(file).recover(into=tmp_path / "none" / "copy.hdf5")
    assert caught.value.filename == str(tmp_path / "none")
    with Calls(tmp_path) as calls:
        calls.fail("open", number=errno.EACCES, name="copy.hdf5")
        with pytest.raises(ReadOnlyError) as refused:
            HDF5Checkpointer(file).recover(into=tmp_path / "copy.hdf5")
    assert refused.value.file == str(tmp_path / "copy.hdf5")


@in_child
def test_a_disk_that_fails_is_no_corrupt_file(tmp_path: Path) -> None:
    """recover(into=) of a file that the disk does not give says so."""
    file, copy = tmp_path / "x.hdf5", tmp_path / "copy.hdf5"
    HDF5Checkpointer(file)["a"] = list(range(1000))
    killed_writer(file, {"b": {"c": [1, None]}})
    kinds = set()
    for first in range(40):
        with Calls(tmp_path) as calls:
            calls.fail("read", first=first, times=10**6, name="x.hdf5")
            try:
                HDF5Checkpointer(file).recover(into=copy)
                break
            except OSError as error:
                kinds.add(type(error))
                assert error.errno == errno.EIO, first  # noqa: PT017
        assert not copy.exists()
    assert kinds == {OSError}

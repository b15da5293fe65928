"""What is said where a file cannot be opened: what is wrong, which file, and what to do."""

from __future__ import annotations

import errno
import io
import os
import pathlib
import resource
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5f

import hdfchk
from hdfchk import CorruptFileError, HDF5Checkpointer, LockedError, ReadOnlyError, load
from hdfchk.backends.hdf5.h5.errors import errno_of, explain_open, unreadable
from hdfchk.backends.resolve import UnknownTargetError
from tests.crash.images import in_child

NUMBERS = (
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EACCES,
    errno.EPERM,
    errno.ELOOP,
    errno.ENOLCK,
    errno.ESTALE,
    errno.ENOSPC,
    errno.ENAMETOOLONG,
)


def raised_by_hdf5(number: int, path: str) -> OSError:
    """What h5py raises for a number of the system."""
    said = f"errno = {number}, error message = {os.strerror(number)!r}, flags = 0"
    return OSError(number, f"Unable to open file (unable to open file: name = {path!r}, {said})")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("way", ["read", "verify", "write", "journal=False", "compact"])
def test_what_the_system_refuses(
    path: str, number: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the system's keeps its number and names the file; no byte of it is blamed."""
    hdfchk.save(path, {"a": 1})
    before = Path(path).read_bytes()
    real = h5f.open

    def refuse(name: bytes, *args: Any) -> Any:
        if name == os.fsencode(path):
            raise raised_by_hdf5(number, path)
        return real(name, *args)

    def refuse_by_descriptor(name: Any, flags: int, *args: Any, **more: Any) -> int:
        if name == path and flags & os.O_RDWR:
            raise OSError(number, os.strerror(number), name)
        return real_open(name, flags, *args, **more)

    real_open = os.open
    if way == "write":
        monkeypatch.setattr(os, "open", refuse_by_descriptor)
    else:
        monkeypatch.setattr(h5f, "open", refuse)
    chk = HDF5Checkpointer(path, journal=way != "journal=False")
    with pytest.raises(OSError) as caught:
        if way == "read":
            chk["a"]
        elif way == "verify":
            chk.verify()
        elif way == "compact":
            chk.compact()
        else:
            chk["b"] = 2
    monkeypatch.undo()
    error = caught.value
    assert not isinstance(error, CorruptFileError) and path in str(error)
    if isinstance(error, hdfchk.NotAFileError):
        assert number == errno.ELOOP and way == "write"  # no link is followed there
        return
    if isinstance(error, ReadOnlyError):
        assert number in {errno.EACCES, errno.EPERM} and way not in {"read", "verify"}
    else:
        assert error.errno == number and error.filename == path and len(str(error)) > 80
    assert Path(path).read_bytes() == before and HDF5Checkpointer(path).load() == {"a": 1}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_in_texts(number: int) -> None:
    """HDF5 has the system's number in its text also where h5py raises something else."""
    error = RuntimeError(f"can't close (file close failed: errno = {number}, error message = 'x')")
    assert errno_of(error) == number and errno_of(RuntimeError("no such thing")) is None
    found = unreadable("the data", error, "a/b")
    assert isinstance(found, hdfchk.SystemRefusalError) and found.errno == number
    assert found.key == "a/b" and found.hint and not isinstance(found, CorruptFileError)


@pytest.mark.filterwarnings("ignore::hdfchk.CheckpointWarning")
def test_too_many_open_files(path: str) -> None:
    """Where no file can be opened any more the error says so, for reading and for writing."""
    hdfchk.save(path, {"a": 1})

    def look() -> bool:
        chk = HDF5Checkpointer(path)
        assert chk["a"] == 1
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        lowest = os.dup(0)
        os.close(lowest)
        met = 0
        for spare in range(5):
            for use in (chk.load, lambda: chk.update({"b": 2}), chk.compact, chk.verify):
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + spare, hard))
                try:
                    use()
                except hdfchk.NotDurableError as error:  # it stands: the folder was not opened
                    assert "Too many open files" in str(error)
                except OSError as error:
                    met += 1
                    assert error.errno == errno.EMFILE, repr(error)
                    assert str(error.filename).startswith(os.path.dirname(path))
                    assert "close some" in str(error) or error.filename != path
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        assert met >= 4
        assert chk["a"] == 1
        return True

    assert in_child(look)


def test_links_in_a_circle(path: str) -> None:
    """A path that leads in a circle is told as that."""
    os.symlink(path, path)
    for use in (
        lambda: HDF5Checkpointer(path, mode="r").load(),
        lambda: list(HDF5Checkpointer(path)),
    ):
        with pytest.raises(OSError, match="symbolic links") as caught:
            use()
        assert caught.value.errno == errno.ELOOP and caught.value.filename == path


def test_a_folder(tmp_path: Path) -> None:
    """A folder is no file: reading, writing and compacting say so."""
    chk = HDF5Checkpointer(tmp_path)
    for use in (chk.load, lambda: chk.update({"a": 1}), chk.compact, chk.verify):
        with pytest.raises(IsADirectoryError, match="folder") as caught:
            use()
        assert caught.value.filename == str(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder(tmp_path: Path) -> None:
    """A file in a folder that is not there reads as nothing; writing names the folder, and the way out."""
    folder = tmp_path / "not" / "there"
    chk = HDF5Checkpointer(folder / "run.hdf5")
    assert len(chk) == 0 and "a" not in chk and chk.load() == {}
    for journal in (True, False):
        with pytest.raises(FileNotFoundError, match=r"os\.makedirs") as caught:
            HDF5Checkpointer(folder / "run.hdf5", journal=journal)["a"] = 1
        assert caught.value.filename == str(folder)
    with pytest.raises(FileNotFoundError):
        HDF5Checkpointer(folder / "run.hdf5", mode="r").load()
    assert not (tmp_path / "not").exists()


def test_a_long_name(tmp_path: Path) -> None:
    """A file whose name leaves no room for that of a journal is read; writing says what is too long."""
    name = str(tmp_path / ("x" * 250))
    with h5py.File(name, "w") as file:
        file["a"] = 1
    chk = HDF5Checkpointer(name)
    assert chk.load() == {"a": 1} and chk.verify().ok and not chk.recover()
    for use in (lambda: chk.update({"b": 2}), chk.compact):
        with pytest.raises(OSError, match="-journal") as caught:
            use()
        assert caught.value.errno == errno.ENAMETOOLONG and caught.value.filename == name
    HDF5Checkpointer(name, journal=False)["b"] = 2
    assert chk["b"] == 2
    with pytest.raises(OSError, match="shorter") as caught:
        HDF5Checkpointer(tmp_path / ("x" * 300))["a"] = 1
    assert caught.value.errno == errno.ENAMETOOLONG


@pytest.mark.parametrize(
    "address", ["s3://bucket/run.hdf5", "https://a.b/x.h5", "gs://x", "memory://a"]
)
def test_addresses(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of a scheme that nobody knows is refused, and is not an empty store."""
    monkeypatch.chdir(tmp_path)
    for use in (HDF5Checkpointer, load, lambda a: hdfchk.save(a, {"a": 1})):
        with pytest.raises(UnknownTargetError, match=address.split("/", maxsplit=1)[0]):
            use(address)
        with pytest.raises(UnknownTargetError):
            use(address.encode())
    with pytest.raises(UnknownTargetError):
        load(address, isolated=True)
    assert os.listdir(tmp_path) == []


def test_paths_that_look_like_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drives of Windows, and paths with colons, are no addresses."""
    monkeypatch.chdir(tmp_path)
    for target in (r"C:\run.hdf5", "C://run.hdf5", "C:/run.hdf5", "a:b.hdf5", "./s3://x"):
        assert len(HDF5Checkpointer(target)) == 0
    HDF5Checkpointer(r"C:\run.hdf5")["a"] = 1
    assert HDF5Checkpointer(pathlib.PurePath(r"C:\run.hdf5"))["a"] == 1


@pytest.mark.parametrize(
    "raw", [b"x", b"no HDF5" * 500, b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(3000)]
)
def test_bytes_that_are_wrong(path: str, raw: bytes) -> None:
    """A file whose bytes were read, and are no HDF5 file's, is the one that is told as damaged."""
    Path(path).write_bytes(raw)
    chk = HDF5Checkpointer(path)
    for use in (chk.load, chk.verify, lambda: chk.update({"a": 1}), chk.compact):
        with pytest.raises(CorruptFileError, match="copy") as caught:
            use()
        assert caught.value.file == path
    assert Path(path).read_bytes() == raw and os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    if raw[0] != 0x89:
        assert "not an HDF5 file" in str(caught.value)


def test_a_socket_is_no_file(tmp_path: Path) -> None:
    """What is there, but no regular file, is told as that, and not waited for."""
    name = str(tmp_path / "pipe")
    os.mkfifo(name)
    found = explain_open(OSError("file signature not found"), name, writable=False)
    assert isinstance(found, OSError) and not isinstance(found, CorruptFileError)
    assert found.filename == name


def test_in_use_is_no_damage(path: str) -> None:
    """A file that plain h5py has open for writing is in use."""
    with h5py.File(path, "w") as file:
        file["a"] = 1
        with pytest.raises(LockedError):
            HDF5Checkpointer(path, lock_timeout=0.1)["a"]


@pytest.mark.slow
def test_isolated(tmp_path: Path, path: str) -> None:
    """A child process hands on an error of the system as what it is."""
    with pytest.raises(IsADirectoryError):
        load(tmp_path, isolated=True)
    os.symlink(path, path)
    with pytest.raises(OSError) as caught:
        load(path, isolated=True)
    assert caught.value.errno == errno.ELOOP and caught.value.filename == path


class Failing(io.BytesIO):
    """A file object whose disk fails."""

    name = "failing.h5"
    broken = False

    def readinto(self, buffer: Any) -> int:
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        return super().readinto(buffer)


def test_objects(tmp_path: Path) -> None:
    """On file objects and h5py's, `verify`, `compact` and `recover` are done, or ordinary errors."""
    memory = io.BytesIO()
    stored = {"a": 1, "d": {f"k{i}": np.arange(9.0) for i in range(20)}}
    HDF5Checkpointer(memory).update(stored)
    name = str(tmp_path / "x.h5")
    Path(name).write_bytes(memory.getvalue())
    with h5py.File(name, "a") as file, open(name + "2", "w+b") as stream:
        stream.write(memory.getvalue())
        for target in (memory, file, file["d"], stream):
            chk = HDF5Checkpointer(target)
            assert chk.verify().ok and len(chk.verify().whole) >= 20 and not chk.recover()
            with pytest.raises(hdfchk.UnsupportedStoredError, match="path"):
                chk.compact()
    closed = HDF5Checkpointer(file)
    for use in (closed.verify, closed.load):
        with pytest.raises(hdfchk.ClosedError):
            use()
    for raw in (b"", b"no HDF5", memory.getvalue()[:2000]):
        broken = HDF5Checkpointer(io.BytesIO(raw), mode="r")
        with pytest.raises((CorruptFileError, FileNotFoundError)):
            broken.verify()

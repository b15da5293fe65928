"""The handle: when the file is opened, for what, and when it is closed."""

from __future__ import annotations

import copy
import gc
import io
import os
import pathlib
import pickle
import subprocess
import sys
import threading
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import (
    CheckpointerKeyError,
    ClosedError,
    CorruptFileError,
    HDF5Checkpointer,
    InvalidKeyError,
    InvalidOptionError,
    ReadOnlyError,
    UnclosedWarning,
    UnknownTargetError,
)
from tests.support.inside import connection


def descriptors(path: str) -> list[str]:
    """The descriptors that lead to a file."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}") == str(path):
                found.append(name)
        except OSError:
            continue
    return found


def test_nothing_stays_open(path: str) -> None:
    """Outside a with block no descriptor and no lock stays after a call."""
    chk = HDF5Checkpointer(path)
    chk["a"] = {"x": np.arange(3)}
    group, array = chk["a"], chk.array("a/x")
    for use in (
        lambda: chk["a/x"],
        lambda: list(chk),
        lambda: chk.load(),
        lambda: array[0],
        lambda: len(group),
        lambda: group.attrs.update(u=1),
    ):
        use()
        assert descriptors(path) == []
    with h5py.File(path, "r+"):
        pass


def test_lazy_and_upgrade(path: str) -> None:
    """Inside, the file is opened at the first use, for reading until the first write; once."""
    HDF5Checkpointer(path)["a"] = 1
    with HDF5Checkpointer(path) as chk:
        assert descriptors(path) == []
        assert chk["a"] == 1
        assert descriptors(path) and connection(chk).storage.writable is False
        group = chk.group("g", create=True)
        assert connection(chk).storage.writable is True
        storage = connection(chk).storage
        group["x"] = chk["a"]
        with chk:
            chk["b"] = 2
        assert connection(chk).storage is storage and chk.is_open
    assert descriptors(path) == [] and not chk.is_open
    assert chk == {"a": 1, "g": {"x": 1}, "b": 2}


def test_reading_creates_nothing(path: str) -> None:
    """A missing file is an empty mapping, and is not created by any way to read."""
    chk = HDF5Checkpointer(path)
    with chk:
        assert list(chk) == [] and "a" not in chk and chk.get("a") is None and chk.load() == {}
        assert chk.pop("a", 1) == 1 and len(chk) == 0
        chk.clear()
        chk.update({})
    for fails in (
        lambda: chk["a"],
        lambda: chk.array("a"),
        lambda: chk.group("a"),
        lambda: chk.__delitem__("a"),
    ):
        with pytest.raises(KeyError):
            fails()
    assert not os.path.exists(path)
    with pytest.raises(TypeError):
        chk["bad"] = object()
    assert not os.path.exists(path)


def test_reads_move_no_mtime(path: str) -> None:
    """Reading changes neither the bytes nor the times of a file."""
    HDF5Checkpointer(path).update({"a": {"b": np.zeros(4)}, "c": 1})
    os.utime(path, ns=(10**18, 10**18))
    before = pathlib.Path(path).read_bytes()
    with HDF5Checkpointer(path) as chk:
        chk.load(), list(chk.items()), "a/b" in chk, chk.array("a/b")[:], dict(chk.attrs), chk == {}
    assert os.stat(path).st_mtime_ns == 10**18 and pathlib.Path(path).read_bytes() == before


def test_read_only_place(open_folder: pathlib.Path) -> None:
    """A read-only file in a read-only folder reads, and refuses writes with our error."""
    file = open_folder / "x.hdf5"
    HDF5Checkpointer(file)["a"] = 1
    file.chmod(0o444)
    open_folder.chmod(0o555)
    code = f"""
import os
import hdfchk
hdfchk.load({str(file)!r})  # imports what is needed while it may be read
hdfchk.save({str(open_folder / "other.hdf5")!r}, {{"a": 1}})  # likewise for writing
os.setgid(65534); os.setuid(65534)
chk = hdfchk.HDF5Checkpointer({str(file)!r})
assert chk["a"] == 1 and chk.load() == {{"a": 1}}
for write in (lambda: chk.__setitem__("b", 1), lambda: chk.__delitem__("a"), lambda: chk.clear()):
    try:
        write()
    except hdfchk.ReadOnlyError as error:
        assert {str(file)!r} in str(error)
    else:
        raise SystemExit("written")
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        assert done.returncode == 0, done.stderr
    finally:
        open_folder.chmod(0o755)


def test_modes(path: str) -> None:
    """The modes are h5py's."""
    for mode in ("r", "r+"):
        with pytest.raises(FileNotFoundError):
            HDF5Checkpointer(path, mode=mode)["a"]
    with pytest.raises(FileNotFoundError):
        HDF5Checkpointer(path, mode="r+")["a"] = 1
    assert not os.path.exists(path)
    HDF5Checkpointer(path, mode="x")["a"] = 1
    for use in (lambda chk: chk.__setitem__("a", 1), lambda chk: chk.load(), lambda chk: len(chk)):
        with pytest.raises(FileExistsError):
            use(HDF5Checkpointer(path, mode="x"))
    with pytest.raises(ReadOnlyError):
        HDF5Checkpointer(path, mode="r")["b"] = 1
    HDF5Checkpointer(path, mode="r+")["b"] = 2
    assert HDF5Checkpointer(path, mode="r").load() == {"a": 1, "b": 2}
    chk = HDF5Checkpointer(path, mode="w")
    assert list(chk) == [] and "a" not in chk
    chk["c"] = 3
    chk["d"] = 4
    assert chk == {"c": 3, "d": 4} == HDF5Checkpointer(path).load()
    with HDF5Checkpointer(path, mode="w"):
        pass
    assert HDF5Checkpointer(path).load() == {}
    with pytest.raises(InvalidOptionError):
        HDF5Checkpointer(path, mode="q")


def test_targets(tmp_path: Any) -> None:
    """A path may be str, bytes or PathLike; a file object stays open."""
    file = tmp_path / "é x.hdf5"
    HDF5Checkpointer(file)["a"] = 1
    assert HDF5Checkpointer(str(file))["a"] == 1 == HDF5Checkpointer(os.fsencode(file))["a"]
    with open(file, "r+b") as stream:
        chk = HDF5Checkpointer(stream)
        chk["b"] = 2
        with chk:
            chk["c"] = 3
        assert not stream.closed and chk.load() == {"a": 1, "b": 2, "c": 3}
    assert HDF5Checkpointer(file).load() == {"a": 1, "b": 2, "c": 3}
    with open(file, "rb") as stream:
        assert HDF5Checkpointer(stream).load() == {"a": 1, "b": 2, "c": 3}
        with pytest.raises(ReadOnlyError):
            HDF5Checkpointer(stream)["d"] = 1
    with open(tmp_path / "text", "w+") as stream, pytest.raises(OSError, match="binary"):
        HDF5Checkpointer(stream)
    for wrong in (5, 1.5, object(), ["a"]):
        with pytest.raises(UnknownTargetError):
            HDF5Checkpointer(wrong)
    buffer = io.BytesIO()
    assert HDF5Checkpointer(buffer).load() == {} and buffer.getvalue() == b""
    HDF5Checkpointer(buffer)["a"] = [1, 2]
    assert HDF5Checkpointer(io.BytesIO(buffer.getvalue())).load() == {"a": [1, 2]}


def test_h5py_objects(path: str) -> None:
    """An open h5py.File or Group is used and left open; once closed, it says so."""
    with h5py.File(path, "w") as file:
        group = file.create_group("in/side")
        chk = HDF5Checkpointer(group)
        chk["a"] = {"x": 1}
        assert file["in/side/a/x"][()] == 1 and chk.load() == {"a": {"x": 1}}
        with HDF5Checkpointer(file) as whole:
            assert whole["in/side/a/x"] == 1
        assert file
    with pytest.raises(ClosedError):
        chk["a"]
    with h5py.File(path, "r") as file, pytest.raises(ReadOnlyError):
        HDF5Checkpointer(file)["b"] = 1


def test_save_and_load(path: str) -> None:
    """save writes a whole dict, in place of an old file; load reads it."""
    hdfchk.save(path, {"a": {"b": np.arange(3)}, "c": {"d": 1}})
    hdfchk.save(path, {"a": {"b": np.arange(3)}, "c": {"d": 1}})
    loaded = hdfchk.load(path)
    assert (
        type(loaded) is dict and loaded["c"] == {"d": 1} and loaded["a"]["b"].tolist() == [0, 1, 2]
    )
    with pytest.raises(TypeError):
        hdfchk.save(path, {"bad": object()})
    assert hdfchk.load(path)["c"] == {"d": 1}
    with pytest.raises(FileNotFoundError):
        hdfchk.load(path + "x")


@pytest.mark.parametrize("kind", ["new", "there", "bytes"])
@pytest.mark.parametrize(
    ("mapping", "nested"),
    [
        ({"ok": 1, "m/s": 3}, "{'m': {'s': 3}}"),
        ({"a/b/c": np.arange(3)}, "{'a': {'b': {'c': ...}}}"),
        ({("m", "s"): "x"}, "{'m': {'s': 'x'}}"),
        ([("m/s", 3)], "{'m': {'s': 3}}"),
        ({"m": {"s": 1}, "m/t": 2}, "{'m': {'t': 2}}"),
    ],
)
def test_save_takes_names(path: str, kind: str, mapping: Any, nested: str) -> None:
    """A path as a key of what is saved is refused, with the nested form; nothing is written."""
    target: Any = io.BytesIO() if kind == "bytes" else path
    if kind == "there":
        hdfchk.save(path, {"old": 1})
    with pytest.raises(InvalidKeyError) as caught:
        hdfchk.save(target, mapping)
    assert nested in str(caught.value) and caught.value.file and caught.value.key
    if kind == "bytes":
        assert not target.getvalue()
    else:
        assert (hdfchk.load(path) == {"old": 1}) if kind == "there" else not os.path.exists(path)


def test_nested_dicts_keep_such_keys(path: str) -> None:
    """A dict as a value may have any keys; `update` takes paths."""
    value = {"units": {"m/s": 3, "a": {"b/c": 1}}, "n": {1: "x"}}
    hdfchk.save(path, value)
    assert hdfchk.load(path) == value
    chk = HDF5Checkpointer(path)
    chk.update({"m/s": 3})
    chk |= {"m/t": 4}
    assert chk["m"] == {"s": 3, "t": 4} and chk.setdefault("m/u", {"x/y": 1}) == {"x/y": 1}


def test_pickle_and_copy(path: str) -> None:
    """A store pickles and copies as its address and options, also while it is open."""
    chk = HDF5Checkpointer(path, omitted_keys=["hidden"])
    chk["a"] = 1
    with chk:
        chk["b"] = 2
        twins = [pickle.loads(pickle.dumps(chk)), copy.copy(chk), copy.deepcopy(chk)]
    for twin in twins:
        assert type(twin) is HDF5Checkpointer and not twin.is_open
        assert twin.load() == {"a": 1, "b": 2} and twin.omitted_keys == ["hidden"]
        with pytest.raises(CheckpointerKeyError):
            twin["hidden"] = 1
    group = pickle.loads(pickle.dumps(chk.group("g", create=True)))
    group["x"] = 1
    assert chk["g"] == {"x": 1}
    started = HDF5Checkpointer(path, mode="w")
    started["only"] = 1
    assert pickle.loads(pickle.dumps(started)).load() == {"only": 1}
    memory = HDF5Checkpointer(None)
    memory["a"] = np.arange(3)
    twin = copy.deepcopy(memory)
    twin["b"] = 1
    assert list(memory) == ["a"] and list(twin) == ["a", "b"]
    with pytest.raises(TypeError):
        pickle.dumps(HDF5Checkpointer(io.BytesIO()))


def test_errors_pickle(path: str) -> None:
    """Errors name file and key, and keep their parts when they are pickled."""
    with pytest.raises(KeyError) as caught:
        HDF5Checkpointer(path)["a/b"]
    error = pickle.loads(pickle.dumps(caught.value))
    assert type(error) is CheckpointerKeyError and isinstance(error, KeyError)
    assert error.key == "a/b" and error.file == path and str(error) == str(caught.value)
    assert path in str(error) and "a/b" in str(error)


@pytest.mark.parametrize("inside", [False, True])
def test_threads(path: str, inside: bool) -> None:
    """Eight threads use one store at once, outside and inside a with block."""
    chk = HDF5Checkpointer(path)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(15):
                chk[f"t{number}", f"s{step}"] = np.full(10, number)
                assert chk[f"t{number}/s{step}"][0] == number
                with chk:
                    chk[f"t{number}/last"] = step
                    assert len(chk[f"t{number}"]) >= 1
                    assert number < 8 and list(chk)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    if inside:
        chk.__enter__()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if inside:
        chk.__exit__(None, None, None)
    # A key that another thread adds during an iteration is a RuntimeError, as for a dict.
    assert [error for error in failures if not isinstance(error, RuntimeError)] == []
    if not failures:
        assert len(chk) == 8 and all(len(chk[f"t{n}"]) == 16 for n in range(8))
    assert descriptors(path) == []


@pytest.mark.slow
@pytest.mark.parametrize("leave", ["sys.exit(0)", "os._exit(0)", "pass"])
def test_fork(path: str, leave: str) -> None:
    """After fork the child opens the file for itself; the parent's open file is not harmed."""
    code = f"""
import os, sys, gc
import numpy as np
from hdfchk import HDF5Checkpointer
path = {path!r}
reader = HDF5Checkpointer(path)
with HDF5Checkpointer(path) as chk:
    chk["before"] = np.arange(1000)
    chk["big"] = np.arange(100000)
    pid = os.fork()
    if pid == 0:
        chk.close()
        del chk
        gc.collect()
        {leave}
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    chk["after"] = np.arange(1000) * 2
    chk["before"] = np.arange(1001)
chk = HDF5Checkpointer(path)
assert chk["before"].tolist() == list(range(1001)) and chk["after"][999] == 1998
assert chk["big"].tolist() == list(range(100000))
pid = os.fork()
if pid == 0:
    assert chk["after"][1] == 2
    chk["child"] = 1
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert chk["child"] == 1
with chk:
    assert chk["child"] == 1
    pid = os.fork()
    if pid == 0:
        assert chk["after"][1] == 2
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    chk["more"] = 2
assert list(chk) == ["before", "big", "after", "child", "more"]
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_forgotten(path: str) -> None:
    """A block that was never left is an UnclosedWarning, which Python hides as any ResourceWarning."""
    chk = HDF5Checkpointer(path)
    chk.__enter__()
    chk["a"] = 1
    with pytest.warns(UnclosedWarning, match="never closed"):
        del chk
        gc.collect()
    assert HDF5Checkpointer(path)["a"] == 1


def test_abandoned_iteration(path: str) -> None:
    """An iteration that is given up half-way leaves nothing open."""
    chk = HDF5Checkpointer(path)
    chk.update({"a": 1, "b": 2})
    for _ in chk.items():
        break
    gc.collect()
    assert descriptors(path) == [] and not chk.is_open


def test_open_once(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Iteration, items, load, update, get_keys and call open the file once."""
    from hdfchk.backends.hdf5 import FileBackend

    opened: list[bool] = []
    real = FileBackend.open_storage

    def counting(self: Any, mode: str, *args: Any) -> Any:
        opened.append(mode != "r")
        return real(self, mode, *args)

    monkeypatch.setattr(FileBackend, "open_storage", counting)
    chk = HDF5Checkpointer(path)
    chk.update({f"k{i}": i for i in range(50)})
    assert opened == [True]
    for use in (
        lambda: dict(chk.items()),
        lambda: chk.load(),
        lambda: chk.get_keys(["k1", "k2"]),
        lambda: chk.call(lambda k1, k2: 0),
        lambda: chk == {},
    ):
        opened.clear()
        use()
        assert opened == [False]


def test_no_hdf5_file(tmp_path: Any) -> None:
    """Another kind of file, an empty one, a folder: an error that says so, and nothing is lost."""
    other = tmp_path / "notes.txt"
    other.write_text("my notes " * 100)
    for use in (lambda chk: chk.load(), lambda chk: chk.__setitem__("a", 1), lambda chk: list(chk)):
        with pytest.raises(CorruptFileError) as caught:
            use(HDF5Checkpointer(other))
        assert str(other) in str(caught.value)
    assert other.read_text() == "my notes " * 100
    (tmp_path / "empty").touch()
    chk = HDF5Checkpointer(tmp_path / "empty")
    assert chk.load() == {}
    chk["a"] = 1
    assert chk.load() == {"a": 1}
    with pytest.raises(OSError):
        HDF5Checkpointer(tmp_path).load()
    with pytest.raises(OSError):
        HDF5Checkpointer(tmp_path / "no" / "such" / "folder.hdf5")["a"] = 1


def test_full_disk(path: str) -> None:
    """When there is no room the assignment raises, and what was there is still there."""
    code = f"""
import resource
import numpy as np
from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer({path!r})
chk["a"] = np.arange(1000)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    chk["big"] = np.ones(1_000_000)
except OSError as error:
    pass
else:
    raise SystemExit("written")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_use_after_close(path: str) -> None:
    """A store and its groups go on working after a block; close leaves all blocks."""
    with HDF5Checkpointer(path) as chk:
        chk["g"] = {"a": 1}
        group = chk["g"]
    group["b"] = 2
    chk.__enter__()
    chk.__enter__()
    chk["c"] = 3
    chk.close()
    chk.close()
    assert not chk.is_open and chk == {"g": {"a": 1, "b": 2}, "c": 3}

"""Causes that pass: no room, no memory, no rights, a codec that fails, Ctrl-C in bulk writes.

Each gives an ordinary exception, nothing is lost, and the store goes on when the cause is gone.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import CheckpointWarning, HDF5Checkpointer, NotDurableError, ReadOnlyError, register
from hdfchk.backends.hdf5.wal import first_commit
from tests.support.exact import differs

from .disk import REAL, SECTOR, Tap
from .test_processes import start

pytestmark = pytest.mark.filterwarnings("ignore::hdfchk.CheckpointWarning")

BIG = np.arange(30_000.0)


class Meter(Tap):
    """After some bytes of writing there is no room any more, or no sync comes to its end."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.left: float = float("inf")
        self.broken = False
        self.calls: list[str] = []

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        self.calls.append("pwrite")
        room = int(min(self.left, len(data)))
        if room < len(data):  # a disk has room for whole sectors
            room = max(0, (offset + room) // SECTOR * SECTOR - offset)
        if room == 0 and len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= room
        return REAL["pwrite"](descriptor, data[:room], offset)

    def posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
        if size > self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= size
        REAL["posix_fallocate"](descriptor, offset, size)

    def fsync(self, descriptor: int) -> None:
        self.calls.append("sync")
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    fdatasync = fsync


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[Meter]:
    """Between the store and the file system."""
    with Meter(str(tmp_path)) as found:
        yield found


CHANGES: tuple[dict[str, Any], ...] = (
    {"a": 2.0},
    {"a": BIG + 1, "new": "x" * 9000},
    {"b": {"c": BIG, "d": list(range(3000))}, "a": None},
    {"late": np.ones(200_000)},
)


def test_no_room_at_any_byte(path: str, meter: Meter) -> None:
    """Wherever a disk becomes full: before or after, never between; and then it goes on."""
    for inside in (True, False):
        for number, room in enumerate([*range(0, 3000, 150), *range(3000, 1_000_000, 43_210)]):
            if os.path.exists(path):
                os.unlink(path)
            chk = HDF5Checkpointer(path)
            model: dict[str, Any] = {"a": 1.0, "b": BIG}
            chk.update(model)
            if inside:
                chk.__enter__()
            for change in CHANGES[number % 4 :] + CHANGES:
                meter.left = room
                try:
                    chk.update(change)
                    done = True
                except OSError as error:
                    assert error.errno == errno.ENOSPC, error
                    done = False
                meter.left = float("inf")
                found = chk.load()
                if differs({**model, **change}, found) is None:
                    model.update(change)
                else:
                    assert not done and differs(model, found) is None, (room, change.keys())
            chk["end"] = model["end"] = number  # it also clears up, if the last could not
            if inside:
                chk.__exit__(None, None, None)
            assert differs(model, HDF5Checkpointer(path).load()) is None
            assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


@pytest.mark.parametrize("mode", ["a", "w"])
@pytest.mark.parametrize("in_memory", [True, False])
def test_no_room_for_a_new_file(
    path: str, meter: Meter, mode: str, in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file is there, whole, or is not, when there is no room for what goes beside it."""
    if not in_memory:
        monkeypatch.setattr(first_commit, "MEMORY_BYTES", -1)
    for room in range(0, 400, 13):
        HDF5Checkpointer(path)["old"] = 1
        if mode == "a":
            os.unlink(path)
        with HDF5Checkpointer(path, mode=mode) as chk:
            model: dict[str, Any] = {}
            for change in ({"a": 1.0}, {"b": BIG}):
                meter.left = room
                try:
                    chk.update(change)
                    model.update(change)
                except OSError:
                    meter.left = float("inf")
                    found = chk.load()
                    assert differs(found, model) is None or not differs(found, {**model, **change})
                    model = found
                meter.left = float("inf")
            chk["c"] = model["c"] = 3
        assert differs(model, HDF5Checkpointer(path).load()) is None
        assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_no_room_at_the_end(path: str, meter: Meter) -> None:
    """A block whose commits find no place in the file leaves them in the log, and says so."""
    HDF5Checkpointer(path)["a"] = 1
    with pytest.warns(CheckpointWarning, match="No space"), HDF5Checkpointer(path) as chk:
        chk["b"] = np.arange(2000.0)
        meter.left = 0
    assert os.path.exists(path + "-journal")
    meter.left = float("inf")
    assert HDF5Checkpointer(path, mode="r")["b"].sum() == 1_999_000
    HDF5Checkpointer(path)["c"] = 1
    assert list(HDF5Checkpointer(path)) == ["a", "b", "c"]
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


SMALL_DISK = """
import errno, os, sys
import numpy as np
from hdfchk import HDF5Checkpointer
path = sys.argv[1] + "/x.hdf5"
fill = sys.argv[1] + "/other"
chk = HDF5Checkpointer(path)
chk["a"] = np.ones(50_000)
refused = 0
for inside in (False, True):
    if inside:
        chk.__enter__()
        chk["step"] = 0
    with open(fill, "wb") as other:  # somebody else takes the room
        try:
            while True:
                other.write(bytes(4096)); other.flush()
        except OSError:
            pass
        try:
            other.close()
        except OSError:
            pass
    for value in (np.ones(100_000), "x" * 900_000, {"b": np.ones(70_000)}):
        try:
            chk["a"] = value
        except OSError as error:
            assert not isinstance(error, MemoryError)
            refused += 1
        assert chk["a"].sum() == 50_000
    try:
        HDF5Checkpointer(sys.argv[1] + "/new.hdf5")["a"] = np.ones(50_000)
    except OSError:
        refused += 1
    os.unlink(fill)
    chk["a"] = np.ones(50_000)
    chk["after"] = inside
    if inside:
        chk.__exit__(None, None, None)
HDF5Checkpointer(sys.argv[1] + "/new.hdf5")["a"] = 1
assert chk.load().keys() == {"a", "after", "step"} and chk["a"].sum() == 50_000
assert sorted(os.listdir(sys.argv[1])) == ["new.hdf5", "x.hdf5"], os.listdir(sys.argv[1])
print(refused)
"""


def test_small_disk(tmp_path: Path) -> None:
    """A real file system of 2 MiB that is full: nothing is lost, and it goes on."""
    mount = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", mount, "sh", str(tmp_path), sys.executable, SMALL_DISK]
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*command[:4], 'mount -t tmpfs none "$1"', *command[5:7]],
            check=False,
            capture_output=True,
        ).returncode
    ):
        pytest.skip("this system lets nobody mount a file system of their own")
    child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert child.returncode == 0, child.stderr[-2000:]
    assert int(child.stdout) == 8


READ_ONLY = """
import os, sys, tempfile
import hdfchk
from hdfchk import HDF5Checkpointer
with tempfile.TemporaryDirectory() as own:  # all that is needed is imported as oneself
    chk = HDF5Checkpointer(own + "/x.hdf5")
    chk["a"] = 1
    chk.verify()
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
folder, expected = sys.argv[1], hdfchk.ReadOnlyError
for name in ("x.hdf5", "none.hdf5"):
    before = sorted(os.listdir(folder))
    chk = HDF5Checkpointer(folder + "/" + name)
    try:
        chk["a"] = 2
    except expected as error:
        assert name in str(error), error
    else:
        raise SystemExit("written")
    try:
        with chk:
            chk["a"] = 2
    except expected:
        pass
    assert sorted(os.listdir(folder)) == before
assert HDF5Checkpointer(folder + "/x.hdf5")["a"] == 1
assert HDF5Checkpointer(folder + "/x.hdf5", mode="r").verify().ok
"""


@pytest.mark.parametrize("file_mode", [0o666, 0o444])
def test_read_only_folder(open_folder: Path, file_mode: int) -> None:
    """Where nothing can be made, reading works, and writing is an error that names the file."""
    HDF5Checkpointer(open_folder / "x.hdf5")["a"] = 1
    (open_folder / "x.hdf5").chmod(file_mode)
    open_folder.chmod(0o555)
    try:
        child = start(READ_ONLY, open_folder)
        assert child.communicate(timeout=60)[1] == ""
        assert child.returncode == 0
    finally:
        open_folder.chmod(0o755)


LITTLE_MEMORY = """
import os, resource, sys
import numpy as np
from hdfchk import HDF5Checkpointer
path = sys.argv[1]
chk = HDF5Checkpointer(path)
model = {"a": 1, "s": "x" * 1000}
chk.update(model)
big, text = np.ones(4_000_000), ["item %d" % i for i in range(200_000)]
def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * 4096
refused = 0
for inside in (False, True):
    if inside:
        chk.__enter__()
        chk["a"] = 1
    for spare in [0, *range(100_000, 60_000_000, 2_500_000)]:
        for key, value in (("big", big), ("text", text), ("deep", {"b": text[:9000], "c": big})):
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (used() + spare, hard))
            try:
                chk[key] = value
                done = True
            except (MemoryError, OSError, RuntimeError) as error:
                done = False
                refused += 1
            finally:
                resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            assert (key in chk) == done, (key, spare)
            assert chk["a"] == 1 and chk["s"] == "x" * 1000
            if done:
                del chk[key]
    chk["big"] = big
    assert chk["big"].sum() == 4_000_000
    del chk["big"]
    if inside:
        chk.__exit__(None, None, None)
assert HDF5Checkpointer(path).load() == model
assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
print(refused)
"""


def test_little_memory(path: str) -> None:
    """Memory that runs out, wherever it does, is an exception, and costs nothing."""
    child = start(LITTLE_MEMORY, path)
    out, error = child.communicate(timeout=120)
    assert child.returncode == 0, (child.returncode, error[-3000:])
    assert int(out) > 3


class Failing:
    """A class whose state cannot always be told."""

    def to_state(self) -> dict[str, Any]:
        raise ZeroDivisionError("half-way")

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Failing:
        return cls()


def test_a_codec_that_fails(path: str) -> None:
    """An exception out of a codec half-way through a value: not one byte is written."""
    register(Failing)
    with HDF5Checkpointer(path) as chk:
        chk["a"] = {"x": 1}
        chk.commit()
        before = Path(path).read_bytes()
        for value in ({"x": BIG, "y": [1, Failing()]}, [BIG, Failing()]):
            with pytest.raises(ZeroDivisionError):
                chk["a"] = value
            with pytest.raises(ZeroDivisionError):
                chk.update({"b": BIG, "c": value})
            with pytest.raises(ZeroDivisionError), chk.transaction():
                chk["b"] = BIG
                chk["c"] = value
        assert Path(path).read_bytes() == before and chk.load() == {"a": {"x": 1}}
        chk["b"] = 2
    assert HDF5Checkpointer(path).load() == {"a": {"x": 1}, "b": 2}


IN_BULK = """
import os, signal, sys, threading, time
import numpy as np
from hdfchk import HDF5Checkpointer
path, big = sys.argv[1], np.ones(12_000_000)
came = 0
HDF5Checkpointer(path)["big"] = 0
for round in range(12):
    timer = threading.Timer(0.01 * round, os.kill, (os.getpid(), signal.SIGINT))
    n = round + 1
    try:
        timer.start()
        with HDF5Checkpointer(path, durable=False) as chk:
            before = None if round == 0 else chk.load()
            big[:] = n
            chk.update({"big": big, "n": n})
            after = True
        timer.join()
    except KeyboardInterrupt:
        came += 1
        timer.join()
    found = HDF5Checkpointer(path).load()
    whole = found["big"] is not None and np.shape(found["big"]) == big.shape
    assert not whole or (found["big"] == found["n"]).all()
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
print(came)
"""


def test_interrupts_of_bulk_writes(path: str) -> None:
    """Ctrl-C while 96 MB are written: the exception comes, and all of them are there or none."""
    child = start(IN_BULK, path)
    out, error = child.communicate(timeout=120)
    assert child.returncode == 0, error[-2000:]
    assert int(out) > 3


def test_syncs(path: str, meter: Meter) -> None:
    """What is brought to the disk, and when: by `sync_interval`, `commit`, and `durable`."""
    HDF5Checkpointer(path, durable=False).update({"a": 1, "b": BIG})
    with HDF5Checkpointer(path, durable=False, sync_interval=0) as chk:
        chk["a"] = 2
        chk["b"] = BIG + 1
        chk.commit()
    assert "sync" not in meter.calls
    for interval, each in ((0.0, 1), (1000.0, 0)):
        with HDF5Checkpointer(path, sync_interval=interval) as chk:
            chk["a"] = 0
            for step in range(5):
                meter.calls.clear()
                chk["a"] = step
                assert meter.calls.count("sync") == each
            meter.calls.clear()
            chk["b"] = np.arange(180_000.0 - 90_000 * each)
            assert (
                meter.calls.count("sync") >= 1
            )  # bulk data are, before the commit that needs them
            meter.calls.clear()
            chk.commit()
            assert meter.calls.count("sync") >= 2
            chk["a"] = -1
            meter.calls.clear()
        assert meter.calls.count("sync") >= 2
    meter.calls.clear()
    HDF5Checkpointer(path)["a"] = 3
    assert meter.calls.count("sync") >= 2


def test_errors_of_the_disk_are_not_swallowed(path: str, meter: Meter) -> None:
    """A sync that fails is told, and the next one brings what it had not brought."""
    chk = HDF5Checkpointer(path, sync_interval=0)
    with chk:
        chk["a"] = 1
        meter.broken = True
        with pytest.raises(NotDurableError, match="Input/output"):
            chk["a"] = 2
        meter.broken = False
        assert chk["a"] == 2
        chk.commit()
    assert HDF5Checkpointer(path).load() == {"a": 2}
    with pytest.raises(ReadOnlyError):
        HDF5Checkpointer(path, mode="r")["a"] = 1

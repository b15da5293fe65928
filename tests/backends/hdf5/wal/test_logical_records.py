"""Small assignments are written down at once, and done by HDF5 later: nothing shows the difference."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfchk import HDF5Checkpointer, JournalMismatchWarning, NotAGroupError
from hdfchk.backends.base import SMALL_BYTES
from hdfchk.backends.hdf5.nodes.apply import Commit
from hdfchk.backends.hdf5.wal import log
from hdfchk.backends.hdf5.wal.logical_records import pack_put, unpack_put
from hdfchk.backends.hdf5.wal_writer import MOST_PUTS, WalWriter
from hdfchk.connection.handle import Handle
from hdfchk.errors import CorruptFileError, UnsupportedTypeError
from hdfchk.tree import Leaf, Mark
from tests.support.exact import differs
from tests.support.inside import writing

ROOT = Path(__file__).parents[4]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=40).filter(lambda text: "\0" not in text),
)


@pytest.mark.slow
@given(SCALARS, st.sampled_from([None, Mark("x", 2, {"a": [1, "ä"]})]))
def test_bytes_of_scalars(value: Any, mark: Mark | None) -> None:
    """Path, mark and value come back from the journal's bytes."""
    packed = pack_put(("a", "b ä"), Leaf(value, mark))
    assert packed is not None
    path, leaf = unpack_put(packed)
    assert path == ("a", "b ä") and leaf.mark == mark and differs(value, leaf.data) is None


@pytest.mark.parametrize("dtype", ["f8", ">i4", "f2", "?", "c16", "u1", "g"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_bytes_of_arrays(dtype: str, shape: tuple[int, ...]) -> None:
    """Small arrays, too, with dtype, byte order and shape."""
    value = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    packed = pack_put(("a",), Leaf(value))
    assert packed is not None
    found = unpack_put(packed)[1].data
    assert differs(value, found) is None and found.flags.writeable


def test_what_is_not_small() -> None:
    """Long names, texts and arrays, and dtypes that a text does not tell, are left to HDF5."""
    for path, value in (
        (("a" * (SMALL_BYTES + 1),), 1),
        (("a",), "x" * (SMALL_BYTES + 1)),
        (("a",), np.zeros(SMALL_BYTES)),
        (("a",), np.zeros(2, "i4,f8")),
        (("a",), np.array(["x"], object)),
        (("a",), np.zeros(2, "S3")),
    ):
        assert pack_put(path, Leaf(value)) is None
    for wrong in (b"", b"\1\0\0\0\0\0z", b"\1\0\0\0\1\0aax", b"\1\0\0\0\0\0qa"):
        with pytest.raises(CorruptFileError, match="journal"):
            unpack_put(wrong)


def seen(path: str) -> dict[str, Any]:
    """What another process would read: the last commit."""
    return HDF5Checkpointer(path, mode="r").load()


def begun(path: str) -> HDF5Checkpointer:
    """A store whose file is there."""
    HDF5Checkpointer(path).update({"there": 0, "d": {"x": 1}})
    return HDF5Checkpointer(path, sync_interval=1000)


def test_as_a_dict(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of all small kinds, over others, in groups, in order: as in a dict, for everybody."""
    chk = begun(path)
    model: dict[str, Any] = {"there": 0, "d": {"x": 1}}
    used: list[bool] = []
    real = Handle.put
    monkeypatch.setattr(
        Handle,
        "put",
        lambda self, *args: (used.append(real(self, *args)), used[-1])[1],
    )
    values = [1.5, -7, "text", True, None, 1 + 2j, np.float64(0.1), np.arange(5), np.array(3.0)]
    with chk:
        chk["first"] = model["first"] = [1, "a"]
        for n, value in enumerate(values * 2):
            chk[f"k{n % 11}"] = model[f"k{n % 11}"] = value
            chk["d/x"] = model["d"]["x"] = value
        chk["first"] = model["first"] = "over a list"
        assert seen(path).keys() == model.keys()
        assert differs(model, seen(path)) is None  # a reader beside it
        chk["there"] = model["there"] = 2
        assert differs(model, chk.load()) is None
        with pytest.raises(NotAGroupError):
            chk["k1/below"] = 1
        chk["d"] = model["d"] = 5  # no group any more
        with pytest.raises(NotAGroupError):
            chk["d/x"] = 1
        del chk["k0"], model["k0"]
        chk["k0"] = model["k0"] = 1
    assert used.count(True) > 20
    assert differs(model, HDF5Checkpointer(path).load()) is None
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    with h5py.File(path) as file:
        assert file["k3"][()] == model["k3"]


def test_an_array_that_changes(path: str) -> None:
    """What is stored is the array as it was when it was assigned."""
    with begun(path) as chk:
        chk["n"] = 1
        array = np.zeros(3)
        chk["a"] = array
        array[:] = 7
        assert chk["a"].tolist() == [0, 0, 0]
    assert HDF5Checkpointer(path)["a"].tolist() == [0, 0, 0]


def test_no_more_than_so_many(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of those that wait for HDF5 is limited."""
    waiting: list[Any] = []
    put, settle = WalWriter.put, WalWriter.settle

    def putting(self: WalWriter, where: Any, leaf: Any) -> bool:
        done = put(self, where, leaf)
        waiting.extend([where] * done)
        return done

    def settling(self: WalWriter) -> None:
        settle(self)
        waiting.clear()

    monkeypatch.setattr(WalWriter, "put", putting)
    monkeypatch.setattr(WalWriter, "settle", settling)
    with begun(path) as chk:
        chk["n"] = most = 0
        for n in range(3 * MOST_PUTS):
            chk[f"k{n}"] = n
            most = max(most, len(waiting))
    assert most == MOST_PUTS
    assert len(HDF5Checkpointer(path)) == 3 * MOST_PUTS + 3


def test_errors_and_transactions(path: str) -> None:
    """An error, and a transaction that is given up, leave small assignments before them."""
    with begun(path) as chk:
        chk["n"] = 0
        chk["a"] = 1
        with pytest.raises(UnsupportedTypeError):
            chk["b"] = object()
        with pytest.raises(ZeroDivisionError), chk.transaction():
            chk["a"] = 2
            chk["c"] = np.zeros(50000)
            assert chk["a"] == 2
            1 / 0  # noqa: B018
        assert chk["a"] == 1 and "c" not in chk and seen(path)["a"] == 1
        chk["d"] = 3
        with pytest.raises(RuntimeError, match="no room"), writing(chk):
            raise RuntimeError("no room")
        assert chk["d"] == 3 and chk["a"] == 1
        with chk.transaction():
            chk["e"] = 4
            assert "e" not in seen(path)
        assert seen(path)["e"] == 4
        names = iter(chk)
        next(names)
        chk["new"] = 1
        with pytest.raises(RuntimeError, match="changed"):
            list(names)
    found = HDF5Checkpointer(path).load()
    assert found == {"there": 0, "d": 3, "n": 0, "a": 1, "e": 4, "new": 1}


def test_what_is_done_to_the_stream(path: str) -> None:
    """Once the stream was taken, all goes through HDF5: what is done to it is a part of a commit."""
    with begun(path) as chk:
        chk["n"] = 0
        chk.stream["raw"] = 1
        assert "raw" not in seen(path)
        chk["n"] = 1
        assert seen(path)["raw"] == 1


def test_one_that_cannot_be_done(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that HDF5 cannot do, in a damaged file, is told once; the others are done."""
    real = Commit._put

    def broken(self: Commit, path: Any, node: Any) -> None:
        if path == ("bad",):
            raise UnsupportedTypeError("HDF5 cannot keep it", key="bad")
        real(self, path, node)

    with begun(path) as chk:
        chk["n"] = 0
        chk.update({"bad": 0})
        chk["a"], chk["bad"], chk["b"] = 1, 2, 3
        monkeypatch.setattr(Commit, "_put", broken)
        with pytest.raises(UnsupportedTypeError, match="bad"):
            chk.load()
        assert chk["a"] == 1 and chk["b"] == 3 and chk["bad"] == 0
    assert HDF5Checkpointer(path)["b"] == 3


KILLED = """
import os, sys
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1], sync_interval=1000) as chk:
    chk["n"] = [1]
    for n in range(100):
        chk["n"] = n
        chk[f"k{n}"] = str(n)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["read", "read and leave", "write", "recover", "compact", "plain", "anew", "gone"]
)
def test_after_a_kill(path: str, how: str) -> None:
    """They are there after a kill, whatever comes first: a reader, a writer, recover, compact."""
    HDF5Checkpointer(path)["there"] = 0
    subprocess.run([sys.executable, "-c", KILLED, path], check=False, cwd=ROOT)
    expected = {"there": 0, "n": 99} | {f"k{n}": str(n) for n in range(100)}
    with h5py.File(path) as file:  # at the last checkpoint
        assert set(file) == {"there"}
    chk = HDF5Checkpointer(path)
    before = os.stat(path)
    if how == "read":
        reader = HDF5Checkpointer(path, mode="r")
        assert reader.load() == expected and list(reader) == list(expected)
        assert reader.array("n").shape == ()
        with reader:
            assert reader.stream.mode == "r"
        assert os.stat(path).st_mtime_ns == before.st_mtime_ns
        assert os.path.exists(path + "-journal")
    elif how == "read and leave":
        assert chk["n"] == 99  # who may write brings them in
    elif how == "write":
        chk["more"] = expected["more"] = 1
    elif how == "recover":
        assert chk.recover() and not chk.recover()
    elif how == "compact":
        chk.compact()
    elif how == "plain":
        HDF5Checkpointer(path, journal=False)["more"] = expected["more"] = 1
    elif how == "anew":
        new = HDF5Checkpointer(path, mode="w")
        with pytest.raises(ZeroDivisionError), new, new.transaction():
            new["x"] = 1
            1 / 0  # noqa: B018
    else:
        os.unlink(path)
        with pytest.warns(JournalMismatchWarning, match="set aside as .*journal.1"):
            chk["x"] = 1
        expected = {"x": 1}
        os.unlink(path + "-journal.1")
    if how != "read":
        assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
        with h5py.File(path) as file:
            assert set(file) == set(expected)
    assert chk.load() == expected
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]


def as_older(raw: bytes, magic: bytes) -> bytes:
    """A log in the form of an older version: another header, and no records of checksums."""
    state = log._STATE.unpack(raw[log._OWNER.size : log.HEADER_BYTES])
    head = log._OLD_HEADER.pack(magic, state[0], os.getpid(), b"host", 0)[:-4]
    parts = [head + log._SUM.pack(zlib.crc32(head))]
    chain, at = zlib.crc32(state[0]), log.HEADER_BYTES
    while at < len(raw):
        kind, count, length, size, payload_sum, _ = log._RECORD.unpack_from(raw, at)
        payload = raw[at + log._RECORD.size :][:length]
        at += log._RECORD.size + length
        if kind in {log._UNDER, log._CHECKPOINT}:
            continue
        head = log._HEAD.pack(kind, count, length, size, payload_sum)
        chain = zlib.crc32(head, chain)
        parts += (head, log._SUM.pack(chain), payload)
    return b"".join(parts)


@pytest.mark.slow
@pytest.mark.parametrize("magic", [b"hdfchkJ1", b"hdfchkJ2"])
@pytest.mark.parametrize("mode", ["r", "a"])
def test_journals_of_before(path: str, magic: bytes, mode: str) -> None:
    """Journals of the older forms are read; the first of them has no small assignments."""
    code = KILLED
    if magic == b"hdfchkJ1":
        code = code.replace('chk["n"] = n', 'chk.update({"n": n})').replace(
            'chk[f"k{n}"] = str(n)', 'chk.update({f"k{n}": str(n)})'
        )
    # Those versions put no stamp into the file.
    without = "from hdfchk.backends.hdf5 import wal_writer; wal_writer.write_stamp = len\n"
    with h5py.File(path, "w", libver="v110") as file:
        file["there"] = 0
    subprocess.run([sys.executable, "-c", without + code, path], check=False, cwd=ROOT)
    journal = Path(path + "-journal")
    raw = as_older(journal.read_bytes(), magic)
    journal.write_bytes(raw)
    chk = HDF5Checkpointer(path, mode=mode)
    assert chk["n"] == 99 and chk["k7"] == "7" and len(chk) == 102
    assert journal.exists() is (mode == "r")
    if mode == "r":
        assert journal.read_bytes() == raw
        HDF5Checkpointer(path)["more"] = 1
        assert not journal.exists() and len(chk) == 103

"""`verify` looks at the data of every file, and calls damaged only what is."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5a, h5d, h5s, h5t

from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    ReferencedError,
    UnsupportedStoredError,
    UnsupportedTypeError,
    load,
)
from tests.hostile.test_limits import with_new_sum
from tests.regressions.children import killed_writer
from tests.support import every_type


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file is made."""
    return tmp_path / "x.h5"


def flip(path: Path, key: str, byte: int = 3) -> None:
    """Change one byte of the data of a dataset."""
    with h5py.File(path, "r") as file:
        did = file[key].id
        offset = did.get_offset()
        place = did.get_chunk_info(0).byte_offset if offset is None else offset
    with open(path, "r+b") as raw:
        raw.seek(place + byte)
        old = raw.read(1)
        raw.seek(place + byte)
        raw.write(bytes([old[0] ^ 0xFF]))


def attribute(oid: Any, name: bytes, tid: Any, data: bytes) -> None:
    aid = h5a.create(oid, name, tid, h5s.create(h5s.SCALAR))
    aid.write(np.frombuffer(data, f"V{len(data)}").reshape(()), tid)


def dataset(file: Any, name: str, tid: Any, data: bytes, **options: Any) -> None:
    count = len(data) // tid.get_size()
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if options.get("fletcher32"):
        plist.set_chunk((count,))
        plist.set_fletcher32()
    did = h5d.create(file.id, name.encode(), tid, h5s.create_simple((count,)), plist)
    did.write(h5s.ALL, h5s.ALL, np.frombuffer(data, f"V{tid.get_size()}"), tid)


def opaque(tag: bytes) -> Any:
    tid = h5t.create(h5t.OPAQUE, 4)
    tid.set_tag(tag)
    return tid


def scales(path: Path) -> None:
    """As netCDF makes it: references in the attributes of variables and of their dimensions."""
    with h5py.File(path, "w") as file:
        file.create_dataset("t", data=np.arange(4.0), fletcher32=True, chunks=(4,))
        file.create_dataset("x", data=np.arange(4.0), fletcher32=True, chunks=(4,))
        file["x"].make_scale("x")
        file["t"].dims[0].attach_scale(file["x"])
        file.attrs["ref"] = file["x"].ref
        file.create_group("g").attrs["refs"] = np.array([file["x"].ref], h5py.ref_dtype)


def test_data_beside_references_are_looked_at(path: Path) -> None:
    """A reference in an attribute keeps nobody from looking at the data."""
    scales(path)
    report = HDF5Checkpointer(path).verify()
    assert report.ok and set(report.whole) == {"t", "x"} and not report.unread
    flip(path, "t")
    report = HDF5Checkpointer(path).verify()
    assert not report.ok and list(report.damaged) == ["t"] and report.whole == ("x",)


UNSUPPORTED = {
    "opaque": (opaque(b"one"), b"abcdefgh"),
    "time": (h5t.UNIX_D32LE, b"abcdefgh"),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_what_h5py_cannot_convert_is_not_damaged(path: Path, kind: str) -> None:
    """Whole data of such types are not supported; damaged ones are damaged."""
    tid, data = UNSUPPORTED[kind]
    both = h5t.create(h5t.COMPOUND, 8)
    both.insert(b"a", 0, tid)
    both.insert(b"b", 4, opaque(b"another"))
    with h5py.File(path, "w") as file:
        file["fine"] = np.arange(3)
        for name in ("x", "sum"):
            dataset(file, name, tid, data, fletcher32=name == "sum")
        dataset(file, "both", both, data * 2)
        for place in (file["fine"], file):
            attribute(place.id, b"a", tid, data[:4])
            attribute(place.id, b"bits", h5t.STD_B8LE, b"\5")
    chk = HDF5Checkpointer(path)
    report = chk.verify()
    assert report.ok and report.whole == ("fine",), report
    assert set(report.unread) == {"x", "sum", "both"}
    for key in report.unread:
        for look in (lambda key=key: chk[key], lambda key=key: chk.array(key)[0]):
            with pytest.raises(UnsupportedStoredError) as caught:
                look()
            assert caught.value.key == key and caught.value.file == str(path)
    with pytest.raises(UnsupportedStoredError, match="'a'") as caught:
        chk.array("fine").attrs["a"]
    assert caught.value.key == "fine"
    flip(path, "sum")
    report = HDF5Checkpointer(path).verify()
    assert list(report.damaged) == ["sum"] and set(report.unread) == {"x", "both"}
    assert isinstance(report.damaged["sum"], CorruptFileError)


def damage(path: Path, key: str) -> None:
    """Change a byte in the header of an object."""
    with h5py.File(path) as file:
        address = h5py.h5o.get_info(file[key].id).addr
    with open(path, "r+b") as raw:
        raw.seek(address + 8)
        old = raw.read(1)
        raw.seek(address + 8)
        raw.write(bytes([old[0] ^ 0xFF]))


EDITS: dict[str, Callable[[HDF5Checkpointer, str], object]] = {
    "del": lambda chk, key: chk.__delitem__(key),
    "assignment": lambda chk, key: chk.__setitem__(key, 1),
    "array": lambda chk, key: chk.__setitem__(key, np.arange(7)),
    "update": lambda chk, key: chk.update({"new": 1, key: 2, "fine": 3}),
    "pop": lambda chk, key: chk.pop(key),
    "get": lambda chk, key: chk[key],
    "clear": lambda chk, key: chk.clear(),
}


REMOVING = {"del", "assignment", "array", "update", "clear"}


def headers(path: Path, key: str, libver: str, *, again: bool = True) -> None:
    """A file in which the header of one key is damaged, to which other links lead."""
    with h5py.File(path, "w", libver=libver) as file:
        file["fine"], file["x"], file["g/y"] = np.arange(3), np.arange(4), 1
        file["g"].attrs["note"] = "mine"
        file["h/again"] = file[key] if again else 1
        for number in range(9):
            file[f"many/n{number}"] = number
    damage(path, key)


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("key", ["x", "g"])
@pytest.mark.parametrize("way", EDITS)
def test_an_object_whose_header_is_damaged(
    path: Path, way: str, key: str, libver: str, journal: bool
) -> None:
    """Through a journal it can be replaced and deleted; else whoever tries is told.

    All others are as they were, and what else led there is still damaged.
    """
    headers(path, key, libver, again=way != "clear")
    keys = {"fine", "x", "g", "h", "many"}
    chk = HDF5Checkpointer(path, journal=journal)
    assert key in chk and set(chk) == keys
    is_removed = way in REMOVING and journal
    if is_removed:
        EDITS[way](chk, key)
    else:
        with pytest.raises(CorruptFileError) as caught:
            EDITS[way](chk, key)
        assert caught.value.key == key and caught.value.file == str(path)
        assert "KeyError" not in type(caught.value).__mro__
        assert way not in REMOVING or "hdfchk.salvage(path, to)" in str(caught.value)
    if way == "clear" and journal:
        assert not chk and chk.verify().ok
        return
    chk["later"] = 5
    assert chk["fine"] == 3 if way == "update" and journal else chk["fine"].tolist() == [0, 1, 2]
    assert {*chk} - {"new"} == (keys - {key} if way == "del" and journal else keys) | {"later"}
    damaged = {*chk.verify().damaged}
    others = set() if way == "clear" else {"h/again"}
    assert damaged == others | (set() if is_removed else {key})
    if is_removed and way != "del":
        assert np.array_equal(chk[key], {"assignment": 1, "array": np.arange(7)}.get(way, 2))
    if is_removed:
        del chk["h/again"]
        chk["many"].update({f"n{number}": np.arange(500) for number in range(9)})
        assert chk.verify().ok and chk.compact() is not None and chk.verify().ok


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_stand_in_is_rolled_back(path: Path, libver: str) -> None:
    """A commit that fails, or is given up, changes no byte of what is damaged."""
    headers(path, "x", libver)
    before = path.read_bytes()
    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsupportedTypeError):
        chk.update({"x": 1, "y": object()})
    with pytest.raises(InterruptedError), chk.transaction():
        chk["x"] = 1
        assert chk["x"] == 1
        raise InterruptedError
    assert {*chk.verify().damaged} == {"x", "h/again"} and path.read_bytes() == before
    with chk.transaction():
        del chk["x"]
        chk["x"] = 2
    assert chk["x"] == 2


def test_a_stand_in_survives_a_kill(path: Path) -> None:
    """It is a part of its commit: after a kill both are there."""
    headers(path, "x", "latest")
    killed_writer(path, {"x": 7})
    chk = HDF5Checkpointer(path)
    assert chk["x"] == 7 and chk.recover() in {True, False} and chk["x"] == 7
    with h5py.File(path) as file:
        assert file["x"][()] == 7 and file["fine"][()].tolist() == [0, 1, 2]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_stand_in_for_small_assignments(path: Path, libver: str) -> None:
    """What HDF5 does later, also after a kill, is done all the same."""
    headers(path, "x", libver)
    before = path.read_bytes()
    with HDF5Checkpointer(path) as chk:
        chk["y"] = 1
        chk["x"] = 7
        chk["z"] = 2
        assert chk["x"] == 7
    assert HDF5Checkpointer(path)["z"] == 2
    path.write_bytes(before)
    child = os.fork()
    if child == 0:
        chk = HDF5Checkpointer(path)
        chk.__enter__()
        chk["y"] = 1
        chk["x"] = 7
        os._exit(0)
    os.waitpid(child, 0)
    with HDF5Checkpointer(path, mode="r") as chk:
        assert chk["x"] == 7 and chk["y"] == 1
    assert HDF5Checkpointer(path).recover() and HDF5Checkpointer(path)["x"] == 7


INSIDE: dict[str, tuple[str, bytes, str]] = {
    "old B-tree": ("earliest", b"TREE\1", "fixed"),
    "new B-tree": ("latest", b"BTHD\0\x0a", "both"),
    "leaf": ("latest", b"BTLF\0\x0a", "both"),
    "fixed array": ("latest", b"FAHD", "fixed"),
    "extensible array": ("latest", b"EAHD", "grows"),
    "links": ("latest", b"FRHP", "group"),
    "symbols": ("earliest", b"SNOD", "group"),
    "strings": ("earliest", b"GCOL", "strings"),
}


@pytest.mark.parametrize("way", ["del", "assignment", "array", "update", "dict"])
@pytest.mark.parametrize("kind", INSIDE)
def test_what_is_damaged_inside_is_replaced(path: Path, kind: str, way: str) -> None:
    """Where the list of an array's chunks, or of a group's links, is damaged, or the data are."""
    libver, signature, key = INSIDE[kind]
    kinds(path, libver)
    structure(path, signature)
    chk = HDF5Checkpointer(path)
    edits = {**EDITS, "dict": lambda chk, key: chk.__setitem__(key, {"a": {"b": 1}})}
    edits[way](chk, key)
    assert (key in chk) is (way != "del")
    if way != "del":
        wanted = {"assignment": 1, "array": np.arange(7), "dict": {"a": {"b": 1}}}.get(way, 2)
        assert np.array_equal(chk.load(key), wanted)
    chk["later"] = 5
    damaged = {*chk.verify().damaged}
    assert damaged == ({"noted"} if kind == "strings" else set())
    assert {"fine", "gzip", "later"} <= {*chk} and "hdfchk:damaged" not in chk
    with h5py.File(path) as file:
        assert file["gzip"][()].tolist() == list(range(999)) and file["later"][()] == 5


@pytest.mark.parametrize("way", ["del", "assignment", "array", "update"])
@pytest.mark.parametrize("kind", INSIDE)
def test_what_is_damaged_inside_is_replaced_where_something_points_at_it(
    path: Path, kind: str, way: str
) -> None:
    """It stays in the file: what points at it leads to it as before."""
    libver, signature, key = INSIDE[kind]
    kinds(path, libver)
    with h5py.File(path, "r+", libver=libver) as file:
        file["fine"].attrs["to"] = file[key].ref
        file["fine"].attrs["also"] = file["gzip"].ref
    structure(path, signature)
    chk = HDF5Checkpointer(path)
    if kind != "strings":  # which can be removed, or written over
        EDITS[way](chk, key)
        assert (key in chk) is (way != "del")
        with h5py.File(path) as file:
            assert file[file["fine"].attrs["to"]].name != f"/{key}"
    with pytest.raises(ReferencedError):
        del chk["gzip"]
    chk["fine"] = np.arange(5) + 1
    with h5py.File(path) as file:
        assert file[file["fine"].attrs["also"]].name == "/gzip"


def test_what_is_damaged_inside_in_a_transaction(path: Path) -> None:
    """There not all can be done again: it is an error that says so, and gives all up."""
    kinds(path, "latest")
    structure(path, b"FAHD")
    chk = HDF5Checkpointer(path)
    with pytest.raises(CorruptFileError, match="salvage"), chk.transaction():
        chk["new"] = 1
        del chk["fixed"]
    assert "new" not in chk and "fixed" in chk
    with pytest.raises(CorruptFileError) as caught, chk.transaction():
        chk.update({"new": 1, "fixed": 2})
    assert caught.value.key == "fixed" and "new" not in chk
    del chk["fixed"]
    assert chk.verify().ok


def _nothing(chk: HDF5Checkpointer) -> None:
    assert chk["fine"].tolist() == [0, 1, 2, 3, 4]


def _given_up(chk: HDF5Checkpointer) -> None:
    raise InterruptedError


def _given_up_late(chk: HDF5Checkpointer) -> None:
    chk["new"] = 1
    raise InterruptedError


@pytest.mark.parametrize("way", ["del", "assignment", "array", "update"])
@pytest.mark.parametrize("inside", [_nothing, _given_up, _given_up_late])
def test_after_a_transaction_that_wrote_nothing(
    path: Path, inside: Callable[[HDF5Checkpointer], None], way: str
) -> None:
    """The first commit behind it can be done again, as any other."""
    kinds(path, "latest")
    structure(path, b"FAHD")
    with HDF5Checkpointer(path) as chk:
        with contextlib.suppress(InterruptedError), chk.transaction():
            inside(chk)
        EDITS[way](chk, "fixed")
        assert ("fixed" in chk) is (way != "del")
    assert HDF5Checkpointer(path).verify().ok


def test_no_stand_in_for_what_is_no_header(path: Path) -> None:
    """Where a link leads to something else, which is no object, nothing is written there."""
    with h5py.File(path, "w", libver="latest") as file:
        file["x"], file["y"] = 1, np.arange(4000, dtype="u1")
        wrong, place = h5py.h5o.get_info(file["x"].id).addr, file["y"].id.get_offset()
    raw = path.read_bytes()
    header = raw.index(b"OHDR")
    at = raw.index(wrong.to_bytes(8, "little"), header)
    path.write_bytes(with_new_sum(raw[:at] + place.to_bytes(8, "little") + raw[at + 8 :]))
    chk = HDF5Checkpointer(path)
    assert chk["y"][5] == 5
    with pytest.raises(CorruptFileError, match="salvage"):
        del chk["x"]
    assert np.array_equal(chk["y"], np.arange(4000, dtype="u1"))


def test_a_flag_that_a_writer_left(path: Path) -> None:
    """A file that a killed SWMR writer has left says so, and that nobody holds it."""
    code = f"""
import os, h5py
file = h5py.File({str(path)!r}, "w", libver="latest")
file["x"] = [1, 2]
file.swmr_mode = True
file.flush()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(CorruptFileError, match="h5clear -s") as caught:
        HDF5Checkpointer(path, mode="r").load()
    assert caught.value.file == str(path)


@pytest.mark.slow
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_whole_files_of_every_type(path: Path, libver: str) -> None:
    """Nothing is damaged; what is no value, or not supported, is unread."""
    every_type.make(path, libver)
    report = HDF5Checkpointer(path, mode="r").verify()
    assert not report.damaged
    unsupported = ("reference", "region", "opaque", "time", "items", "texts", "array", "compound")
    for key, error in report.unread.items():
        assert isinstance(error, UnsupportedStoredError), key
        assert any(word in key for word in unsupported) or "nested" in key, key
    assert len(report.whole) > 6 * len(report.unread)


def kinds(path: Path, libver: str) -> None:
    """Values with a structure each that can be damaged."""
    with h5py.File(path, "w", libver=libver) as file:
        file["fine"] = np.arange(5)
        file.create_dataset("fletcher32", data=np.arange(99), chunks=(50,), fletcher32=True)
        file.create_dataset("gzip", data=np.arange(999), chunks=(500,), compression="gzip")
        file.create_dataset("lzf", data=np.arange(999) % 7, chunks=(500,), compression="lzf")
        file.create_dataset("grows", data=np.arange(99), chunks=(9,), maxshape=(None,))
        file.create_dataset("both", data=np.ones((9, 9)), chunks=(2, 2), maxshape=(None, None))
        file.create_dataset("fixed", data=np.arange(99), chunks=(9,))
        file["strings"] = ["a" * 50, "b" * 70]
        file["noted"] = 1
        file["noted"].attrs["texts"] = ["c" * 40, "d"]
        group = file.create_group("group", track_order=libver == "latest")
        for number in range(30):
            group[f"n{number}"] = number


def structure(path: Path, signature: bytes) -> None:
    """Change a byte of the last structure of a kind."""
    change(path, path.read_bytes().rindex(signature) + 1)


def change(path: Path, place: int) -> None:
    with open(path, "r+b") as raw:
        raw.seek(place)
        old = raw.read(1)
        raw.seek(place)
        raw.write(bytes([old[0] ^ 0x41]))


FLIPS: dict[str, tuple[str, Callable[[Path], object], set[str]]] = {
    "fletcher32": ("earliest", lambda path: flip(path, "fletcher32"), {"fletcher32"}),
    "gzip": ("earliest", lambda path: flip(path, "gzip", 9), {"gzip"}),
    "gzip's end": ("latest", lambda path: flip(path, "gzip", 9), {"gzip"}),
    "header": ("latest", lambda path: damage(path, "noted"), {"noted"}),
    "group": ("latest", lambda path: damage(path, "group"), {"group"}),
    "old B-tree": ("earliest", lambda path: structure(path, b"TREE\1"), {"fixed"}),
    "new B-tree": ("latest", lambda path: structure(path, b"BTHD\0\x0a"), {"both"}),
    "leaf": ("latest", lambda path: structure(path, b"BTLF\0\x0a"), {"both"}),
    "fixed array": ("latest", lambda path: structure(path, b"FAHD"), {"fixed"}),
    "extensible array": ("latest", lambda path: structure(path, b"EAHD"), {"grows"}),
    "links": ("latest", lambda path: structure(path, b"FRHP"), {"group"}),
    "symbols": ("earliest", lambda path: structure(path, b"SNOD"), {"group"}),
}


@pytest.mark.parametrize("kind", FLIPS)
def test_one_byte(path: Path, kind: str) -> None:
    """It is reported at its key, and nothing else is."""
    libver, hit, wanted = FLIPS[kind]
    kinds(path, libver)
    whole = {*HDF5Checkpointer(path, mode="r").verify().whole}
    hit(path)
    chk = HDF5Checkpointer(path, mode="r")
    report = chk.verify()
    assert {*report.damaged} == wanted and not report.unread
    assert {*report.whole} == {key for key in whole if not {key, key.split("/")[0]} & wanted}
    for key, error in report.damaged.items():
        assert isinstance(error, CorruptFileError)
        assert (error.key, error.file) == (key, str(path)) and error.hint
        with pytest.raises(CorruptFileError):
            chk[key].load() if key == "group" else chk[key]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_one_byte_of_the_heap(path: Path, libver: str) -> None:
    """What has strings in it is reported: the value, and the one with the attribute."""
    kinds(path, libver)
    with open(path, "r+b") as raw:
        data = raw.read()
        raw.seek(data.index(b"GCOL") + 1)
        raw.write(b"?")
    report = HDF5Checkpointer(path, mode="r").verify()
    assert {*report.damaged} == {"strings", "noted"} and not report.unread


def test_one_byte_of_the_superblock(path: Path) -> None:
    """Nothing can be read; the error says what can be done."""
    kinds(path, "latest")
    change(path, 40)
    for look in (HDF5Checkpointer(path, mode="r").verify, lambda: load(path)):
        with pytest.raises(CorruptFileError, match="copy") as caught:
            look()
        assert caught.value.file == str(path)

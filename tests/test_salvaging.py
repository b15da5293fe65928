"""`salvage` copies what is whole, says what is not, and changes nothing of the file."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5o, h5p, h5s, h5t

from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    NestingError,
    SalvageReport,
    UnknownTargetError,
    UnsafeFileError,
    UnsupportedStoredError,
    load,
    salvage,
)
from hdfchk.backends.hdf5.salvage import child
from tests.support import every_type

from .foreign import fingerprint
from .hostile.forked import Forked
from .hostile.test_limits import with_new_sum
from .regressions.children import killed_writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The damaged file."""
    return tmp_path / "x.h5"


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """The new one."""
    return tmp_path / "new.h5"


REAL = ("test_a_whole_file", "test_deep_groups", "test_hdf5_ends_the_process", "test_progress")
"""These start an interpreter, as users do. The others fork: it is the same work in less time."""


@pytest.fixture(autouse=True)
def forked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that copies has all modules already."""
    if request.node.originalname not in REAL:
        monkeypatch.setattr(child.subprocess, "Popen", Forked)


def flip(path: Path, place: int, byte: int = 0xFF) -> None:
    """Change one byte."""
    with open(path, "r+b") as raw:
        raw.seek(place)
        old = raw.read(1)
        raw.seek(place)
        raw.write(bytes([old[0] ^ byte]))


def flip_in(path: Path, what: bytes, number: int = 0, inside: int = 1) -> None:
    """Change a byte in one of the structures of a kind."""
    places = [found.start() for found in re.finditer(re.escape(what), path.read_bytes())]
    flip(path, places[number] + inside)


def chunk_at(path: Path, key: str, number: int) -> int:
    with h5py.File(path) as file:
        return int(file[key].id.get_chunk_info(number).byte_offset)


def header_of(path: Path, key: str) -> int:
    with h5py.File(path) as file:
        return int(h5o.get_info(file[key].id).addr)


def salvaged(path: Path, to: Path) -> SalvageReport:
    """The report; the file itself is as it was, and there is nothing else."""
    before, names = path.read_bytes(), {*os.listdir(path.parent)}
    report = salvage(path, to)
    assert path.read_bytes() == before
    assert {*os.listdir(path.parent)} == names | {to.name}
    return report


# -- what is whole -------------------------------------------------------------------------------


def all_kinds(path: Path, libver: str) -> None:
    with h5py.File(path, "w", libver=libver, userblock_size=512) as file:
        file["number"], file["text"], file["empty"] = 1, "é", h5py.Empty("f8")
        file["f/big"] = np.arange(3, dtype=">i2")
        file.create_dataset("unwritten", (5, 3), "f8", fillvalue=7.0)
        file.create_dataset("sparse", (10**4,), "f8", chunks=(100,), compression="gzip")[7] = 1
        file.create_dataset(
            "chunks", data=np.ones((50, 7)), chunks=(8, 3), maxshape=(None, 7), fletcher32=True
        )
        file.create_dataset("lzf", data=np.arange(99), compression="lzf", shuffle=True)
        file.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))[0] = [1, 2, 3]
        file["strings"] = ["a", "bb" * 40, ""]
        file["enum"] = np.array([0, 1], h5py.enum_dtype({"A": 0, "B": 1}))
        file["named"] = np.dtype([("a", "i4"), ("b", "S3")])
        file.create_dataset("typed", (2,), file["named"])
        opaque = h5t.create(h5t.OPAQUE, 4)
        opaque.set_tag(b"tag")
        h5d.create(file.id, b"opaque", opaque, h5s.create_simple((2,))).write(
            h5s.ALL, h5s.ALL, np.frombuffer(b"abcdefgh", "V4"), opaque
        )
        ordered = file.create_group("ordered", track_order=True)
        for name in "zxya":
            ordered[name] = name
        ordered.attrs["b"], ordered.attrs["a"] = "one", [1, 2]
        file["x"] = np.arange(4.0)
        file["x"].make_scale("x")
        file["y"] = np.arange(4.0)
        file["y"].dims[0].attach_scale(file["x"])
        file["ref"] = np.array([file["x"].ref, file["ordered"].ref, None], h5py.ref_dtype)
        file["region"] = file["x"].regionref[1:3]
        rows = [("r", h5py.ref_dtype), ("n", "i4")]
        file["refs"] = np.array([(file["y"].ref, 1), (file["x"].ref, 2)], rows)
        file["soft"], file["nowhere"] = h5py.SoftLink("/x"), h5py.SoftLink("/none")
        file["hard"] = file["x"]


def seen(path: Path) -> dict[str, Any]:
    """What plain h5py sees of a file, with the first name of each object for its address."""
    found = fingerprint(str(path), but=("region", "refs", "ref"))
    names: dict[int, str] = {}
    return {
        key: (names.setdefault(what[0], key), *what[1:])
        if isinstance(what, tuple) and isinstance(what[0], int)
        else what
        for key, what in found.items()
    }


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_whole_file(path: Path, to: Path, libver: str) -> None:
    """All of it is there, as it was: types, layouts, order, links, scales, references."""
    all_kinds(path, libver)
    with open(path, "r+b") as raw:
        raw.write(b"of the user")
    report = salvaged(path, to)
    assert report.ok and not report.skipped and not report.unread, str(report)
    assert "0 damaged" in str(report) and report.groups == 2 and report.links == 2
    assert to.read_bytes()[:11] == b"of the user"
    assert seen(to) == seen(path)
    with h5py.File(to) as new:
        assert {*report.copied} >= {*new} - {"f", "ordered", "soft", "nowhere"}
        assert new["x"] == new["hard"] and list(new["ordered"]) == ["z", "x", "y", "a"]
        assert new[new["ref"][1]] == new["ordered"] and not new["ref"][2]
        assert new[new["refs"][0]["r"]] == new["y"] and new["refs"][1]["n"] == 2
        assert new[new["region"][()]] == new["x"]
        assert new["x"][new["region"][()]].tolist() == [1, 2]
        assert new["y"].dims[0][0] == new["x"]
        (scale,) = new["x"].attrs["REFERENCE_LIST"]
        assert new[scale[0]] == new["y"] and scale[1] == 0


@pytest.mark.slow
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_every_type(path: Path, to: Path, libver: str) -> None:
    """Values and attributes of any type are copied as they are; what h5py cannot read, by HDF5."""
    every_type.make(path, libver)
    report = salvaged(path, to)
    assert report.ok and not report.skipped and len(report.copied) > 50 * len(report.unread)
    assert all("items of" in key for key in report.unread)
    with h5py.File(path) as old, h5py.File(to) as new:
        assert {*old} == {*new}
        for key in old:
            first, second = old[key].id, new[key].id
            assert first.get_type().equal(second.get_type()), key
            assert first.get_storage_size() == second.get_storage_size(), key
            for name in old[key].attrs:
                aid = h5py.h5a.open(second, name.encode())
                assert h5py.h5a.open(first, name.encode()).get_type().equal(aid.get_type()), key


def test_a_group_in_itself(path: Path, to: Path) -> None:
    """Links that lead back do so in the copy."""
    with h5py.File(path, "w") as file:
        file["g/h/x"] = 1
        file["g/h/root"], file["g/h/g"] = file["/"], file["g"]
    report = salvaged(path, to)
    assert report.ok and report.copied == ("g/h/x",)
    with h5py.File(to) as new:
        assert new["g/h/root"] == new["/"] and new["g/h/g"] == new["g"]


def test_values_of_ours(path: Path, to: Path) -> None:
    """A file of ours is what it was: values, their order, attributes."""
    values = {
        "z": {"steps": 3, "x": np.arange(20.0)},
        "list": [1, "a", None, [2.5, {"x": (1, 2)}], np.arange(3)],
        "masked": np.ma.masked_array([1, 2, 3], [0, 1, 0]),
        "a": b"\0\1",
    }
    with HDF5Checkpointer(path, checksum=True) as chk:
        chk.update(values)
        chk["z"] = {"steps": 4}
        chk.attrs["note"] = "mine"
    report = salvaged(path, to)
    assert report.ok and report.copied == ("z/steps", "list", "masked", "a")
    with HDF5Checkpointer(to) as new:
        assert list(new) == ["z", "list", "masked", "a"] and new.attrs["note"] == "mine"
        assert new == load(path)
        new["list"] = 1


@pytest.mark.slow
def test_the_journal(path: Path, to: Path) -> None:
    """Commits in a journal are in the copy; one that does not fit is left out, and told of."""
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
    killed_writer(path, {"b": 2}, {"c": list(range(2000))})
    journal = Path(f"{path}-journal")
    kept = journal.read_bytes()
    report = salvaged(path, to)
    assert report.ok and "the copy includes" in report.journal
    assert load(to) == {"a": 1, "b": 2, "c": list(range(2000))}
    assert journal.read_bytes() == kept
    to.unlink()
    with h5py.File(path, "a") as file:
        file["d"] = 4
    report = salvaged(path, to)
    assert "does not match" in report.journal and report.journal in str(report)
    assert load(to) == {"a": 1, "d": 4}


# -- what is damaged -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fletcher32", "gzip", "index", "grows"])
def test_some_chunks(path: Path, to: Path, kind: str) -> None:
    """The others are copied as they are; the report has what is lost, which reads as fill values."""
    options: dict[str, Any] = {"chunks": (10, 4), "fillvalue": -1}
    options |= {"compression": "gzip"} if kind == "gzip" else {"fletcher32": True}
    if kind == "grows":
        options["maxshape"] = (None, 8)
    data = np.arange(400).reshape(50, 8)
    with h5py.File(path, "w", libver="latest" if kind == "grows" else "earliest") as file:
        file.create_dataset("x", data=data, **options).attrs["units"] = "K"
        file["fine"] = 1
    if kind == "index":
        with h5py.File(path, "a") as file:
            big = file.create_dataset("big", (2000, 8), "i8", chunks=(10, 4))
            big[...] = 1
        flip_in(path, b"TREE", 2)
    else:
        flip(path, chunk_at(path, "x", 1) + 5)
        flip(path, chunk_at(path, "x", 4) + 5)
    report = salvaged(path, to)
    assert not report.ok and "fine" in report.copied
    if kind == "index":
        assert len(report.in_part) + len(report.damaged) == 1
        return
    loss = report.in_part["x"]
    assert isinstance(loss.problem, CorruptFileError) and loss.problem.key == "x"
    assert (loss.chunks, loss.elements, loss.rows) == (2, 80, 20) and "2 chunks" in str(loss)
    lost = np.zeros(data.shape, bool)
    for place in loss.places:
        lost[place] = True
    assert lost.sum() == 80
    with h5py.File(to) as file:
        assert np.array_equal(file["x"][()], np.where(lost, -1, data))
        assert file["x"].attrs["units"] == "K" and file["x"].chunks == (10, 4)
        assert file["x"].id.get_num_chunks() == 8


@pytest.mark.slow
@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("key", ["x", "g", "g/y"])
def test_headers(path: Path, to: Path, libver: str, key: str) -> None:
    """What cannot be opened is told of, with what hangs on it; the others are there."""
    with h5py.File(path, "w", libver=libver) as file:
        file["fine"], file["x"], file["g/y"], file["g/z"] = 1, np.arange(4), 1, 2
        file["again"] = file[key]
        file["fine"].attrs["ref"] = file[key].ref
    flip(path, header_of(path, key) + 8)
    report = salvaged(path, to)
    assert {*report.damaged} == {key, "again"}
    assert "reference" in str(report.in_part["fine"])
    assert {*report.copied} == {"x", "g/y", "g/z"} - {key} - (
        {"g/y", "g/z"} if key == "g" else set()
    )
    with h5py.File(to) as file:
        assert not file["fine"].attrs["ref"] and file["fine"][()] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("libver", "what", "number"),
    [
        ("earliest", b"SNOD", 2),
        ("latest", b"FHDB", 0),
        ("latest", b"BTLF", 0),
        ("latest", b"BTLF", 1),
    ],
)
def test_keys_that_cannot_all_be_listed(
    path: Path, to: Path, libver: str, what: bytes, number: int
) -> None:
    """All that HDF5 still finds by its name is there; the rest is told of, by name or number."""
    names = [f"n{n}" for n in range(60)]
    with h5py.File(path, "w", libver=libver) as file:
        file["fine"] = 1
        group = file.create_group("g", track_order=libver == "latest")
        for name in names:
            group[name] = name
    flip_in(path, what, number)
    found = set()
    with h5py.File(path) as file:
        for name in names:
            try:
                found.add(f"g/{name}" if file[f"g/{name}"][()] == name.encode() else "")
            except (KeyError, ValueError, RuntimeError):
                continue
    report = salvaged(path, to)
    assert "fine" in report.copied and found <= {*report.copied}
    lost = len(report.damaged) + sum(loss.unlisted for loss in report.in_part.values())
    assert len(report.copied) - 1 + lost == len(names)
    assert all(isinstance(loss.problem, CorruptFileError) for loss in report.in_part.values())
    if what == b"BTLF":  # the names are in two indices
        assert report.ok is (number == 1) and not report.damaged
    if libver == "earliest":
        assert {*report.damaged} == {f"g/{name}" for name in names} - found != set()


@pytest.mark.slow
@pytest.mark.parametrize("libver", ["earliest", "v110"])
@pytest.mark.parametrize("name", [b"dict/x", b"/dict/x", b"dict/./x"])
def test_names_that_no_link_can_have(path: Path, to: Path, libver: str, name: bytes) -> None:
    """They are told of; looked up, they would lead to something else."""
    with h5py.File(path, "w", libver=libver) as file:
        file["dict/x"] = np.arange(50)
        file[name.replace(b"/", b"#")] = np.ones(3)
    raw = path.read_bytes()
    path.write_bytes(with_new_sum(raw.replace(name.replace(b"/", b"#"), name)))
    chk = HDF5Checkpointer(path)
    for read in (lambda: [*chk], chk.load, chk.items().__iter__().__next__, chk.compact):
        with pytest.raises(CorruptFileError, match=r"which is invalid.*x\.h5.*salvage"):
            read()
    assert not chk.verify().ok and chk["dict"]["x"].tolist() == list(range(50))
    report = salvaged(path, to)
    assert {*report.damaged} == {name.decode()} and report.copied == ("dict/x",)
    with h5py.File(to) as file:
        assert list(file) == ["dict"]
        assert file["dict/x"][()].tolist() == list(range(50))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_attributes(path: Path, to: Path, libver: str) -> None:
    """A value whose attribute is damaged is there, without that one."""
    with h5py.File(path, "w", libver=libver) as file:
        file["x"] = np.arange(50)
        file["x"].attrs["note"] = np.bytes_("nnnnn")
        file["x"].attrs["texts"] = ["one", "two"]
    flip_in(path, b"GCOL")
    report = salvaged(path, to)
    assert report.in_part["x"].attributes == ("texts",) and not report.damaged
    with h5py.File(to) as file:
        assert file["x"][()].tolist() == list(range(50)) and {**file["x"].attrs} == {
            "note": b"nnnnn"
        }


def test_values_in_part(path: Path, to: Path) -> None:
    """A value of ours of which a part is lost is a dict of the others, and never another value."""
    with HDF5Checkpointer(path, checksum=True) as chk:
        chk["v"] = {"list": [1, "a", np.arange(5000.0)], "fine": [1, np.arange(3)]}
    with h5py.File(path) as file:
        inner = next(name for name in file["v/list"] if file[f"v/list/{name}"].size == 5000)
    flip(path, chunk_at(path, f"v/list/{inner}", 0))
    report = salvaged(path, to)
    assert {*report.damaged} == {f"v/list/{inner}"} and {*report.in_part} == {"v/list"}
    assert "v/fine" in report.copied and "v/list" not in report.copied
    assert isinstance(load(to)["v"]["list"], dict) and inner not in load(to)["v"]["list"]
    assert load(to)["v"]["fine"][0] == 1


def test_checksums_of_ours(path: Path, to: Path) -> None:
    """A text that is not what was written is damaged."""
    with HDF5Checkpointer(path, checksum=True) as chk:
        chk["text"], chk["fine"] = "text " * 5000, "other"
    flip(path, path.read_bytes().index(b"text text"))
    report = salvaged(path, to)
    assert {*report.damaged} == {"text"} and load(to) == {"fine": "other"}


@pytest.mark.slow
def test_variable_items(path: Path, to: Path) -> None:
    """Of strings whose heap is damaged those in other heaps are there."""
    texts = [f"text {n}" * 40 for n in range(400)]
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=texts, dtype=h5py.string_dtype())
    flip_in(path, b"GCOL", 1)
    report = salvaged(path, to)
    loss = report.in_part["x"]
    assert 100 < loss.elements < 300 and loss.rows == loss.elements
    lost = {n for (place,) in loss.places for n in range(place.start, place.stop)}
    with h5py.File(to) as file:
        for number, text in enumerate(file["x"].asstr()[()]):
            assert text == ("" if number in lost else texts[number])


@pytest.mark.slow
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_cut_short(path: Path, to: Path, libver: str) -> None:
    """A file that lacks its end is read as far as it goes."""
    with h5py.File(path, "w", libver=libver) as file:
        file["small"] = 1
        file["first"], file["second"] = np.arange(10_000.0), np.arange(10_000, dtype="i8")
    size = path.stat().st_size
    with open(path, "r+b") as raw:
        raw.truncate(size - 40_000)
    with pytest.raises(CorruptFileError, match="truncated"):
        load(path)
    report = salvaged(path, to)
    assert report.missing == 40_000 and "40000 bytes" in str(report) and not report.ok
    assert {*report.copied} == {"small", "first"}
    loss = report.in_part["second"]
    assert loss.elements == loss.rows and 4_900 < loss.elements < 5_100
    with h5py.File(to) as file:
        whole = 10_000 - loss.elements
        assert file["second"][:whole].tolist() == list(range(whole))
        assert not file["second"][whole:].any()


# -- what is not looked at -----------------------------------------------------------------------


def test_what_leads_elsewhere(path: Path, to: Path, tmp_path: Path) -> None:
    """Links out are copied as links; elements in other files are not."""
    (tmp_path / "raw").write_bytes(bytes(80))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.arange(4.0)
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    inner = h5py.VirtualLayout((4,), "f8")
    inner[:] = h5py.VirtualSource(".", "x", (4,))
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(4.0)
        file["out"] = h5py.ExternalLink("other.h5", "/x")
        file.create_dataset("raw", (10,), "f8", external=[("raw", 0, 80)])
        file.create_virtual_dataset("virtual", layout)
        file.create_virtual_dataset("inner", inner)
    report = salvaged(path, to)
    assert report.ok and {*report.copied} == {"x", "inner"}
    assert {*report.unread} == {"out", "virtual"} and {*report.skipped} == {"raw"}
    assert isinstance(report.skipped["raw"], UnsafeFileError)
    with h5py.File(to) as file:
        assert file["out"][()].tolist() == file["virtual"][()].tolist() == [0, 1, 2, 3]
        assert file["inner"][()].tolist() == [0, 1, 2, 3] and "raw" not in file


def test_parts_of_a_damaged_array(path: Path, to: Path) -> None:
    """An array that is put together of one that is damaged is not whole."""
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(".", "x", (4,))
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(4.0)
        file.create_virtual_dataset("v", layout)
    flip(path, header_of(path, "x") + 8)
    report = salvaged(path, to)
    assert {*report.damaged} == {"x"} and {*report.in_part} == {"v"} and not report.copied


def test_filters_that_are_not_here(path: Path, to: Path) -> None:
    """What they have packed is copied as it is."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk((10,))
    plist.set_filter(299, 1, (1, 2))
    with h5py.File(path, "w") as file:
        did = h5d.create(file.id, b"x", h5t.STD_I64LE, h5s.create_simple((20,)), plist)
        did.write_direct_chunk((10,), b"packed somehow")
    report = salvaged(path, to)
    assert isinstance(report.unread["x"], UnsupportedStoredError) and not report.copied
    with h5py.File(to) as file:
        assert file["x"].id.read_direct_chunk((10,))[1] == b"packed somehow"


@pytest.mark.slow
def test_deep_groups(path: Path, to: Path) -> None:
    """Groups are copied as deeply as a key can lead."""
    with h5py.File(path, "w") as file:
        group = file.id
        for _ in range(2500):
            group = h5py.h5g.create(group, b"g")
        file["fine"] = 1
    report = salvaged(path, to)
    (error,) = report.skipped.values()
    assert isinstance(error, NestingError) and report.copied == ("fine",) and report.groups == 2000


# -- what goes wrong -----------------------------------------------------------------------------


def test_the_new_file_is_there(path: Path, to: Path) -> None:
    """Nothing is written over, nor the file itself."""
    HDF5Checkpointer(path)["a"] = 1
    to.write_bytes(b"mine")
    for target in (to, path):
        before = target.read_bytes()
        with pytest.raises(FileExistsError):
            salvage(path, target)
        assert target.read_bytes() == before
    assert {*os.listdir(path.parent)} == {path.name, to.name}


def no_file(path: Path) -> None:
    path.write_bytes(b"no HDF5 file" * 99)


def superblock(path: Path) -> None:
    HDF5Checkpointer(path)["a"] = 1
    flip(path, 40)


def root(path: Path) -> None:
    HDF5Checkpointer(path)["a"] = 1
    flip(path, header_of(path, "/") + 6)


@pytest.mark.parametrize("make", [no_file, superblock, root])
def test_nothing_to_be_had(path: Path, to: Path, make: Callable[[Path], None]) -> None:
    """The error says so, and nothing is made."""
    make(path)
    with pytest.raises(CorruptFileError, match="copy") as caught:
        salvage(path, to)
    assert caught.value.file == str(path) and not to.exists()
    assert {*os.listdir(path.parent)} == {path.name}


def test_no_such_file(path: Path, to: Path) -> None:
    """The system's own errors are told as they are."""
    with pytest.raises(FileNotFoundError):
        salvage(path, to)
    with pytest.raises(UnknownTargetError, match="path"):
        salvage(io.BytesIO(), to)
    HDF5Checkpointer(path)["a"] = 1
    with pytest.raises(FileNotFoundError):
        salvage(path, to.parent / "none" / "new.h5")


CRASHING = """
import os, signal, sys, time
from hdfchk.backends.hdf5.salvage import arrays, child
read = arrays.StoredArray.read
def end(array, box):
    if array.did.shape == (7,):
        os.kill(os.getpid(), signal.SIGSEGV)
    while array.did.shape == (5,):
        pass
    return read(array, box)
arrays.StoredArray.read = end
child.main()
"""


@pytest.mark.slow
def test_hdf5_ends_the_process(path: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HDF5 does not come back from is left out, and told of."""
    monkeypatch.setattr(child, "_MAIN", CRASHING)
    monkeypatch.setattr(child, "STEP_SECONDS", 1.0)
    with h5py.File(path, "w") as file:
        file["a"], file["crash"], file["g/loop"], file["z"] = 1, np.arange(7), np.arange(5), 2
    report = salvaged(path, to)
    assert {*report.damaged} == {"crash", "g/loop"} and {*report.copied} == {"a", "z"}
    assert "signal" in report.damaged["crash"].problem


@pytest.mark.slow
def test_progress(path: Path, to: Path) -> None:
    """It is told in bytes of the file; what it raises gives the work up."""
    with h5py.File(path, "w") as file:
        for number in range(5):
            file[f"x{number}"] = np.arange(100_000)
    told: list[tuple[int, int]] = []
    salvage(path, to, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told) and told[-1][0] <= told[-1][1] == path.stat().st_size
    to.unlink()

    def stop(done: int, total: int) -> None:
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        salvage(path, to, progress=stop)
    assert {*os.listdir(path.parent)} == {path.name}


def test_user_defined_links(path: Path, to: Path) -> None:
    """They are skipped, and all else is copied."""
    plist = h5p.create(h5p.FILE_CREATE)
    plist.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    with h5py.File(h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_TRUNC, plist)) as file:
        file["fine"] = 1
        file["strange"] = h5py.ExternalLink("other.h5", "/x")
    raw = path.read_bytes()
    kind = raw.rindex(b"\x40", 0, raw.index(b"strange"))
    path.write_bytes(with_new_sum(raw[:kind] + b"\xc8" + raw[kind + 1 :]))
    report = salvaged(path, to)
    assert {*report.skipped} == {"strange"} and report.copied == ("fine",) and report.ok


def test_a_vast_array(path: Path, to: Path) -> None:
    """Only what is stored of an array is read, however large it is."""
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10**12,), "f8", chunks=(100,), compression="gzip")[7] = 1
    assert salvaged(path, to).copied == ("x",)
    with h5py.File(to) as file:
        assert file["x"][7] == 1


def test_chunks_that_grow_along_another_axis(tmp_path: Path) -> None:
    """Chunks are salvaged from where they are, of which HDF5 tells wrong places there."""
    path, to = tmp_path / "x.h5", tmp_path / "y.h5"
    with h5py.File(path, "w", libver="latest") as file:
        x = file.create_dataset("x", (60, 40), "i8", chunks=(4, 20), maxshape=(60, None))
        x[30:] = 5
        wanted = x[()]
    assert not salvage(path, to).damaged
    with h5py.File(to) as file:
        assert np.array_equal(file["x"], wanted)

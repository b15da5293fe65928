"""Files that want more than they hold: of memory, of levels, of time, of other files, of code."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5f, h5p, h5pl, h5s, h5t

import hdfchk
from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    NestingError,
    NotAGroupError,
    UnsafeFileError,
    UnsupportedStoredError,
    load,
)
from hdfchk.backends.hdf5.data.limits import DEFAULT_PLUGINS, Guard

from ..crash.images import in_child

SMALL = 2**24


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a hostile file is made."""
    return str(tmp_path / "hostile.h5")


def refused(path: str, key: str, **options: object) -> None:
    """Every way to read a key is an `UnsafeFileError` that names it; another key is read."""
    chk = HDF5Checkpointer(path, **options)
    for look in (lambda: chk[key], chk.load, lambda: chk.array(key)[...]):
        with pytest.raises(UnsafeFileError) as caught:
            look()
        assert caught.value.key == key and caught.value.file == path and caught.value.hint
    assert chk["fine"] == 1


def test_shape_bomb(path: str) -> None:
    """A vast shape without data is refused; parts of it, and its outside, are read."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        file.create_dataset("g/bomb", (2**50,), "f8", chunks=(2**17,))
    refused(path, "g/bomb")
    array = HDF5Checkpointer(path).array("g/bomb")
    assert array.shape == (2**50,) and array[7:9].tolist() == [0, 0]


def test_contiguous_bomb(path: str) -> None:
    """A contiguous dataset that says to be longer than its file is refused."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_alloc_time(h5d.ALLOC_TIME_LATE)
        space = h5s.create_simple((2**45,))
        h5d.create(file.id, b"bomb", h5t.IEEE_F64LE, space, plist)
    refused(path, "bomb")


def test_decompression_bomb(path: str) -> None:
    """Data that unpack to far more than they take are refused from a limit on, which is an option."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        file.create_dataset("bomb", data=np.zeros(2**25, "u1"), chunks=(2**20,), compression="gzip")
    refused(path, "bomb", expand_limit=SMALL)
    assert not HDF5Checkpointer(path)["bomb"].any()
    assert not HDF5Checkpointer(path, expand_limit=SMALL).array("bomb")[:1000].any()


def test_many_bombs(path: str) -> None:
    """Many that are each below the limit are refused together."""
    with h5py.File(path, "w") as file:
        for index in range(20):
            data = np.zeros(2**22, "u1")
            file.create_dataset(f"b{index}", data=data, chunks=(2**22,), compression="gzip")
    chk = HDF5Checkpointer(path, expand_limit=SMALL)
    assert not chk["b3"].any()
    with pytest.raises(UnsafeFileError):
        chk.load()


def test_chunk_bomb(path: str) -> None:
    """A vast chunk is refused also where a single element of it is asked for."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk((2**26,))
        plist.set_deflate(9)
        space = h5s.create_simple((2**26,))
        did = h5d.create(file.id, b"bomb", h5t.STD_U8LE, space, plist)
        did.write(h5s.ALL, h5s.ALL, np.zeros(2**26, "u1"))
    refused(path, "bomb", expand_limit=SMALL)


def test_string_bomb(path: str) -> None:
    """A scalar of a vast fixed length is refused."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        tid = h5t.C_S1.copy()
        tid.set_size(2**31 - 1)
        h5d.create(file.id, b"bomb", tid, h5s.create(h5s.SCALAR))
    refused(path, "bomb", expand_limit=SMALL)


def test_variable_bomb(path: str) -> None:
    """Very many items that are all the same long one are refused before they fill the memory."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        data = np.array(["x" * 60_000] + ["y"] * 99_999, object)
        file.create_dataset("bomb", data=data, dtype=h5py.string_dtype())
        start = file["bomb"].id.get_offset()
    raw = bytearray(Path(path).read_bytes())
    first = raw[start : start + 16]
    raw[start : start + 16 * 100_000] = first * 100_000
    Path(path).write_bytes(raw)
    refused_whole = HDF5Checkpointer(path, expand_limit=SMALL)
    with pytest.raises(UnsafeFileError):
        refused_whole["bomb"]
    assert refused_whole["fine"] == 1 and refused_whole.array("bomb")[5] == "x" * 60_000


def test_100_000_links(path: str) -> None:
    """A group of 100,000 links is listed and looked up."""
    with h5py.File(path, "w", libver="latest") as file:
        file["one"] = 1
        group = file.create_group("many", track_order=True)
        for index in range(100_000):
            group.id.links.create_hard(b"k%d" % index, file.id, b"one")
    chk = HDF5Checkpointer(path)
    assert len(chk["many"]) == 100_000 and chk["many/k99999"] == 1
    assert "k100000" not in chk["many"] and next(iter(chk["many"])) == "k0"


def deep(path: str, levels: int) -> None:
    with h5py.File(path, "w") as file:
        group = file.id
        for _ in range(levels):
            group = h5py.h5g.create(group, b"g")
        file["fine"] = 1


def test_20_000_levels(path: str) -> None:
    """Groups nested 20,000 levels are an error, not a `RecursionError`, crash or hang."""
    deep(path, 20_000)
    chk = HDF5Checkpointer(path)
    for look in (chk.load, lambda: chk.load("g"), lambda: chk[("g",) * 19_999], chk.compact):
        with pytest.raises(NestingError):
            look()
    assert ("g",) * 19_999 not in chk and chk["fine"] == 1 and ("g",) * 500 in chk


@pytest.fixture
def leading_out(tmp_path: Path) -> str:
    """A file that leads to another in three ways."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.arange(4)
        file["g/x"] = 5
    (tmp_path / "raw").write_bytes(np.arange(3, dtype="<i8").tobytes())
    path = tmp_path / "leading.h5"
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        file["link"] = h5py.ExternalLink("other.h5", "/secret")
        file["group"] = h5py.ExternalLink("other.h5", "/g")
        file["gone"] = h5py.ExternalLink("missing.h5", "/x")
        name = os.fsencode(str(tmp_path / "raw"))
        file.create_dataset("storage", (3,), "<i8", external=[(name, 0, 24)])
        layout = h5py.VirtualLayout((4,), "i8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (4,))
        file.create_virtual_dataset("virtual", layout)
    return str(path)


@pytest.mark.parametrize("key", ["link", "storage", "virtual"])
def test_other_files_by_trust_alone(leading_out: str, key: str) -> None:
    """What lies in another file is read by `trust=True` and inside `trusting()` alone."""
    chk = HDF5Checkpointer(leading_out)
    with pytest.raises(UnsafeFileError, match="trust"):
        chk[key]
    expected = [0, 1, 2] if key == "storage" else [0, 1, 2, 3]
    with hdfchk.trusting():
        assert chk[key].tolist() == expected
    with pytest.raises(UnsafeFileError):
        chk[key]
    trusted = HDF5Checkpointer(leading_out, trust=True)
    assert trusted[key].tolist() == expected and trusted["group/x"] == 5
    assert trusted["group"].load() == {"x": 5}


def test_a_missing_other_file(leading_out: str) -> None:
    """A link to a file that is not there is told as what it is."""
    with pytest.raises(KeyError, match="opened"):
        HDF5Checkpointer(leading_out, trust=True)["gone"]


def test_no_trust_through_a_journal(leading_out: str) -> None:
    """Where HDF5 reads through the journal it would look for the others there: it is refused."""
    with HDF5Checkpointer(leading_out, trust=True) as chk:
        chk["new"] = 1
        with pytest.raises(UnsafeFileError, match="journal"):
            chk["virtual"]


def test_no_writing_into_other_files(leading_out: str, tmp_path: Path) -> None:
    """Trust is to read: assigning through a link to another file is refused, and changes none."""
    before = (tmp_path / "other.h5").read_bytes()
    with pytest.raises((UnsafeFileError, NotAGroupError)):
        HDF5Checkpointer(leading_out, trust=True)["group/y"] = 1
    assert (tmp_path / "other.h5").read_bytes() == before


def test_user_defined_links(path: str) -> None:
    """A link of a kind that HDF5 does not know is refused; the rest is read."""
    plist = h5p.create(h5p.FILE_CREATE)
    plist.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    fid = h5f.create(path.encode(), h5f.ACC_TRUNC, plist)
    root = h5py.h5g.open(fid, b"/")
    h5d.create(root, b"fine", h5t.STD_I64LE, h5s.create(h5s.SCALAR))
    root.links.create_external(b"strange", b"other-file.h5", b"/x")
    root.close()
    fid.close()
    raw = Path(path).read_bytes()
    at = raw.index(b"strange")
    # A link message: version, flags, type (64, external), …, name.
    kind = raw.rindex(b"\x40", at - 24, at)
    Path(path).write_bytes(with_new_sum(raw[:kind] + b"\xc8" + raw[kind + 1 :]))
    chk = HDF5Checkpointer(path)
    for look in (lambda: chk["strange"], chk.load):
        with pytest.raises((UnsupportedStoredError, CorruptFileError)):
            look()
    assert chk["fine"] == 0


def with_new_sum(raw: bytes) -> bytes:
    """The file, its root header's checksum made anew if it has one."""
    start = raw.find(b"OHDR")
    if start < 0:
        return raw
    flags = raw[start + 5]
    width = 1 << (flags & 3)
    sized = start + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    size = int.from_bytes(raw[sized : sized + width], "little")
    end = sized + width + size
    return raw[:end] + struct.pack("<I", lookup3(raw[start:end])) + raw[end + 4 :]


def lookup3(data: bytes) -> int:
    """Bob Jenkins' lookup3 (http://burtleburtle.net/bob/c/lookup3.c), HDF5's metadata checksum."""

    def rot(x: int, k: int) -> int:
        return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF

    mask = 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + len(data)) & mask
    position = 0
    while len(data) - position > 12:
        x, y, z = struct.unpack_from("<3I", data, position)
        a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
        for shift in (4, 6, 8, 16, 19, 4):
            a = ((a - c) & mask) ^ rot(c, shift)
            c = (c + b) & mask
            a, b, c = b, c, a
        position += 12
    tail = data[position:]
    if not tail:
        return c
    x, y, z = struct.unpack("<3I", tail.ljust(12, b"\0"))
    a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
    for first, shift in enumerate((14, 11, 25, 16, 4, 14, 24)):
        order = [[c, b], [a, c], [b, a]][first % 3]
        value = ((order[0] ^ order[1]) - rot(order[1], shift)) & mask
        if first % 3 == 0:
            c = value
        elif first % 3 == 1:
            a = value
        else:
            b = value
    return c


def test_no_code_from_where_nobody_said(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that asks for a filter makes HDF5 look for plug-ins nowhere that nobody has set."""
    h5pl.size()  # HDF5 looks at the environment once: let it see that of the other tests
    monkeypatch.delenv("HDF5_PLUGIN_PATH", raising=False)
    with h5py.File(path, "w") as file:
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk((4,))
        plist.set_filter(305, h5py.h5z.FLAG_OPTIONAL)
        did = h5d.create(file.id, b"x", h5t.NATIVE_INT32, h5s.create_simple((4,)), plist)
        did.write_direct_chunk((0,), bytes(16), 0)
    folders = [h5pl.get(index) for index in range(h5pl.size())]
    seen: list[int] = []
    real = Guard.explain

    def look(self: Guard, did: object, error: Exception) -> object:
        seen.append(h5pl.size())
        return real(self, did, error)

    monkeypatch.setattr(Guard, "explain", look)
    with pytest.raises(UnsupportedStoredError, match="305"):
        HDF5Checkpointer(path)["x"]
    set_by_somebody = [folder for folder in folders if folder not in DEFAULT_PLUGINS]
    assert seen == [len(set_by_somebody)]
    assert sorted(h5pl.get(index) for index in range(h5pl.size())) == sorted(folders)


def test_isolated(path: str) -> None:
    """A child process reads a file: the same values, or its error, or how it ended."""
    value = {"a": np.arange(5.0), "b": (1, {"c": None}), "d": {"e": "é"}}
    hdfchk.save(path, value)
    found = load(path, isolated=True)
    assert found["b"] == value["b"] and found["d"] == value["d"] and found["a"].sum() == 10
    with pytest.raises(FileNotFoundError):
        load(path + "x", isolated=True)
    deep(path, 5000)
    with pytest.raises(NestingError) as caught:
        load(path, isolated=True)
    assert caught.value.file == path
    Path(path).write_bytes(b"no HDF5")
    with pytest.raises(CorruptFileError):
        load(path, isolated=True)


def test_isolated_from_a_crash(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that is ended by a signal, or takes too long, is an error."""
    from hdfchk.backends.hdf5 import sandbox as isolated

    hdfchk.save(path, {"a": 1})
    monkeypatch.setattr(isolated, "_CHILD", "import os; os.kill(os.getpid(), 11)")
    with pytest.raises(CorruptFileError, match="signal 11"):
        load(path, isolated=True)
    monkeypatch.setattr(isolated, "_CHILD", "import time; time.sleep(60)")
    with pytest.raises(CorruptFileError, match="seconds"):
        load(path, isolated=True, timeout=0.5)


def test_soft_links_that_loop(path: str) -> None:
    """Soft links in a circle are no keys."""
    with h5py.File(path, "w") as file:
        file["a"] = h5py.SoftLink("/b")
        file["b"] = h5py.SoftLink("/a/../b")
        file["fine"] = 1
    chk = HDF5Checkpointer(path)
    assert "a" not in chk and chk.load() == {"fine": 1}
    with pytest.raises(KeyError):
        chk["a"]


def test_names_that_are_no_text(path: str) -> None:
    """Names that are no UTF-8 stay reachable, under the names that listing gives."""
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"caf\xe9", h5t.STD_I64LE, h5s.create(h5s.SCALAR))
        file["fine"] = 1
    chk = HDF5Checkpointer(path)
    name = next(name for name in chk if name != "fine")
    assert chk[name] == 0 and name in chk and chk.load().keys() == {name, "fine"}
    del chk[name]
    assert chk.load() == {"fine": 1}


def test_in_little_memory(path: str) -> None:
    """A bomb is refused, not met, where there is little memory."""
    with h5py.File(path, "w") as file:
        file.create_dataset("bomb", (2**40,), "f8", chunks=(2**17,))

    def look() -> bool:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
        with pytest.raises(UnsafeFileError):
            load(path)
        return True

    assert in_child(look)

"""`compact`: every kind of file goes through, the copy is compared, and costs stay linear."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5f, h5g, h5p, h5s, h5t

from hdfchk import CorruptFileError, HDF5Checkpointer, NestingError
from hdfchk.backends.hdf5 import compaction
from tests.support.exact import differs


def dict_of_keys(path: str) -> None:
    HDF5Checkpointer(path)["d"] = {f"k{i}": i for i in range(2000)}


def nine_keys(path: str) -> None:
    HDF5Checkpointer(path)["d"] = {f"k{i}": {f"j{i}": i for i in range(9)} for i in range(9)}


def many_attributes(path: str) -> None:
    chk = HDF5Checkpointer(path)
    chk["g"] = {"x": np.ones(3)}
    with chk:
        for place in (chk.attrs, chk.group("g").attrs, chk.array("g/x").attrs):
            for i in range(300):
                place[f"a{(i * 7) % 300}"] = i if i % 2 else f"text {i}"


def dense_attributes(path: str) -> None:
    with h5py.File(path, "w", track_order=True) as file:
        group = file.create_group("g", track_order=True)
        for i in reversed(range(50)):
            group.attrs[f"a{i}"] = np.arange(i, dtype="i2")
        group.attrs["large"] = np.zeros(50_000)  # more than fits an object header
        group.attrs.create("fixed", b"ab ", dtype="S3")
        group.attrs["ragged"] = np.array([np.arange(2), np.arange(3)], h5py.vlen_dtype("i4"))


def thousand_levels(path: str) -> None:
    with h5py.File(path, "w") as file:
        group = file.id
        for _ in range(1000):
            group = h5g.create(group, b"g")


def replaced_keys(path: str) -> None:
    chk = HDF5Checkpointer(path)
    chk["g"] = {f"k{i}": i for i in range(40)}
    for i in (3, 30, 7):
        chk["g", f"k{i}"] = {"now": "a group"}


def empty_groups(path: str) -> None:
    HDF5Checkpointer(path).update({"a": {}, "b": {"c": {}, "d": {"e": {}}}})


def links_and_types(path: str) -> None:
    with h5py.File(path, "w") as file:
        file["type"] = np.dtype([("a", "i4"), ("b", "f8")])
        file["type"].attrs["units"] = "eV"
        file.create_dataset("typed", (3,), file["type"])
        group = file.create_group("g")
        for i in range(12):
            group[f"x{i}"] = i
        file["again"], file["soft"] = group, h5py.SoftLink("/g/x1")
        group["up"], group["x0 again"] = file["/"], group["x0"]
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["out"] = h5py.ExternalLink("elsewhere.h5", "/x")


def user_block(path: str) -> None:
    with h5py.File(path, "w", userblock_size=2048) as file:
        file["g/x"] = np.arange(9000.0)
        file.create_dataset("gzip", data=np.arange(9000), compression="gzip", chunks=(100,))


def layouts(path: str) -> None:
    with h5py.File(path, "w", libver="v110") as file:
        compact = h5p.create(h5p.DATASET_CREATE)
        compact.set_layout(h5d.COMPACT)
        did = h5d.create(file.id, b"compact", h5t.NATIVE_INT32, h5s.create_simple((9,)), compact)
        did.write(h5s.ALL, h5s.ALL, np.arange(9, dtype="i4"))
        data = np.arange(3000.0).reshape(60, 50)
        file["contiguous"] = data
        file.create_dataset("unwritten", (50,), "f4")
        file.create_dataset("null", data=h5py.Empty("f8"))
        file.create_dataset("none", (0, 3), "f8", maxshape=(None, 3))
        for name, more in {
            "btree1": {"maxshape": None},
            "grows": {"maxshape": (None, 50)},
            "grows twice": {"maxshape": (None, None), "compression": "gzip", "fletcher32": True},
            "lzf": {"compression": "lzf", "shuffle": True},
            "scaled": {"scaleoffset": 4},
        }.items():
            file.create_dataset(name, data=data, chunks=(7, 9), **more)
        sparse = file.create_dataset("sparse", (10**6,), "i8", chunks=(100,), fillvalue=7)
        sparse[500_000:500_150] = 1
        file["strings"] = np.array(["a", "bb" * 400, ""], object)
        file.create_dataset(
            "packed strings", data=["x" * i for i in range(500)], compression="gzip", chunks=(64,)
        )
        ragged = file.create_dataset("ragged", (3,), h5py.vlen_dtype("i4"))
        ragged[0], ragged[2] = [1, 2], [3]
        table = np.dtype([("n", "i4"), ("s", h5py.string_dtype()), ("f", "S4")])
        file["table"] = np.array([(1, "one", b"a"), (2, "two", b"b")], table)
        file["padded"] = np.array([b"ab", b"c"], "S5")
        name = os.fsencode(path + ".raw")
        Path(path + ".raw").write_bytes(bytes(24))
        file.create_dataset("external", (3,), "<i8", external=[(name, 0, 24)])
        layout = h5py.VirtualLayout((60, 50), "f8")
        layout[:] = h5py.VirtualSource(".", "contiguous", (60, 50))
        file.create_virtual_dataset("virtual", layout)


KINDS = (
    dict_of_keys,
    nine_keys,
    many_attributes,
    dense_attributes,
    thousand_levels,
    empty_groups,
    links_and_types,
    user_block,
    layouts,
)


def everything(path: str) -> Any:
    """All that plain h5py finds in a file, with links, orders and attributes."""
    with h5py.File(path) as file:
        seen: dict[Any, int] = {}
        done: set[int] = set()
        found: list[Any] = []
        todo: list[tuple[str, Any]] = [("/", file["/"])]
        while todo:
            name, item = todo.pop()
            info = h5py.h5o.get_info(item.id)
            number = seen.setdefault(info.addr, len(seen))
            first = number not in done
            done.add(number)
            found.append((name[-80:], number))
            if not first:
                continue
            attributes = {key: _plain(value) for key, value in item.attrs.items()}
            attributes.pop("hdfchk:order", None)
            attributes.pop("hdfchk:stamp", None)
            found.append((attributes, number))
            if isinstance(item, h5py.Dataset):
                chunks = [item.chunks, item.compression, item.fletcher32, item.shuffle]
                data = None if item.name == "/external" else _plain(item[()])
                found.append(((str(item.dtype), item.maxshape, chunks, data), number))
            elif isinstance(item, h5py.Group):
                for key in item:
                    link = item.get(key, getlink=True)
                    if isinstance(link, h5py.HardLink):
                        todo.append((f"{name}/{key}", item[key]))
                    else:
                        found.append((key + repr(vars(link)), number))
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, repr(value.tolist()))
    return repr(value)


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS)
def test_every_kind(path: str, make: Callable[[str], None]) -> None:
    """A file of each kind holds the same after it was compacted, twice, and goes on being written."""
    make(path)
    before, keys = everything(path), list(HDF5Checkpointer(path))
    for _ in range(2):
        HDF5Checkpointer(path).compact()
        assert list(HDF5Checkpointer(path)) == keys
        after = everything(path)
        for wanted, found in zip(before, after, strict=True):
            assert wanted == found
    HDF5Checkpointer(path)["new"] = {f"k{i}": i for i in range(20)}
    HDF5Checkpointer(path).compact()
    assert HDF5Checkpointer(path)["new/k19"] == 19


def test_stamp(path: str) -> None:
    """A file of ours remains one, in a state of its own; a file of h5py remains one of h5py."""
    chk, stamps = HDF5Checkpointer(path), []
    chk["x"] = 1
    for _ in range(3):
        with h5py.File(path) as file:
            stamps.append(int(file.attrs["hdfchk:stamp"]))
        chk.compact()
        assert chk.info().format is not None
    assert len(set(stamps)) == 3
    with h5py.File(path, "w") as file:
        file["x"] = 1
    chk.compact()
    with h5py.File(path) as file:
        assert not file.attrs and chk.info().format is None


def test_order_of_nested_keys(path: str) -> None:
    """The order of keys in nested dicts, also of replaced ones, is as before."""
    replaced_keys(path)
    order = list(HDF5Checkpointer(path)["g"])
    value = HDF5Checkpointer(path).load()
    HDF5Checkpointer(path).compact()
    assert list(HDF5Checkpointer(path)["g"]) == order == [f"k{i}" for i in range(40)]
    assert differs(value, HDF5Checkpointer(path).load()) is None
    with h5py.File(path) as file:
        tracked = file["g"].id.get_create_plist().get_link_creation_order()
        assert tracked == h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_dicts(path: str, seed: int) -> None:
    """Random nested dicts, some of them overwritten and deleted, are the same afterwards."""
    chance = random.Random(seed)

    def made(depth: int) -> Any:
        if depth == 0 or chance.random() < 0.3:
            return chance.choice([1, 2.5, "é" * 9, None, np.arange(700), [1, "a"], {}])
        return {f"k{i}": made(depth - 1) for i in range(chance.choice([0, 3, 8, 9, 20]))}

    chk = HDF5Checkpointer(path)
    chk["d"] = {f"k{i}": made(3) for i in range(12)}
    for i in range(0, 12, 3):
        chk["d", f"k{i}"] = made(2)
    del chk["d", "k1"]
    value = chk.load()
    chk.compact()
    assert differs(value, chk.load()) is None and chk.verify().ok


def test_hidden_links_are_left_out(path: str) -> None:
    """A group that a commit has left at the root for itself is not copied; others' links are."""
    HDF5Checkpointer(path)["a"] = {"b": 1}
    with h5py.File(path, "a") as file:
        file["hdfchk:tmp/0"] = np.zeros(9000)
        file["hdfchk:tmp"].attrs["hdfchk:hidden"] = np.uint8(0)
        file["a/hdfchk:mine"] = 2
    HDF5Checkpointer(path).compact()
    with h5py.File(path) as file:
        assert list(file) == ["a"] and list(file["a"]) == ["b", "hdfchk:mine"]


def spoil_data(new: Any, name: bytes) -> None:
    did = h5py.h5o.open(new, name)
    if isinstance(did, h5d.DatasetID) and did.shape:
        h5py.Dataset(did)[0] = 99 if h5py.Dataset(did).dtype.kind == "f" else "99"


def spoil_link(new: Any, name: bytes) -> None:
    new.links.create_hard(b"one more", new, name)


def spoil_name(new: Any, name: bytes) -> None:
    new.links.move(name, new, name + b"x")


def spoil_attribute(new: Any, name: bytes) -> None:
    h5py.AttributeManager(h5py.Dataset(h5py.h5o.open(new, name)))["units"] = "meV"


@pytest.mark.parametrize("key", ["contiguous", "chunks", "compact", "strings"])
@pytest.mark.parametrize("spoil", [spoil_data, spoil_link, spoil_name, spoil_attribute])
def test_a_copy_that_differs(
    path: str, spoil: Callable[[Any, bytes], None], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that is not what the file holds never takes its place, and nothing is left of it."""
    chk = HDF5Checkpointer(path)
    data: Any = np.arange(3.0) if key == "compact" else np.arange(9000.0)
    if key == "strings":
        data = np.array(["a", "b" * 99], np.dtypes.StringDType())
    chk.put(key, data, compression="gzip" if key == "chunks" else None)
    chk.array(key).attrs["units"] = "eV"
    before = Path(path).read_bytes()
    real = compaction.h5o.copy

    def copy(old: Any, name: bytes, new: Any, other: bytes, **more: Any) -> None:
        real(old, name, new, other, **more)
        spoil(new, other)

    monkeypatch.setattr(compaction.h5o, "copy", copy, raising=True)
    with pytest.raises(CorruptFileError, match="copy differs"):
        chk.compact()
    assert Path(path).read_bytes() == before and os.listdir(os.path.dirname(path)) == ["store.hdf5"]


def test_a_damaged_key(path: str) -> None:
    """The file stays, and the error names the key."""
    with h5py.File(path, "w", libver="earliest") as file:
        file.create_dataset("runs/a/x", data=np.arange(100), chunks=(10,))
        file["fine"] = 1
    raw = Path(path).read_bytes()
    node = raw.rindex(b"TREE\x01")  # the index of the chunks
    Path(path).write_bytes(raw[:node] + b"EERT" + raw[node + 4 :])
    chk, before = HDF5Checkpointer(path), Path(path).read_bytes()
    with pytest.raises(CorruptFileError, match=r"key 'runs/a/x' in .*; restore it"):
        chk.compact()
    assert Path(path).read_bytes() == before and os.listdir(Path(path).parent) == [Path(path).name]
    del chk["runs"]
    assert chk.compact() > 0 and chk.load() == {"fine": 1}


@pytest.mark.slow
def test_too_deep(path: str) -> None:
    """Groups nested too deeply are refused, soon, and the file stays."""
    with h5py.File(path, "w") as file:
        group = file.id
        for _ in range(30_000):
            group = h5g.create(group, b"g")
    before, start = Path(path).read_bytes(), time.monotonic()
    with pytest.raises(NestingError):
        HDF5Checkpointer(path).compact(progress=lambda done, total: None)
    assert time.monotonic() - start < 20 and Path(path).read_bytes() == before


@pytest.mark.slow
def test_it_is_linear(path: str) -> None:
    """Ten times as many groups, each with a value, take some ten times as long."""
    took = []
    for count in (500, 5000):
        with h5py.File(path, "w", libver="v110") as file:
            for i in range(count):
                file.create_group(f"g{i}", track_order=True)["x"] = i
        start = time.process_time()
        HDF5Checkpointer(path, durable=False).compact()
        took.append(time.process_time() - start)
    assert took[1] < 10 * 2 * took[0]


def test_owner_and_rights(path: str) -> None:
    """Mode, owner and extended attributes of the file are those of the compacted one."""
    chk = HDF5Checkpointer(path)
    chk["a"] = np.ones(5000)
    os.chmod(path, 0o640)
    if os.getuid() == 0:
        os.chown(path, 12345, 12346)
    kept = False
    if hasattr(os, "setxattr"):
        try:
            os.setxattr(path, "user.note", b"mine")
            kept = True
        except OSError:
            kept = False  # a file system that has none
    before = os.stat(path)
    chk.compact()
    after = os.stat(path)
    assert after.st_mode & 0o7777 == 0o640 and after.st_ino != before.st_ino
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert not kept or os.getxattr(path, "user.note") == b"mine"


def test_vast_files_of_little(path: str) -> None:
    """A dataset that is a hole in the file takes no memory when the file is compacted."""
    with h5py.File(path, "w") as file:
        file.create_dataset("unwritten", (2**50,), "f8")
        file["x"] = 1
    assert HDF5Checkpointer(path).compact() >= 0 or os.path.getsize(path) < 2**20
    assert HDF5Checkpointer(path)["x"] == 1
    assert h5f.is_hdf5(path.encode())


@pytest.mark.slow
@pytest.mark.parametrize("count", [60, 200, 1500])
def test_many_keys_that_were_replaced(path: str, count: int) -> None:
    """Keys that keep their places after a replacement are compacted, however many they are."""
    chk = HDF5Checkpointer(path)
    for values in (0, "text", [1, None]):
        chk.update({f"k{n}": values for n in range(count)})
        chk.update({"sub": {f"k{n}": n for n in range(count)}})
        chk["sub"].update({f"k{n}": values for n in range(count)})
    before = chk.load()
    chk.compact()
    assert chk.load() == before
    assert list(chk) == [*(f"k{n}" for n in range(count)), "sub"]
    assert list(chk["sub"]) == [f"k{n}" for n in range(count)]


@pytest.mark.parametrize("sizes", [(8, 4), (4, 8), (4, 4), (2, 2), (2, 8)])
def test_sizes_of_offsets_and_lengths_are_kept(tmp_path: Path, sizes: tuple[int, int]) -> None:
    """Files whose addresses or lengths have other sizes than HDF5's own are compacted, and edited."""
    path, plist = tmp_path / "x.h5", h5p.create(h5p.FILE_CREATE)
    plist.set_sizes(*sizes)
    with h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, plist)) as file:
        file["x"], file["g/text"], file["x"].attrs["a"] = np.arange(10), "text", "b"
        file.create_dataset("packed", data=np.arange(1000.0), chunks=(10,), compression="gzip")
        file["gone"] = np.arange(2000)
        del file["gone"]
    chk = HDF5Checkpointer(path)
    assert chk.compact() > 0
    chk["x"] = "another"
    assert chk.compact() >= 0 and chk.verify().ok
    with h5py.File(path) as file:
        assert file.id.get_create_plist().get_sizes() == sizes
        assert file["x"][()] == b"another" and file["x"].attrs["a"] == "b"
        assert file["packed"][999] == 999 and file["g/text"][()] == b"text"

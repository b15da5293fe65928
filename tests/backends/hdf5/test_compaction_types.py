"""`compact` keeps which named type datasets and attributes have, and files in rare forms."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5f, h5o, h5p, h5s, h5z

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsupportedStoredError, salvage
from hdfchk.backends.hdf5 import compaction
from tests.foreign.making import compound, dataset, string
from tests.foreign.registry import build

PAIR = np.dtype([("n", "<i4"), ("x", ">f8")])
UNKNOWN = 40_000
"""The number of a filter that nobody has."""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store.hdf5")


def address(tid: Any) -> int | None:
    return h5o.get_info(tid).addr if tid.committed() else None


def types_of(path: str) -> dict[str, str | None]:
    """The first path of the named type of each dataset and attribute; a number if it has none."""
    found: dict[str, str | None] = {}
    with h5py.File(path) as file:
        names: dict[int | None, str | None] = {None: None}
        items = {"/": file}
        file.visititems(lambda name, item: items.update({name: item}))
        for name, item in items.items():
            if isinstance(item, h5py.Datatype):
                names[h5o.get_info(item.id).addr] = name
        for name, item in items.items():
            if isinstance(item, h5py.Dataset):
                place = address(item.id.get_type())
                found[name] = names.setdefault(place, f"nameless {len(names)}")
            for key in item.attrs:
                place = address(item.attrs.get_id(key).get_type())
                found[f"{name}@{key}"] = names.setdefault(place, f"nameless {len(names)}")
    return found


def typed(path: str) -> None:
    """Types before and behind what was made with them; two that are equal; one without a path."""
    rows = np.array([(1, 1.5), (2, 2.5), (3, 3.5)], PAIR)
    words = np.dtype([("s", h5py.string_dtype()), ("n", "i4")])
    texts = np.array([("é", 1), ("", 2), ("longer", 3)], words)
    with h5py.File(path, "w", track_order=True) as file:
        file["z/type"], file["z/equal"], file["z/words"], file["gone"] = PAIR, PAIR, words, PAIR
        file["z/type"].attrs["units"] = "eV"
        file["z/type"].attrs.create("of itself", rows[0], dtype=file["z/type"])
        for name, kind in (("a", "z/type"), ("b", "z/type"), ("c", "z/equal"), ("d", "gone")):
            file.create_dataset(name, data=rows, dtype=file[kind])
        file.create_dataset("e", data=rows, dtype=file["gone"], chunks=(2,), compression="gzip")
        file.create_dataset("f", data=texts, dtype=file["z/words"])
        file.create_dataset("g", data=texts, dtype=file["z/words"], chunks=(2,), maxshape=(None,))
        file.create_dataset("none", (50,), file["z/type"], chunks=(5,), fillvalue=rows[2])
        file.create_dataset("plain", data=rows)
        file["a"].attrs.create("made with it", rows[1], dtype=file["z/type"])
        file["plain"].attrs.create("with another", rows, dtype=file["z/equal"])
        file.attrs.create("at the root", texts, dtype=file["z/words"])
        file["to"] = file["a"].ref
        file["to"].attrs.create("with references", rows, dtype=file["gone"])
        file["compact"], file["z/alias"] = 1, file["z/type"]
        Path(path + ".raw").write_bytes(rows.tobytes())
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_external(os.fsencode(path + ".raw"), 0, rows.nbytes)
        space = h5s.create_simple((3,))
        h5d.create(file.id, b"outside", file["z/type"].id, space, plist)
        del file["gone"]


@pytest.mark.parametrize("libver", [None, "earliest"])
def test_named_types_are_shared_as_before(path: str, libver: str | None) -> None:
    """Datasets and attributes have the copy of the type that they had, whichever comes first."""
    typed(path)
    before, raw = types_of(path), Path(path + ".raw").read_bytes()
    with h5py.File(path) as file:
        values = {name: file[name][()] for name in "abcdefg"}
    assert before["a"] == before["none"] == before["a@made with it"] == "z/alias" != before["c"]
    assert before["d"] == before["e"] == before["to@with references"] != before["plain"]
    chk = HDF5Checkpointer(path)
    options = {} if libver is None else {"libver": libver}
    for _ in range(2):
        chk.compact(**options)
        assert types_of(path) == before and chk.verify().ok
        with h5py.File(path) as file:
            assert list(file) == ["z", *"abcdefg", "none", "plain", "to", "compact", "outside"]
            assert all(np.array_equal(file[name][()], data) for name, data in values.items())
            assert file["z/type"].attrs["units"] == "eV" and file["none"][7][0] == 3
            assert file["none"].id.get_storage_size() == 0 and file["e"].compression == "gzip"
            assert file["outside"][()].tobytes() == raw
    assert Path(path + ".raw").read_bytes() == raw


@pytest.mark.parametrize("data", ["numbers", "texts"])
def test_a_named_type_and_a_filter_that_is_not_there(path: str, data: str) -> None:
    """HDF5 copies the chunks as they are, and finds the type; where it cannot, it is refused."""
    tid = PAIR if data == "numbers" else np.dtype([("s", h5py.string_dtype())])
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk((2,))
    plist.set_filter(UNKNOWN, h5z.FLAG_OPTIONAL)
    with h5py.File(path, "w") as file:
        file["type"] = tid
        h5d.create(file.id, b"x", file["type"].id, h5s.create_simple((4,)), plist)
        if data == "numbers":
            file["x"].id.write_direct_chunk((2,), b"packed by nobody knows what")
    before, old = types_of(path), Path(path).read_bytes()
    chk = HDF5Checkpointer(path)
    if data == "texts":
        with pytest.raises(UnsupportedStoredError, match="a filter") as caught:
            chk.compact()
        assert caught.value.key == "x" and Path(path).read_bytes() == old
        return
    chk.compact()
    assert types_of(path) == before
    with h5py.File(path) as file:
        assert file["x"].id.read_direct_chunk((2,))[1] == b"packed by nobody knows what"


def test_strings_that_h5py_would_cut(path: str) -> None:
    """They are refused, and not cut."""
    tid = compound(24, ("s", 0, string(3, "term")), ("v", 8, string(None, "term", utf8=True)))
    with h5py.File(path, "w") as file:
        tid.commit(file.id, b"type")
        dataset(file, "x", tid, (1,), None)
        memory = tid.copy()
        row = np.zeros(1, file["x"].dtype)
        row["s"], row["v"] = b"abc", "text"
        file["x"].id.write(h5s.ALL, h5s.ALL, row, memory)
        assert file["x"][0][0] == b"abc"
    old = Path(path).read_bytes()
    with pytest.raises(UnsupportedStoredError, match="h5repack") as caught:
        HDF5Checkpointer(path).compact()
    assert caught.value.key == "x" and Path(path).read_bytes() == old


def spoil_name(file: Any) -> None:
    """A dataset whose type has no name any more."""
    del file["b"]
    file.create_dataset("b", (3,), PAIR)


def spoil_which(file: Any) -> None:
    """One that has another type, which is equal."""
    del file["b"]
    file.create_dataset("b", (3,), file["equal"])


def spoil_attribute(file: Any) -> None:
    """An attribute without its named type."""
    value = file["a"].attrs["k"]
    file["a"].attrs.create("k", value, dtype=PAIR)


@pytest.mark.parametrize("spoil", [spoil_name, spoil_which, spoil_attribute])
def test_a_copy_with_other_types(
    path: str, spoil: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison sees it, and the copy never takes the file's place."""
    with h5py.File(path, "w") as file:
        file["type"], file["equal"] = PAIR, PAIR
        for name in "ab":
            file.create_dataset(name, (3,), file["type"])
        file.create_dataset("c", (3,), file["equal"])
        file["a"].attrs.create("k", np.zeros(1, PAIR), dtype=file["type"])
    before, real = Path(path).read_bytes(), compaction._Copy.run

    def run(copy: Any) -> None:
        real(copy)
        spoil(h5py.File(copy._target))

    monkeypatch.setattr(compaction._Copy, "run", run)
    with pytest.raises(CorruptFileError, match="copy differs"):
        HDF5Checkpointer(path).compact()
    assert Path(path).read_bytes() == before


def content(path: str) -> dict[str, Any]:
    """All values and attributes, by plain h5py."""
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        items: dict[str, Any] = {"/": file}
        file.visititems(lambda name, item: items.update({name: item}))
        for name, item in items.items():
            value: Any = item.dtype if isinstance(item, h5py.Datatype) else None
            if value is None:
                value = repr(item[()]) if isinstance(item, h5py.Dataset) else sorted(item)
            found[name] = value, {key: repr(item.attrs[key]) for key in item.attrs}
    return found


@pytest.mark.parametrize("way", ["compact", "compact for 1.8", "salvage"])
def test_shared_messages(tmp_path: Path, way: str) -> None:
    """What lies in a table of shared messages is whole in the copy, which has no such table."""
    path = build("files/shared messages", str(tmp_path))
    with h5py.File(path, "r+") as file:
        file["type"] = np.dtype([(f"field {n}", "f8") for n in range(9)])
        made = file.create_dataset("typed", (9,), file["type"], chunks=(4,), compression="gzip")
        made.attrs["rows"] = np.ones(3, made.dtype)
        file["to"] = np.array([made.ref] * 3, h5py.ref_dtype)
        file["to"].attrs["to"] = made.ref
    before, to = content(path), path
    if way == "salvage":
        to = str(tmp_path / "copy.h5")
        assert not salvage(path, to).skipped
    else:
        HDF5Checkpointer(path).compact(**({} if way == "compact" else {"libver": "earliest"}))
    assert content(to) == before
    with h5py.File(to) as file:
        assert file[file["to"][2]] == file[file["to"].attrs["to"]] == file["typed"]


@pytest.mark.parametrize("sizes", [(2, 2), (4, 2), (8, 2)])
def test_groups_where_lengths_have_two_bytes(path: str, sizes: tuple[int, int]) -> None:
    """HDF5's newer groups cannot hold many links there: those of the copy are of the older kind."""
    plist, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    plist.set_sizes(*sizes)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_V18)
    with h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, plist, access)) as file:
        for number in range(40):
            file[f"n{number}"] = file[f"g/inner/n{number}"] = number
        file["gone"] = np.arange(500)
        del file["gone"]
    before, chk = content(path), HDF5Checkpointer(path)
    assert chk.compact() > 0
    assert content(path) == before and chk.verify().ok
    with h5py.File(path) as file:
        assert file.id.get_create_plist().get_sizes() == sizes

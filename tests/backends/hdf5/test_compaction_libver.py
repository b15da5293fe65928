"""Files for HDF5 1.8: what `compact(libver="earliest")` writes, and what comes of it later.

The bytes of each file are looked at here. Where HDFCHK_HDF5_18 is the path of a library of HDF5 1.8
(see `tests/support/hdf5_18.py`), that reads each of them, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from hdfchk import HDF5Checkpointer, InvalidOptionError, UnsupportedStoredError
from hdfchk.backends.hdf5.h5.values import raw_data
from tests.golden import sets
from tests.hostile.test_limits import lookup3
from tests.support.exact import differs
from tests.support.object_headers import Bytes, too_new

from .test_repointing import MANNERS, everything, made

LIBRARY = os.environ.get("HDFCHK_HDF5_18", "")
FORMS = [file for file in sets.SETS[2] if not file.missing()]


def check(*paths: Path | str, needs_plugin: bool = False) -> None:
    """Make sure that HDF5 1.8 reads files, by their bytes and, where it is there, by itself."""
    for path in paths:
        assert too_new(path) == []
    if LIBRARY and not needs_plugin:
        command = [sys.executable, "-m", "tests.support.hdf5_18", LIBRARY, *map(str, paths)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        for line in done.stdout.splitlines():
            said = json.loads(line)
            assert said["hdf5"].startswith("1.8.")
            assert said["digests"] == {**said["digests"], **digests(said["file"], said["digests"])}


def digests(path: str, wanted: dict[str, str]) -> dict[str, str]:
    """The digests of raw data of fixed size, as the HDF5 of today reads them."""
    found: dict[str, str] = {}
    with h5py.File(path) as file:
        for key, digest in wanted.items():
            name, _, attribute = key.partition("@")
            if digest and not attribute:
                found[key] = hashlib.sha256(raw_data(file[name].id).tobytes()).hexdigest()
    return found


def edit(chk: HDF5Checkpointer) -> None:
    """Write one of each kind of thing that lies in a file in another way."""
    with chk:
        chk["new"] = {"d": {f"k{n}": n for n in range(100)}, "a": np.arange(9000.0), "l": [1, "a"]}
        chk["new text"] = np.array(["a", "b"], np.dtypes.StringDType())
        for number in range(300):
            chk.append("new rows", np.full(4, number))
        chk.put("new gzip", np.arange(90_000), compression="gzip", checksum=True)
    chk["new/a"] = "shorter"
    del chk["new text"]
    chk.attrs["new"] = np.zeros(900)
    chk.array("new rows")[:5] = 7


def is_portable(path: str) -> bool:
    return too_new(path) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_all_stored_forms(path: str, form: sets.File) -> None:
    """HDF5 1.8 reads each of our forms, also after later edits and calls of `compact`."""
    form.write(path)
    chk = HDF5Checkpointer(path)
    value = chk.load()
    assert not is_portable(path) or form.name in {"marked", "root"}  # which plain h5py has made
    chk.compact(libver="earliest")
    plug = form.name in {"layouts", "plugins"}  # with filters that no HDF5 brings with it
    check(path, needs_plugin=plug)
    assert differs(value, chk.load()) is None
    if form.name == "root":
        return  # it is one array
    edit(chk)
    check(path, needs_plugin=plug)
    chk.compact()
    check(path, needs_plugin=plug)
    assert chk.verify().ok


@pytest.mark.parametrize("make", MANNERS)
def test_files_of_others(path: str, make: Callable[[h5py.File], None]) -> None:
    """What the newest HDF5 has written comes to be such as 1.8 reads, references and all."""
    made(path, make, libver="latest")
    before = everything(path)
    assert not is_portable(path)
    HDF5Checkpointer(path).compact(libver="earliest")
    check(path)
    assert everything(path) == before


def indices(file: h5py.File) -> None:
    """The indices of chunks that HDF5 has since 1.10, filters, and chunks that were never written."""
    data = np.arange(3000.0).reshape(60, 50)
    for name, more in {
        "single": {"chunks": (60, 50)},
        "single gzip": {"chunks": (60, 50), "compression": "gzip"},
        "implicit": {"chunks": (7, 9)},
        "fixed": {"chunks": (7, 9), "compression": "gzip", "shuffle": True},
        "grows": {"chunks": (7, 9), "maxshape": (None, 50), "fletcher32": True},
        "tree": {"chunks": (7, 9), "maxshape": (None, None), "compression": "gzip"},
        "scaled": {"chunks": (7, 9), "scaleoffset": 4},
    }.items():
        file.create_dataset(name, data=data, **more)
    sparse = file.create_dataset(
        "sparse", (10**5,), "i8", chunks=(100,), maxshape=(None,), fillvalue=7
    )
    sparse[500:750] = 1
    sparse.resize((30_010,))


def types(file: h5py.File) -> None:
    """Types in messages of the newest version, in datasets, attributes and under names of their own."""
    mixed = np.dtype(
        [
            ("a", ">i4"),
            ("b", "S3"),
            ("c", "<f4", (2,)),
            ("d", [("e", "?"), ("f", "c16")]),
            ("g", "V5"),
        ]
    )
    color = h5py.enum_dtype({"RED": 1, "BLUE": 200}, "u1")
    for name, dtype in {"mixed": mixed, "color": color, "half": "f2", "truth": "?"}.items():
        file.create_dataset(name, (3,), dtype)
        file.create_dataset(f"{name} chunked", (3,), dtype, chunks=(2,))[1:] = np.zeros(2, dtype)
        file.attrs.create(name, np.zeros(2, dtype), dtype=dtype)
    file["named"] = mixed
    file["named"].attrs["of"] = np.zeros((), mixed)
    file.create_dataset("typed", (2,), file["named"])
    rows = file.create_dataset("rows", (3,), h5py.vlen_dtype(np.dtype(">i2")), chunks=(2,))
    rows[0] = [1, 2]
    text = np.dtype([("s", h5py.string_dtype()), ("n", "i8")])
    file.create_dataset("texts", data=np.array([("é", 1), ("", 2)], text), chunks=(1,))
    ends = h5t.C_S1.copy()
    ends.set_size(5)
    ends.set_strpad(h5t.STR_NULLTERM)
    for tid, name, item in (
        (ends, b"ends", b"whole"),
        (h5t.STD_B16BE, b"bits", b"\x01\x02"),
        (h5t.STD_U8BE, b"big byte", b"\x07"),
    ):
        did = h5d.create(file.id, name, _inside(tid), h5s.create_simple((1,)))
        did.write(h5s.ALL, h5s.ALL, np.array([item], f"V{len(item)}"), _inside(tid))


def _inside(tid: Any) -> Any:
    """A compound of one field: its version is that of what holds it."""
    found = h5t.create(h5t.COMPOUND, tid.get_size())
    found.insert(b"x", 0, tid)
    return found


def links(file: h5py.File) -> None:
    group = file.create_group("g", track_order=True)
    for number in range(40):
        group[f"x{39 - number}"] = number
        group.attrs[f"a{39 - number}"] = number
    file["again"], file["soft"] = group["x3"], h5py.SoftLink("/g/x1")
    file["out"] = h5py.ExternalLink("elsewhere.h5", "/x")


@pytest.mark.parametrize("make", [indices, types, links])
def test_newest_forms(path: str, make: Callable[[h5py.File], None]) -> None:
    """What the newest HDF5 writes by itself is written anew in the forms that 1.8 has."""
    with h5py.File(path, "w", libver="latest") as file:
        make(file)
    before, raw = everything(path), raw_bytes(path)
    assert not is_portable(path)
    chk = HDF5Checkpointer(path)
    chk.compact(libver="earliest")
    check(path)
    assert everything(path) == before and raw_bytes(path) == raw
    edit(chk)
    check(path)


def raw_bytes(path: str) -> dict[str, bytes]:
    """The bytes of all datasets of items of fixed size."""
    found: dict[str, bytes] = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not item.dtype.hasobject:
            found[name] = raw_data(item.id).tobytes()

    with h5py.File(path) as file:
        file.visititems(look)
    return found


def test_a_virtual_dataset_is_refused(path: str) -> None:
    """HDF5 1.8 has none."""
    with h5py.File(path, "w", libver="latest") as file:
        file["g/x"] = np.arange(3)
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource(".", "g/x", (3,))
        file.create_virtual_dataset("g/virtual", layout)
    before = Path(path).read_bytes()
    with pytest.raises(UnsupportedStoredError, match=r"HDF5 1\.8.*g/virtual"):
        HDF5Checkpointer(path).compact(libver="earliest")
    assert Path(path).read_bytes() == before


def test_chunks_at_the_edge_that_are_not_filtered(path: str) -> None:
    """They look like all others, and 1.8 would unpack them: they are refused."""
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        x = file.create_dataset("x", (5,), "<i8", chunks=(4,), compression="gzip")
        x[:4] = np.arange(4)
        x.id.write_direct_chunk((4,), np.array([44, 0, 0, 0], "<i8").tobytes())
        at = h5py.h5o.get_info(x.id).addr
    whole = bytearray(Path(path).read_bytes())  # h5py has no way to say so
    width = 1 << (whole[at + 5] & 3)
    start = at + 6 + (16 if whole[at + 5] & 0x20 else 0)
    end = start + width + int.from_bytes(whole[start : start + width], "little")
    whole[whole.index(b"\x04\x02\x00", start, end) + 2] = 1
    whole[end : end + 4] = lookup3(bytes(whole[at:end])).to_bytes(4, "little")
    Path(path).write_bytes(whole)
    with h5py.File(path) as file:
        assert file["x"][()].tolist() == [0, 1, 2, 3, 44]
    with pytest.raises(UnsupportedStoredError, match=r"edge chunks.*1\.8.*'x'"):
        HDF5Checkpointer(path).compact(libver="earliest")
    assert Path(path).read_bytes() == whole


def test_newest_forms_stay_as_they_are(path: str) -> None:
    """A call without `libver` copies them as they are, whatever version of HDF5 they need."""
    with h5py.File(path, "w", libver="latest") as file:
        types(file)
        indices(file)
        layout = h5py.VirtualLayout((3,), "?")
        layout[:] = h5py.VirtualSource(".", "truth", (3,))
        file.create_virtual_dataset("virtual", layout)
    before, raw = everything(path), raw_bytes(path)
    HDF5Checkpointer(path).compact()
    assert everything(path) == before and raw_bytes(path) == raw


def test_a_file_of_others_stays_portable(path: str) -> None:
    """A file without a table of its free space gets none: not by edits, nor by `compact`."""
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(5000)
    chk = HDF5Checkpointer(path)
    edit(chk)
    check(path)
    chk.compact()
    check(path)
    ours = f"{path}-ours.hdf5"
    HDF5Checkpointer(ours)["x"] = 1
    HDF5Checkpointer(ours).compact()
    with h5py.File(ours) as file:
        assert file.id.get_create_plist().get_file_space_strategy()[1]
    assert not is_portable(ours) and Bytes(ours).superblock == 2


@pytest.mark.parametrize("tracked", [False, True])
def test_the_order_of_keys_is_kept_as_it_was(path: str, *, tracked: bool) -> None:
    """Groups, and the root, whose keys are ordered by name are so afterwards, and the others not."""
    with h5py.File(path, "w", track_order=tracked) as file:
        for group in (file, file.create_group("g", track_order=tracked)):
            for name in "zyx":
                group[name] = 1
    HDF5Checkpointer(path).compact()
    with h5py.File(path, "a") as file:
        for group in (file, file["g"]):
            group["a"] = 2
            names = [name for name in group if name != "g"]
            assert names == (["z", "y", "x", "a"] if tracked else ["a", "x", "y", "z"])
            kept = group["/" + group.name].id.get_create_plist().get_link_creation_order()
            assert bool(kept & h5p.CRT_ORDER_TRACKED) is tracked


def test_other_versions_are_refused(path: str) -> None:
    """There is no guess at what another name of a version means."""
    chk = HDF5Checkpointer(path)
    chk["x"] = 1
    with pytest.raises(InvalidOptionError, match="earliest"):
        chk.compact(libver="v108")  # type: ignore[arg-type]

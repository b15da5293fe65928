"""`compact` and HDF5 references: each leads to the copy of what it led to, or nothing is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5a, h5d, h5f, h5p, h5r, h5s, h5t

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsupportedStoredError
from hdfchk.backends.hdf5 import repointing

REF, REGION = h5py.ref_dtype, h5py.regionref_dtype
PADDING = "a dataset that was deleted before, so that places change"


def netcdf(file: h5py.File) -> None:
    """Variables, their dimensions, and a variable that is none: as netCDF-4 writes them."""
    for name, length in (("time", 4), ("lat", 2), ("lon", 3)):
        axis = file.create_dataset(name, data=np.arange(length, dtype="f8"))
        axis.make_scale(name)
        axis.attrs["_Netcdf4Dimid"] = np.int32(len(file) - 1)
    for name in ("t2m", "group/pressure"):
        chunks = (1, 2, 3)
        cube = file.create_dataset(name, (4, 2, 3), "f4", chunks=chunks, compression="gzip")
        cube[:3] = 280.0
        for number, axis in enumerate(("time", "lat", "lon")):
            cube.dims[number].attach_scale(file[axis])
        cube.attrs["units"] = "K"
    names = file.create_dataset("station", (2,), h5py.string_dtype(), fillvalue="none")
    names[0] = "a"
    names.dims[0].attach_scale(file["lat"])


def matlab(file: h5py.File) -> None:
    """Cells and structs: references to what stands in ``#refs#``."""
    inside = file.create_group("#refs#")
    for name, value in (("a", np.zeros(2, "u8")), ("b", [[1.0, 2.0]]), ("c", [[65, 66]])):
        inside[name] = value
    inside.create_dataset("d", data=[inside["b"].ref, inside["c"].ref], dtype=REF)
    cells = [[inside[name].ref] for name in "bdca"]
    cell = file.create_dataset("cell", data=np.array(cells, REF))
    cell.attrs["MATLAB_class"] = np.bytes_("cell")
    struct = file.create_group("struct")
    struct.create_dataset("f", data=np.array([[inside["d"].ref]], REF))


def nwb(file: h5py.File) -> None:
    """Links in attributes, compounds with references, and regions of tables."""
    series = file.create_dataset("acquisition/series/data", data=np.arange(60.0).reshape(20, 3))
    table = file.create_group("electrodes")
    table.create_dataset("location", data=np.array(["CA1", "CA3"] * 5, object))
    table.attrs["colnames"] = np.array(["location", "group"], object)
    table.create_dataset("group", data=[file["acquisition"].ref] * 10, dtype=REF)
    rows = table["location"].regionref
    series.attrs["electrodes"] = rows[2:5]
    series.attrs["object"] = file["electrodes"].ref
    regions = [rows[:3], rows[[1, 4, 8]], series.regionref[::4, 1:], h5py.RegionReference()]
    file.create_dataset("regions", data=np.array(regions, REGION))
    kind = np.dtype(
        [("start", "<i4"), ("name", "S3"), ("series", REF), ("rows", REGION), ("pair", REF, (2,))]
    )
    items = np.zeros(3, kind)
    items["name"], items["rows"] = b"abc", h5py.RegionReference()
    items["series"] = items["pair"] = series.ref
    items["rows"][1], items["pair"][2, 1] = rows[7:], h5py.Reference()
    file.create_dataset("timeseries", data=items)
    text = np.dtype([("label", h5py.string_dtype()), ("series", REF), ("rows", REGION)])
    file.create_dataset("labels", (2,), text)
    file["labels"][...] = np.array([("x", series.ref, rows[1:2]), ("", table.ref, rows[:])], text)


def anndata(file: h5py.File) -> None:
    """Columns whose attribute leads to the dataset of their categories, as older h5ad files."""
    obs = file.create_group("obs")
    for name in ("batch", "kind"):
        categories = obs.create_dataset(f"__categories/{name}", data=np.array(["p", "q"], object))
        codes = obs.create_dataset(name, data=np.zeros(6, "i1"))
        codes.attrs["categories"] = categories.ref
    obs.attrs["column-order"] = np.array(["batch", "kind"], object)


def pytables(file: h5py.File) -> None:
    """Texts that end with a NUL and have no room for it, beside an array of references."""
    ends = h5t.C_S1.copy()
    ends.set_size(5)
    ends.set_strpad(h5t.STR_NULLTERM)
    group = file.create_group("group")
    for item in (group, group.create_dataset("x", (3,), "f4")):
        aid = h5a.create(item.id, b"CLASS", ends, h5s.create(h5s.SCALAR))
        aid.write(np.array(b"GROUP", "V5"), ends)
    mixed = h5t.create(h5t.COMPOUND, 13)
    mixed.insert(b"text", 0, ends)
    mixed.insert(b"ref", 5, h5t.STD_REF_OBJ)
    did = h5d.create(file.id, b"mixed", mixed, h5s.create_simple((2,)))
    did.write(h5s.ALL, h5s.ALL, np.array([b"GROUP" + bytes(8)] * 2, "V13"), mixed)
    did.write(h5s.ALL, h5s.ALL, np.array([(group.ref,)] * 2, [("ref", REF)]))
    group.attrs["list"] = np.array([group["x"].ref, file.ref], REF)


def forms(file: h5py.File) -> None:
    """Every layout, place and shape of references."""
    x, y = file.create_dataset("x", data=[1]), file.create_dataset("g/y", data=np.eye(3))
    file["one"], file["null"] = x.ref, h5py.Empty(REF)
    file.create_dataset("never written", (4,), REF)
    file.create_dataset("chunks", (1000,), REF, chunks=(10,))[25:58] = y.ref
    packed = file.create_dataset("gzip", (100, 7), REF, chunks=(9, 4), compression="gzip")
    packed[3:30, 2:] = file["g"].ref
    file.create_dataset("grows", (5,), REF, maxshape=(None,), fletcher32=True)[...] = file.ref
    compact = h5p.create(h5p.DATASET_CREATE)
    compact.set_layout(h5d.COMPACT)
    did = h5d.create(file.id, b"compact", h5t.STD_REF_OBJ, h5s.create_simple((2,)), compact)
    did.write(h5s.ALL, h5s.ALL, np.array([x.ref, y.ref], REF))
    lists = file.create_dataset("lists", (2, 2), h5py.vlen_dtype(REF))
    lists[0, 1] = np.array([x.ref, h5py.Reference(), y.ref], REF)
    some = file.create_dataset("lists in chunks", (50,), h5py.vlen_dtype(REF), chunks=(5,))
    some[7] = np.array([y.ref], REF)
    nested = np.dtype([("inner", [("r", REF), ("n", "i2")], (2,)), ("t", "S1")])
    file.create_dataset("nested", data=np.zeros(0, nested), maxshape=(None,), chunks=(4,))
    items = np.zeros((), nested)
    items["inner"]["r"], items["inner"]["n"] = y.ref, 7
    file["scalar"] = items
    file["type"] = np.dtype([("r", REF), ("n", "i4")])
    file["type"].attrs["of"] = x.ref
    file.create_dataset("typed", (2,), file["type"])[0] = np.array((y.ref, 3), file["type"].dtype)
    file.attrs["root"], file.attrs["here"] = file["type"].ref, y.regionref[1]
    y.attrs["lists"] = np.array(
        [np.array([x.ref, y.ref], REF), np.array([], REF)], h5py.vlen_dtype(REF)
    )
    table = file.create_dataset("table", (9,), "i4", maxshape=(None,))
    file["beyond the end"] = np.array([table.regionref[5:]], REGION)
    table.resize((3,))
    file["again"], file["g/soft"] = y, h5py.SoftLink("/x")


def forms_of_today(file: h5py.File) -> None:
    """Those that HDF5 has since 1.8 or 1.10."""
    x, y = file.create_dataset("x", data=[1]), file.create_dataset("y", data=np.eye(3))
    y.attrs["many"] = np.array([x.ref] * 9000, REF)  # more than an object header can have
    kept = file.create_group("kept", track_order=True)
    for name in "zyx":
        kept[name] = y.ref
        kept[name].attrs.create("of", x.ref, dtype=REF)
    file.create_dataset("tree", (30, 30), REF, chunks=(4, 4), maxshape=(None, None))[5:9, 7] = x.ref
    file["two"] = np.array([y.ref, x.ref], REF)
    virtual = h5py.VirtualLayout((2,), REF)
    virtual[:] = h5py.VirtualSource(".", "two", (2,))
    file.create_virtual_dataset("virtual", virtual)


MANNERS = (netcdf, matlab, nwb, anndata, pytables, forms)


def made(path: str, make: Callable[[h5py.File], None], **options: Any) -> None:
    """A file in which every object gets another place when it is compacted."""
    with h5py.File(path, "w", **options) as file:
        file[PADDING] = np.zeros(3000)
        make(file)
        del file[PADDING]


def led(item: Any, file: h5py.File) -> Any:
    """Items as h5py reads them, with the path, or the path and the region, of each reference."""
    if isinstance(item, h5py.RegionReference):
        if not item:
            return "no region"
        return ("region", file[item].name, h5r.get_region(item, file.id).encode())
    if isinstance(item, h5py.Reference):
        return ("reference", file[item].name if item else None)
    if isinstance(item, (np.ndarray, np.void, list, tuple)):
        return [
            led(inner, file) for inner in (item.tolist() if isinstance(item, np.ndarray) else item)
        ]
    return repr(item)


def _type(tid: Any) -> tuple[Any, ...]:
    return tid.get_size(), str(tid.dtype), getattr(tid, "get_strpad", int)()


def everything(path: str) -> dict[str, Any]:
    """All data and attributes of a file, with where its references lead."""
    found: dict[str, Any] = {}

    def look(name: str, item: Any) -> None:
        attributes = {key: led(value, file) for key, value in item.attrs.items()}
        attributes.pop("hdfchk:stamp", None)
        types = {key: _type(item.attrs.get_id(key).get_type()) for key in attributes}
        found[name] = [attributes, types]
        if isinstance(item, h5py.Dataset):
            plist = item.id.get_create_plist()
            filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
            value = None if item.shape is None else led(item[()], file)
            if item.id.get_type().get_class() == h5t.COMPOUND and not item.dtype.hasobject:
                value = item[()].tobytes()
            stored = item.id.get_storage_size() if plist.get_layout() != h5d.CHUNKED else None
            form = [item.maxshape, item.chunks, plist.get_layout(), filters, stored, item.fillvalue]
            found[name] += [_type(item.id.get_type()), form, value]

    with h5py.File(path) as file:
        look("/", file)
        file.visititems(look)
    return found


@pytest.mark.parametrize("libver", [None, "earliest"])
@pytest.mark.parametrize("make", MANNERS)
def test_references_lead_where_they_led(
    path: str, make: Callable[[Any], None], libver: Any
) -> None:
    """Each reference leads to the object, or the region, of the same path, and all else stays."""
    made(path, make)
    before = everything(path)
    chk = HDF5Checkpointer(path)
    assert chk.compact(libver=libver) > 0
    assert everything(path) == before
    chk["new"] = np.zeros(5000)
    del chk["new"]
    chk.compact()
    assert everything(path) == before and chk.verify().ok


@pytest.mark.slow
@pytest.mark.parametrize("make", [*MANNERS, forms_of_today])
@pytest.mark.parametrize("options", [{"libver": "latest"}, {"userblock_size": 1024}])
def test_references_in_files_of_other_forms(
    path: str, make: Callable[[Any], None], options: dict[str, Any]
) -> None:
    """Newer forms of HDF5's, and places that count from behind a user block."""
    if make is forms_of_today:
        options = {"libver": ("v108", "latest"), **options}
    made(path, make, **options)
    before = everything(path)
    HDF5Checkpointer(path).compact()
    assert everything(path) == before


@pytest.mark.parametrize("kind", ["object", "region", "list"])
def test_references_to_nothing_become_null(path: str, kind: str) -> None:
    """What led to an object that is gone leads to nothing in the copy, not to what is there now."""
    with h5py.File(path, "w") as file:
        file["kept"] = np.arange(9.0)
        file["gone"] = np.arange(9.0)
        if kind == "object":
            file["ref"] = np.array([file["gone"].ref, file["kept"].ref], REF)
        elif kind == "region":
            file["ref"] = np.array([file["gone"].regionref[2:], file["kept"].regionref[2:]], REGION)
        else:
            file.create_dataset("ref", (1,), h5py.vlen_dtype(REF))
            file["ref"][0] = np.array([file["gone"].ref, file["kept"].ref], REF)
        del file["gone"]
    HDF5Checkpointer(path).compact()
    with h5py.File(path) as file:
        gone, kept = file["ref"][0] if kind == "list" else file["ref"][:]
        assert not gone and file[kept].name == "/kept"


def without_path(file: h5py.File) -> None:
    """A group that is in itself is not gone when it is unlinked."""
    file["lost/itself"] = file.create_group("lost")
    file["g"].create_dataset("x", data=[file["lost"].ref], dtype=REF)
    del file["lost"]


def newer_kind(file: h5py.File) -> None:
    """`H5T_STD_REF`, which h5py has no name for."""
    tid = h5t.decode(b"\x03\x00\x47\x12\x00\x00\x40\x00\x00\x00")
    h5d.create(file["g"].id, b"x", tid, h5s.create_simple((2,)))


def newer_attribute(file: h5py.File) -> None:
    tid = h5t.decode(b"\x03\x00\x47\x12\x00\x00\x40\x00\x00\x00")
    file["g/x"] = 1
    h5a.create(file["g/x"].id, b"a", tid, h5s.create(h5s.SCALAR))


def lists_of_regions(file: h5py.File) -> None:
    file["g"].create_dataset("x", (3,), h5py.vlen_dtype(REGION))


def in_another_file(file: h5py.File) -> None:
    with open(file.filename + ".raw", "wb") as raw:
        raw.write(bytes(16))
    file["g"].create_dataset("x", (2,), REF, external=[(file.filename + ".raw", 0, 16)])


def fill_value(file: h5py.File) -> None:
    """h5py has no way to set one: `REPLACED` makes references of these integers."""
    file["g"].create_dataset("x", (4,), "<u8", chunks=(2,), fillvalue=800)


def no_region(file: h5py.File) -> None:
    did = file["g"].create_dataset("x", (1,), REGION).id
    did.write(h5s.ALL, h5s.ALL, np.array([b"\x99" + bytes(11)], "V12"), h5t.STD_REF_DSETREG)


REPLACED = (b"\x10\0\0\0\x08\0\0\0\0\0\x40\0", b"\x17\0\0\0\x08" + bytes(7))
"""The type of an unsigned integer of 8 bytes, and that of a reference to an object."""

REFUSED = {
    "a fill value": fill_value,
    "without a path": without_path,
    "newer kind": newer_kind,
    "in the attribute 'a'": newer_attribute,
    "variable-length": lists_of_regions,
    "in another file": in_another_file,
    "a region that cannot be read": no_region,
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_carried_over(path: str, said: str) -> None:
    """It is refused, by its key, and the file stays as it is."""
    libver = "earliest" if REFUSED[said] is fill_value else "latest"  # no checksums
    with h5py.File(path, "w", libver=libver) as file:
        file.create_group("g")
        REFUSED[said](file)
    before = Path(path).read_bytes()
    if REFUSED[said] is fill_value:
        before = before.replace(*REPLACED)
        Path(path).write_bytes(before)
    with pytest.raises(UnsupportedStoredError, match=rf"{said}.*'g/x'.*is unchanged"):
        HDF5Checkpointer(path).compact()
    assert Path(path).read_bytes() == before
    assert not [name for name in os.listdir(os.path.dirname(path)) if "new" in name]


def test_a_fill_value_that_is_a_null_reference(path: str) -> None:
    """PyTables sets fill values, of zeros: there is nothing in them to be carried over."""
    with h5py.File(path, "w", libver="earliest") as file:
        file.create_dataset("x", (4,), "<u8", chunks=(2,), fillvalue=0)
        file["y"] = 1
    Path(path).write_bytes(Path(path).read_bytes().replace(*REPLACED))
    with h5py.File(path, "a") as file:
        file["x"][3] = file["y"].ref
    HDF5Checkpointer(path).compact()
    with h5py.File(path) as file:
        assert not file["x"][0] and file[file["x"][3]].name == "/y"


def test_references_of_other_sizes(path: str) -> None:
    """HDF5 writes references short where addresses have another size: they are refused."""
    plist = h5p.create(h5p.FILE_CREATE)
    plist.set_sizes(4, 4)
    with h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, plist)) as file:
        file["x"] = 1
        file["x"].attrs["a"] = file["x"].ref
    with pytest.raises(UnsupportedStoredError, match=r"attribute 'a'.*key 'x'"):
        HDF5Checkpointer(path).compact()


@pytest.mark.parametrize("make", MANNERS)
def test_a_copy_whose_references_lead_elsewhere(
    path: str, make: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noticed, and never takes the file's place."""
    made(path, make)
    before = Path(path).read_bytes()
    real = repointing.pairs_of

    def mixed_up(source: Any, target: Any) -> Iterator[tuple[int, Any]]:
        addresses, copies = zip(*real(source, target), strict=True)
        return zip(addresses, [*copies[1:], copies[0]], strict=True)

    monkeypatch.setattr(repointing, "pairs_of", mixed_up)
    with pytest.raises(CorruptFileError, match="copy differs"):
        HDF5Checkpointer(path).compact()
    assert Path(path).read_bytes() == before

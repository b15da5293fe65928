"""Whatever holds references is found, in all forms that HDF5 has for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5f, h5p, h5t

from hdfchk import HDF5Checkpointer, ReferencedError
from hdfchk.backends.hdf5.nodes.references import _holds_no_references

REF, REGION = h5py.ref_dtype, h5py.regionref_dtype


def row(kind: Any, value: Any) -> Any:
    found = np.zeros(2, [("n", "i4"), ("to", kind)])
    found["to"] = type(value)()
    found["to"][1] = value
    return found


def many_attributes(file: h5py.File) -> None:
    """So many that they have a heap of their own."""
    for index in range(20):
        file["other"].attrs[f"a{index}"] = index
    file["other"].attrs["to"] = file["x"].ref


def named(file: h5py.File) -> None:
    """The type is elsewhere."""
    file["kind"] = np.dtype([("to", REF)])
    file.create_dataset("named", (1,), file["kind"])[0] = (file["x"].ref,)


def lists(file: h5py.File) -> None:
    found = file.create_dataset("lists", (2,), h5py.vlen_dtype(REF))
    found[1] = np.array([file["x"].ref], REF)


def put(name: str, make: Callable[[h5py.File], Any]) -> Callable[[h5py.File], None]:
    return lambda file: file.__setitem__(name, make(file))


def note(make: Callable[[h5py.File], Any]) -> Callable[[h5py.File], None]:
    return lambda file: file["other"].attrs.__setitem__("to", make(file))


def many(file: h5py.File) -> Any:
    found = np.full((5, 300), h5py.Reference(), REF)
    found[4, 299] = file["x"].ref
    return file.create_dataset("many", data=found, dtype=REF, chunks=(2, 100), compression="gzip")


HOLDERS: dict[str, Callable[[h5py.File], Any]] = {
    "dataset": put("to", lambda file: file["x"].ref),
    "region": put("to", lambda file: file["x"].regionref[1:2]),
    "row": put("to", lambda file: row(REF, file["x"].ref)),
    "row of regions": put("to", lambda file: row(REGION, file["x"].regionref[1:2])),
    "attribute": note(lambda file: file["x"].ref),
    "attribute of regions": note(lambda file: file["x"].regionref[0:1]),
    "attribute of rows": note(lambda file: row(REF, file["x"].ref)),
    "many attributes": many_attributes,
    "named": named,
    "lists": lists,
    "many": many,
    "scale": lambda file: [file["x"].make_scale(), file["other"].dims[0].attach_scale(file["x"])],
}


def begin(path: Path, bounds: Any, sizes: tuple[int, int], userblock: int) -> h5py.File:
    creation, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    creation.set_sizes(*sizes)
    creation.set_userblock(userblock)
    access.set_libver_bounds(*bounds)
    return h5py.File(h5f.create(bytes(path), h5f.ACC_TRUNC, creation, access))


FORMS = {
    "oldest": ((h5f.LIBVER_EARLIEST, h5f.LIBVER_V18), (8, 8), 0),
    "1.10": ((h5f.LIBVER_V110, h5f.LIBVER_V110), (8, 8), 0),
    "latest": ((h5f.LIBVER_LATEST, h5f.LIBVER_LATEST), (8, 8), 0),
    "small sizes": ((h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST), (4, 4), 0),
    "user block": ((h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST), (8, 8), 1024),
}


# HDF5 itself makes null references of many in a file of small sizes.
PAIRS = [pair for pair in itertools.product(HOLDERS, FORMS) if pair != ("many", "small sizes")]


@pytest.mark.parametrize(("holder", "form"), PAIRS)
def test_what_holds_references(tmp_path: Path, holder: str, form: str) -> None:
    """It is seen that there are some, and what they lead to."""
    path = tmp_path / "x.h5"
    with begin(path, *FORMS[form]) as file:
        file["x"], file["other"], file["free"] = np.arange(3), np.arange(3), np.arange(3)
        assert _holds_no_references(file.id)
        HOLDERS[holder](file)
        assert not _holds_no_references(file.id)
    with h5py.File(path, "r+") as file:
        chk = HDF5Checkpointer(file)
        chk["free"] = "text"
        with pytest.raises(ReferencedError):
            del chk["x"]
        with pytest.raises(ReferencedError):
            chk["x"] = "text"
        assert chk["x"].tolist() == [0, 1, 2]


def test_what_holds_none(tmp_path: Path) -> None:
    """Numbers of every kind are not taken for types of references, as a rule."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for name in ("i1", "<i2", "<i4", "<i8", ">i4", "<f4", "<f8"):
            file[name] = np.arange(100_000).astype(name)
        file["text"] = "text" * 1000
        file["kind"] = h5t.py_create(np.dtype("f8")).dtype
        assert _holds_no_references(file.id)

"""Attributes that a damaged object hands on to what takes its place."""

from __future__ import annotations

import h5py

from hdfchk.backends.hdf5.nodes.damage import copy_readable_attributes


def test_what_the_new_object_has_stays(path: str) -> None:
    """An attribute that goes with the new value, its units, is not replaced by the old one."""
    with h5py.File(path, "w") as file:
        for name, units in (("old", "m"), ("new", "km")):
            file[name] = 1.0
            file[name].attrs["units"] = units
        file["old"].attrs["note"] = "kept"
        copy_readable_attributes(file["old"].id, file["new"].id)
        assert dict(file["new"].attrs) == {"units": "km", "note": "kept"}

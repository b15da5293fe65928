"""The golden sets: which files each has, how they are made, and what they read as.

A set never changes. What is new goes into further files of the next set.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import hdfchk
from hdfchk import HDF5Checkpointer
from tests.support import exact

from . import (
    stores,
    values,
    values_libraries,
    values_numpy,
    values_optional,
    values_strings,
    values_types,
)
from .digest import text_of

FOLDER = Path(__file__).parent


@attrs.frozen
class File:
    """A golden file.

    Args:
        name: of the file, without its ending.
        expected: makes what it reads as.
        make: writes it; by default what is expected is saved.
        read: reads it, key by key; by default it is loaded.
        needs: what is needed to read it: libraries, or ``x87`` for numbers of 80 bits.
        differs: ``differs(expected, found, name)`` tells how two values differ, or None.
        plain: what plain HDF5 reads of it, also without these libraries (`values_libraries.PLAIN`).
    """

    name: str
    expected: Callable[[], dict[str, Any]]
    make: Callable[[str], None] | None = None
    read: Callable[[HDF5Checkpointer], dict[str, Any]] | None = None
    needs: tuple[str, ...] = ()
    differs: Callable[[Any, Any, str], str | None] = exact.differs
    plain: dict[str, Any] = attrs.field(factory=dict)

    def write(self, path: str) -> None:
        """Write the file anew."""
        if self.make is not None:
            self.make(path)
        else:
            hdfchk.save(path, self.expected())

    def missing(self) -> str:
        """What is needed to read it and is not there, or nothing."""
        return next((name for name in self.needs if not _has(name)), "")


def _has(name: str) -> bool:
    if name == "x87":
        return np.finfo("g").nmant == 63
    return importlib.util.find_spec(name) is not None


def _texts_differ(a: Any, b: Any, name: str) -> str | None:
    """How the texts of two values differ: those tell all of values of the extra `types`."""
    left, right = text_of(a), text_of(b)
    return None if left == right else f"{name}: {left}\n became {right}"


def _of_library(name: str, make: Callable[[], dict[str, Any]], *needs: str) -> File:
    """A file of values of a library of the extra `types`."""
    plain = values_libraries.PLAIN[name]
    return File(name, make, needs=needs or (name,), differs=_texts_differ, plain=plain)


SETS: dict[int, tuple[File, ...]] = {
    1: (
        File("scalars", values.scalars),
        File("containers", values.containers),
        File("objects", values.objects),
        File("records", values.records),
        File("arrays", values_numpy.arrays),
        File("longdoubles", values_numpy.longdoubles, needs=("x87",)),
        File("times", values_numpy.times_and_structures),
        File("texts", values_numpy.texts),
        File("numpy", values_numpy.scalars_and_subclasses),
        File("sparse", values_optional.sparse, needs=("scipy",)),
        File("frames", values_optional.frames, needs=("pandas",)),
        File("labelled", values_optional.labelled, needs=("xarray",)),
        File("layouts", stores.layouts, stores.make_layouts),
        File("plugins", stores.plugins, stores.make_plugins, needs=("hdf5plugin",)),
        File("sums", stores.sums, stores.make_sums),
        File("attributes", stores.attributes_read, stores.make_attributes, stores.read_attributes),
        File("order", stores.order, stores.make_order),
        File("reserved", stores.reserved),
        File("root", lambda: {"_data": np.arange(3)}, stores.make_root),
        File("empty", dict),
        File("marked", stores.marked, stores.make_marked),
        File("unjournaled", stores.plain, stores.make_unjournaled),
        File("compacted", stores.plain, stores.make_compacted),
    )
}
# Keys that begin with "hdfchk:" cannot be set any more.
SETS[2] = tuple(file for file in SETS[1] if file.name not in {"containers", "reserved"})

# None is no null dataspace, and an object array of strings is one of HDF5's, from version 3 on.
_CHANGED = {"scalars", "records", "times", "texts", "numpy", "frames", "labelled", "attributes"}
SETS[3] = (
    *(file for file in SETS[2] if file.name in _CHANGED | {"sums", "order"}),
    File("strings", values_strings.strings),
    File("numbers", values_strings.numbers),
    File("text frames", values_strings.text_frames, needs=("pandas",)),
    File("written over", values_strings.written_over, values_strings.make_written_over),
    File(
        "new attributes",
        values_strings.attributes_read,
        values_strings.make_attributes,
        values_strings.read_attributes,
    ),
)

# No times, sets in one order, and further types, from version 0.2 on.
SETS[4] = (
    *(file for file in SETS[2] if file.name in {"objects", "records"}),
    File("ragged", values_types.ragged),
    File("instances", values_types.instances),
    File("results", values_types.results, needs=("scipy",)),
    File("frames of version 2", values_types.frames, needs=("pandas",)),
    File("grown frames", values_types.grown, values_types.make_grown, needs=("pandas",)),
)

# Types of the libraries of the extra `types`, from version 0.2 on.
SETS[5] = (
    _of_library("astropy", values_libraries.astropy),
    _of_library("pint", values_libraries.pint),
    _of_library("unyt", values_libraries.unyt),
    _of_library("ase", values_libraries.ase),
    _of_library("pydantic", values_libraries.pydantic),
    _of_library("polars", values_libraries.polars),
    _of_library("pyarrow", values_libraries.pyarrow),
    _of_library("frames of Arrow", values_libraries.arrow_frames, "pandas", "pyarrow"),
    _of_library("awkward", values_libraries.awkward),
    _of_library("jax", values_libraries.jax),
    _of_library("torch", values_libraries.torch),
    _of_library("networkx", values_libraries.networkx),
    _of_library("ml_dtypes", values_libraries.ml_dtypes),
    _of_library("pytz", values_libraries.pytz),
)


def folder_of(number: int) -> Path:
    """Where a set lies."""
    return FOLDER / str(number)


def found() -> list[int]:
    """The numbers of all sets that are there."""
    return sorted(int(name) for name in os.listdir(FOLDER) if name.isdigit())

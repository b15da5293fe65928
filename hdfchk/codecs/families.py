"""The list of codec families: a new type needs one module beside this one, and one line here."""

from __future__ import annotations

import functools
import importlib

from . import (
    arrays,
    buffers,
    classes,
    containers,
    mappings,
    masked,
    namespaces,
    numpy_scalars,
    plain,
    portable,
    ragged,
    random_numbers,
    records,
    results,
    scalars,
    sparse,
    tensors,
)
from .codec import Codec
from .library_errors import guarded

__all__ = ["CODECS", "LIBRARIES", "codecs_of"]

CODECS = (
    *scalars.CODECS,
    *numpy_scalars.CODECS,
    *arrays.CODECS,
    *masked.CODECS,
    *containers.CODECS,
    *ragged.CODECS,
    *mappings.CODECS,
    *plain.CODECS,
    *buffers.CODECS,
    *namespaces.CODECS,
    *classes.CODECS,
    *random_numbers.CODECS,
    *results.CODECS,
    *records.CODECS,
    *sparse.CODECS,
    *(guarded(codec, "torch") for codec in tensors.CODECS),
    *portable.CODECS,
)

LIBRARIES = {
    "ase": "ase",
    "astropy": "astropy",
    "awkward": "awkward",
    "jax": "jax",
    "jaxlib": "jax",
    "networkx": "networkx",
    "pandas": "frames",
    "pint": "pint",
    "polars": "polars",
    "pyarrow": "pyarrow",
    "unyt": "unyt",
    "xarray": "labelled",
}
"""The module with the codecs of a package, by the name of the package.

It is imported when a value of the package, or an encoding with its name, is found.
"""


@functools.cache
def codecs_of(package: str) -> tuple[Codec, ...]:
    """Return the codecs of a package in `LIBRARIES`; none for others."""
    module = LIBRARIES.get(package)
    if module is None:
        return ()
    found: tuple[Codec, ...] = importlib.import_module(f".{module}", __package__).CODECS
    return tuple(guarded(codec, codec.name.partition(".")[0]) for codec in found)

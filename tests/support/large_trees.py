"""Large trees, and the least cache of metadata that HDF5 allows, for tests of several kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hdfchk.backends.hdf5 import backends
from hdfchk.backends.hdf5.h5 import file_object, types

__all__ = ["LEAVES", "attributes", "leaves_of", "tree", "use_least_cache"]

LEAST_CACHE = 1024
WIDTHS = (4, 5, 5, 5, 4)
LEAVES = 2000
ATTRIBUTES = 300


def use_least_cache(patch: pytest.MonkeyPatch) -> None:
    """Let HDF5 have the least cache of metadata that it allows, for all files."""
    real = types.file_access

    def tiny(**options: Any) -> Any:
        return real(**{**options, "metadata_cache": LEAST_CACHE})

    for module in (backends, file_object):
        patch.setattr(module, "file_access", tiny)


def tree(value: Any, widths: tuple[int, ...] = WIDTHS) -> dict[str, Any]:
    """A tree of 2,000 leaves on five levels, which all are one value."""
    if len(widths) == 1:
        return {f"k{i}": value for i in range(widths[0])}
    return {f"g{i}": tree(value, widths[1:]) for i in range(widths[0])}


def attributes(value: Any) -> dict[str, Any]:
    """So many attributes that HDF5 keeps them apart from the object, which all are one value."""
    return {f"n{i}": value for i in range(ATTRIBUTES)}


def leaves_of(found: dict[str, Any]) -> Iterator[Any]:
    """The leaves of a tree."""
    for value in found.values():
        if isinstance(value, dict):
            yield from leaves_of(value)
        else:
            yield value

"""Large trees, and the smallest metadata cache that HDF5 allows, for several kinds of tests."""

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
    """Make HDF5 use the smallest metadata cache that it allows, for all files."""
    real = types.file_access

    def tiny(**options: Any) -> Any:
        return real(**{**options, "metadata_cache": LEAST_CACHE})

    for module in (backends, file_object):
        patch.setattr(module, "file_access", tiny)


def tree(value: Any, widths: tuple[int, ...] = WIDTHS) -> dict[str, Any]:
    """Return a tree of five levels whose 2,000 leaves are all the same value."""
    if len(widths) == 1:
        return {f"k{i}": value for i in range(widths[0])}
    return {f"g{i}": tree(value, widths[1:]) for i in range(widths[0])}


def attributes(value: Any) -> dict[str, Any]:
    """Return so many attributes, all of the same value, that HDF5 stores them densely."""
    return {f"n{i}": value for i in range(ATTRIBUTES)}


def leaves_of(found: dict[str, Any]) -> Iterator[Any]:
    """Iterate over the leaves of a tree."""
    for value in found.values():
        if isinstance(value, dict):
            yield from leaves_of(value)
        else:
            yield value

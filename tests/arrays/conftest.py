"""A store, and what is read of it."""

from __future__ import annotations

from typing import Any

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.session import Hdf5Session


@pytest.fixture
def chk(path: str) -> HDF5Checkpointer:
    return HDF5Checkpointer(path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is read of a file from now on: the last level of the path, and how many elements."""
    done: list[tuple[str, int]] = []
    real, whole = Hdf5Session.read_slice, Hdf5Session.read

    def read_slice(self: Any, path: Any, index: Any) -> Any:
        found = real(self, path, index)
        done.append((path[-1], found[0].size))
        return found

    def read_all(self: Any, path: Any, *args: Any, **options: Any) -> Any:
        done.append((path[-1], -1))
        return whole(self, path, *args, **options)

    monkeypatch.setattr(Hdf5Session, "read_slice", read_slice)
    monkeypatch.setattr(Hdf5Session, "read", read_all)
    return done

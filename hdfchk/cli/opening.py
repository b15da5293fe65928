"""Stores for commands. None is held: each call of a store opens and closes the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .exits import NO, UNREADABLE, Failure

if TYPE_CHECKING:
    from hdfchk import HDF5Checkpointer

__all__ = ["MissingFile", "change", "read", "refuse_existing"]


class MissingFile(Failure):
    """There is no file at a path."""


def read(file: str, **options: Any) -> HDF5Checkpointer:
    """Return a store of a file for reading.

    Raises:
        MissingFile: there is no such file.
        Failure: it is a folder.
    """
    _require(file)
    from hdfchk import HDF5Checkpointer

    return HDF5Checkpointer(file, mode="r", **options)


def change(file: str, wait: float, *, create: bool = False) -> HDF5Checkpointer:
    """Return a store of a file for changes.

    Args:
        file: the path of the file.
        wait: seconds to wait for others.
        create: whether the file may be missing; it is created then.

    Raises:
        MissingFile: there is no such file.
        Failure: it is a folder.
    """
    if not create:
        _require(file)
    from hdfchk import HDF5Checkpointer

    return HDF5Checkpointer(file, mode="a", lock_timeout=wait)


def refuse_existing(store: Any, key: str, file: str, *, force: bool) -> None:
    """Refuse to replace an existing value.

    Raises:
        Failure: the key exists, and `force` is False.
    """
    if not force and key in store:
        raise Failure(f"there is a value already (key {key!r} in {file}); use --force", NO)


def _require(file: str) -> None:
    if not os.path.exists(file):
        raise MissingFile(f"no such file: {file}", UNREADABLE)
    if os.path.isdir(file):
        raise Failure(f"it is a folder, not a file: {file}", UNREADABLE)

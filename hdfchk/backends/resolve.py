"""Which backend a target belongs to: the table of addresses."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from ..errors import HdfchkError
from .base import Backend
from .memory import MemoryBackend
from .settings import Options

__all__ = ["UnknownTargetError", "backend_for", "require_path"]


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
"""How an address begins that is no path. One letter is a drive: ``C://run.hdf5``."""

_OF_ALL = ("lock_timeout", "sync_interval")
"""Options that mean something for every backend."""


class UnknownTargetError(HdfchkError, TypeError):
    """Something that is not a file, a path, or an open HDF5 object."""


def backend_for(target: Any, options: Options, **of_files: Any) -> Backend:
    """The backend of a target.

    Args:
        target: a path (`str` or `PathLike`), an open binary file or `BytesIO`, an open
            `h5py.File` or `h5py.Group`, a backend, or None for a store in memory.
        options: how files are written and read.
        of_files: options of the backend for paths.

    Raises:
        UnknownTargetError: it is none of these (a `TypeError`).
    """
    known = {name: of_files[name] for name in _OF_ALL if name in of_files}
    if target is None:
        return MemoryBackend(**known)
    if isinstance(target, (str, os.PathLike)):
        return _file(os.fspath(target), options, of_files)
    if isinstance(target, bytes):
        return _file(os.fsdecode(target), options, of_files)
    h5py = sys.modules.get("h5py")  # an h5py object cannot come from where h5py is not imported
    if h5py is not None and isinstance(target, h5py.Group):
        from .hdf5 import ObjectBackend

        return ObjectBackend(target, options, **known)
    if hasattr(target, "seek") and hasattr(target, "read"):
        from .hdf5 import StreamBackend

        return StreamBackend(target, options, **known)
    if hasattr(target, "open_storage") and hasattr(target, "capabilities"):
        return target  # type: ignore[no-any-return]
    raise UnknownTargetError(
        f"a store cannot be made of {target!r}",
        hint="pass a path, an open binary file, an open h5py.File or h5py.Group, or None",
    )


def _file(path: str | bytes, options: Options, of_files: dict[str, Any]) -> Backend:
    from .hdf5 import FileBackend

    return FileBackend(require_path(path), options, **of_files)


def require_path(path: str | bytes) -> str:
    """A path, as text.

    Raises:
        UnknownTargetError: it is an address of a scheme, which would else be taken for the path of
            a file that is not there.
    """
    path = os.fsdecode(path)
    scheme = _SCHEME.match(path)
    if scheme is not None:
        raise UnknownTargetError(
            f"there is no backend for addresses that begin with '{scheme[1]}://'",
            file=path,
            hint="pass the path of a file; or open the address by a library that gives a file"
            f" object (fsspec, say), and pass that. './{path}' is a path",
        )
    return path

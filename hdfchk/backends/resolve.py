"""Choice of the backend for a target."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from ..errors import HdfchkError
from ..runtime.interrupts import defer_interrupts
from ..typing import Target
from .base import Backend
from .settings import Options

__all__ = ["UnknownTargetError", "backend_for", "require_path"]


_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]+)://"
"""The scheme of an address that is not a path. A single letter is a drive: ``C://run.hdf5``."""

_OF_ALL = ("lock_timeout", "sync_interval")
"""Options that apply to every backend."""


class UnknownTargetError(HdfchkError, TypeError):
    """The target is not a path, a file object, or an open HDF5 object."""


def backend_for(target: Target, options: Options, **of_files: Any) -> Backend:
    """Return the backend for a target.

    Args:
        target: a path (`str` or `PathLike`), an open binary file or `BytesIO`, an open
            `h5py.File` or `h5py.Group`, a backend, or None for a store in memory.
        options: options for writing and reading files.
        of_files: options of the backend for paths.

    Raises:
        UnknownTargetError: the target is none of these (a `TypeError`).
    """
    known = {name: of_files[name] for name in _OF_ALL if name in of_files}
    if target is None:
        from .memory import MemoryBackend

        return MemoryBackend(**known)
    if isinstance(target, (str, os.PathLike)):
        return _file(os.fspath(target), options, of_files)
    if isinstance(target, bytes):
        return _file(os.fsdecode(target), options, of_files)
    h5py = sys.modules.get("h5py")  # without h5py imported, nothing is an h5py object
    if h5py is not None and isinstance(target, h5py.Group):
        from .hdf5 import ObjectBackend

        return ObjectBackend(target, options, **known)
    if hasattr(target, "seek") and hasattr(target, "read"):
        with defer_interrupts():
            from .hdf5 import StreamBackend

        return StreamBackend(target, options, **known)
    if hasattr(target, "open_storage") and hasattr(target, "capabilities"):
        backend: Any = target
        return backend  # type: ignore[no-any-return]
    raise UnknownTargetError(
        f"cannot open {target!r} as a store",
        hint="pass a path, an open binary file, an open h5py.File or h5py.Group, or None",
    )


def _file(path: str | bytes, options: Options, of_files: dict[str, Any]) -> Backend:
    with defer_interrupts():  # an exception of a handler during an import can be lost
        from .hdf5 import FileBackend

    return FileBackend(require_path(path), options, **of_files)


def require_path(path: str | bytes) -> str:
    """Return a path as text.

    Raises:
        UnknownTargetError: it is an address with a scheme, which would otherwise be treated as
            the path of a missing file.
    """
    path = os.fsdecode(path)
    scheme = re.match(_SCHEME, path) if "://" in path else None
    if scheme is not None:
        raise UnknownTargetError(
            f"no backend supports addresses that begin with '{scheme[1]}://'",
            file=path,
            hint="pass the path of a file; or open the address with a library that returns a file"
            f" object (for example fsspec), and pass that. './{path}' is a path",
        )
    return path

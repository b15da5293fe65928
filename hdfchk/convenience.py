"""`save` and `load`: a whole dict out, a whole dict in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Unpack, overload

from .errors import UnsupportedStoredError
from .keys import Key
from .progress import ProgressOption
from .store import HDF5Checkpointer
from .typing import BinaryFile, FilePath, H5Group, StoreOptions

__all__ = ["load", "save"]


def save(
    path: FilePath | BinaryFile,
    mapping: Mapping[str, Any],
    *,
    progress: ProgressOption = None,
    **options: Unpack[StoreOptions],
) -> None:
    """Write a whole dict to a new file, or in place of an old one.

    A file appears whole: it is written beside the old one, and takes its place at the end.

    Args:
        path: a path, an open binary file or `BytesIO`.
        mapping: what to store; its keys are names, not paths.
        progress: True for a progress bar, or ``progress(done, total)``, in bytes of
            arrays and strings.
        options: options of `HDF5Checkpointer` but `mode`.

    Raises:
        UnsupportedTypeError: a value cannot be kept exactly; nothing was written.
        InvalidKeyError: a key is a path, ``"m/s"``, which would make two levels: write
            ``{"m": {"s": …}}``; or no valid key. Nothing was written.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> save(file, {"steps": 3, "who": "me"})
        >>> load(file)
        {'steps': 3, 'who': 'me'}
    """
    with HDF5Checkpointer(path, mode="w", **options) as store:
        store._save(mapping, progress)  # noqa: SLF001  the whole of a file


@overload
def load(
    path: FilePath | BinaryFile | H5Group,
    key: None = None,
    *,
    isolated: bool = False,
    timeout: float | None = None,
    progress: ProgressOption = None,
    **options: Unpack[StoreOptions],
) -> dict[str, Any]: ...


@overload
def load(
    path: FilePath | BinaryFile | H5Group,
    key: Key,
    *,
    isolated: bool = False,
    timeout: float | None = None,
    progress: ProgressOption = None,
    **options: Unpack[StoreOptions],
) -> Any: ...


def load(
    path: FilePath | BinaryFile | H5Group,
    key: Key | None = None,
    *,
    isolated: bool = False,
    timeout: float | None = None,
    progress: ProgressOption = None,
    **options: Unpack[StoreOptions],
) -> Any:
    """Read a whole file, or what is at one of its keys, as plain dicts and values.

    Args:
        path: a path, an open binary file, `BytesIO`, `h5py.File` or `h5py.Group`.
        key: a key; None for the whole file.
        isolated: let a child process read the file, and take over what it found by a file that it
            makes. Where a damaged file ends a process that reads it, for a mistake in HDF5, that
            is then an error. It costs the start of an interpreter, and a copy of the data.
        timeout: with `isolated`, seconds that the child may take.
        progress: True for a progress bar, or ``progress(done, total)``, in bytes of the file.
        options: options of `HDF5Checkpointer` but `mode`.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: it is not an HDF5 file; or the child that read it did not come to its end.
        UnsupportedStoredError: `isolated` with something else than a path.
        CheckpointerKeyError: there is no such key (a `KeyError`).

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> save(file, {"params": {"steps": 3}, "who": "me"})
        >>> load(file, "params/steps")
        3
    """
    if isolated:
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise UnsupportedStoredError(
                "only a file that is given by its path can be read in a child process",
                hint="write it to a file, or leave isolated out",
            )
        from .backends.hdf5.sandbox import copy_in_child
        from .backends.resolve import require_path

        with copy_in_child(require_path(os.fspath(path)), options, timeout) as clean:
            return load(clean, key, progress=progress, **options)
    return HDF5Checkpointer(path, mode="r", **options).load(key, progress=progress)

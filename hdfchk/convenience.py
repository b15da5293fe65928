"""`save` and `load`: write and read a whole dict."""

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
    """Write a whole dict to a file, replacing an old file.

    The file is written beside the old one, and replaces it atomically when it is complete.

    Args:
        path: a path, an open binary file or `BytesIO`.
        mapping: the dict; its keys are names, not paths.
        progress: True for a progress bar, or ``progress(done, total)``, in bytes of arrays and
            strings.
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
    """Read a whole file, or one of its keys, as plain dicts and values.

    Args:
        path: a path, an open binary file, `BytesIO`, `h5py.File` or `h5py.Group`.
        key: a key; None for the whole file.
        isolated: read the file in a child process, and take its results from a file that it writes.
            If a damaged file crashes HDF5, this raises an error instead of ending the process. It
            costs the start of an interpreter, and a copy of the data.
        timeout: with `isolated`, the maximum time of the child process in seconds.
        progress: True for a progress bar, or ``progress(done, total)``, in bytes of the file.
        options: options of `HDF5Checkpointer` but `mode`.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: it is not an HDF5 file; or the child process crashed or timed out.
        UnsupportedStoredError: `isolated` requires a path.
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
                "only a file opened by path can be read in a child process",
                hint="write it to a file, or leave isolated out",
            )
        from .backends.hdf5.sandbox import copy_in_child
        from .backends.resolve import require_path

        with copy_in_child(require_path(os.fspath(path)), options, timeout) as clean:
            return load(clean, key, progress=progress, **options)
    return HDF5Checkpointer(path, mode="r", **options).load(key, progress=progress)

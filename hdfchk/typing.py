"""Types of arguments, for annotations in code that calls hdfchk.

>>> from hdfchk import HDF5Checkpointer
>>> from hdfchk.typing import Mode, Target
>>> def open_run(target: Target, mode: Mode = "a") -> HDF5Checkpointer:
...     return HDF5Checkpointer(target, mode=mode)
>>> open_run(None, "r")
<HDF5Checkpointer memory: 0 keys>

Protocols stand for files and for objects of h5py, which has no types of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, TypedDict

__all__ = [
    "BinaryFile",
    "CompressionName",
    "CompressionOption",
    "CompressionRulesOption",
    "Condition",
    "FilePath",
    "H5Group",
    "Key",
    "KeyRule",
    "Mode",
    "OnUnsupported",
    "ProgressOption",
    "StorageBackend",
    "StoreOptions",
    "Target",
    "Tell",
]

Key = str | tuple[str, ...]
"""A key: ``"/"`` separates levels, or a tuple has one of them each."""

KeyRule = Key | Iterable[Key] | Callable[[str], object]
"""``allowed_keys`` and ``omitted_keys``: a key, several of them, or a function of a key. Keys may
be paths and globs."""

Condition = Callable[[Key], object] | None
"""Whether the store is used for the result of a function, by its key; None for always."""

Mode = Literal["a", "r", "r+", "w", "x"]
"""How a store opens its file, as in h5py."""

CompressionName = Literal["gzip", "lzf", "auto", "zstd", "blosc2", "bitshuffle"]
"""The name of a filter that compresses arrays."""

CompressionOption = CompressionName | tuple[CompressionName, int] | None
"""How an array is compressed: a name, a name and a level, or None for no compression."""

CompressionRulesOption = CompressionOption | Mapping[Any, CompressionOption]
"""How the arrays of a store are compressed: all of them alike, or by keys, paths or globs."""

OnUnsupported = Literal["raise", "warn"]
"""What becomes of values that cannot be stored exactly."""

Tell = Callable[[int, int], object]
"""Called with the progress: ``progress(done, total)``; a total of 0 is unknown."""

ProgressOption = bool | Tell | None
"""None or False for nothing, True for a progress bar, or a function."""

FilePath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""The path of a file."""


class BinaryFile(Protocol):
    """An open binary file, `io.BytesIO`, or what behaves alike (fsspec's files)."""

    def read(self, size: int = ..., /) -> bytes:
        """Read bytes; text files have none."""

    def seek(self, offset: int, whence: int = ..., /) -> object:
        """Move to a position."""


class H5Group(Protocol):
    """An open `h5py.File` or `h5py.Group`."""

    def require_group(self, name: Any, /) -> Any:
        """Return a group, which is made if it does not exist."""


class StorageBackend(Protocol):
    """A backend of one's own: see `hdfchk.backends.base.Backend`."""

    @property
    def capabilities(self) -> Any:
        """What it stores natively."""

    def open_storage(self, mode: Any, /) -> Any:
        """Open it."""


Target = FilePath | BinaryFile | H5Group | StorageBackend | None
"""What a store may be opened on; None is a store in memory."""


class StoreOptions(TypedDict, total=False):
    """Options of `HDF5Checkpointer` that `save` and `load` hand on: all but `mode`."""

    serializer: Any
    allowed_keys: KeyRule | None
    omitted_keys: KeyRule | None
    allow_pickle: bool
    lock_timeout: float
    journal: bool
    durable: bool
    sync_interval: float
    checksum: bool
    compression: CompressionRulesOption
    mmap: bool
    trust: bool
    expand_limit: int | None
    on_unsupported: OnUnsupported
    frozen: bool

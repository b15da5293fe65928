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
"""A key: a `str` in which ``"/"`` separates levels, or a tuple with one `str` for each level."""

KeyRule = Key | Iterable[Key] | Callable[[str], object]
"""``allowed_keys`` and ``omitted_keys``: a key, several keys, or a function of a key. Keys may be
paths and globs."""

Condition = Callable[[Key], object] | None
"""Returns, for a key, whether to use the store for the result of a function; None for always."""

Mode = Literal["a", "r", "r+", "w", "x"]
"""The mode in which a store opens its file, as in h5py."""

CompressionName = Literal["gzip", "lzf", "auto", "zstd", "blosc2", "bitshuffle"]
"""The name of a filter that compresses arrays."""

CompressionOption = CompressionName | tuple[CompressionName, int] | None
"""The compression of an array: a name, a pair of name and level, or None for no compression."""

CompressionRulesOption = CompressionOption | Mapping[Any, CompressionOption]
"""The compression of the arrays of a store: of all arrays, or by keys, paths or globs."""

OnUnsupported = Literal["raise", "warn"]
"""How values are treated that cannot be stored exactly."""

Tell = Callable[[int, int], object]
"""Called with the progress: ``progress(done, total)``; a total of 0 is unknown."""

ProgressOption = bool | Tell | None
"""None or False for no progress report, True for a progress bar, or a function."""

FilePath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""The path of a file."""


class BinaryFile(Protocol):
    """An open binary file, `io.BytesIO`, or a similar object (for example, a file of fsspec)."""

    def read(self, size: int = ..., /) -> bytes:
        """Read bytes; text files lack this method."""

    def seek(self, offset: int, whence: int = ..., /) -> object:
        """Move to a position."""


class H5Group(Protocol):
    """An open `h5py.File` or `h5py.Group`."""

    def require_group(self, name: Any, /) -> Any:
        """Return a group, which is created if it does not exist."""


class StorageBackend(Protocol):
    """A custom backend: see `hdfchk.backends.base.Backend`."""

    @property
    def capabilities(self) -> Any:
        """The types that it stores natively."""

    def open_storage(self, mode: Any, /) -> Any:
        """Open the storage."""


Target = FilePath | BinaryFile | H5Group | StorageBackend | None
"""The targets on which a store can be opened; None is a store in memory."""


class StoreOptions(TypedDict, total=False):
    """Options of `HDF5Checkpointer` that `save` and `load` accept: all except `mode`."""

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

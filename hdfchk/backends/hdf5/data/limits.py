"""Limits for reading a file: it cannot make its reader open others, exhaust memory or load code."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5d, h5pl, h5s, h5z

from ....errors import HdfchkError, UnsafeFileError, UnsupportedStoredError
from ...settings import Options
from ..h5.errors import unreadable
from ..h5.ids import DatasetID, PropDCID
from ..h5.links import key_of
from ..h5.object_info import EXTERNAL_FILES, FILTERED, info_of, place_of
from ..h5.values import memory_type

if TYPE_CHECKING:
    from .chunk_index import Box
    from .streams import SeenChunks

__all__ = ["CHECK_FROM", "Guard", "is_variable"]

CHECK_FROM = 2**20
"""Smaller sizes in bytes are not checked."""
EXPANSION = 100
"""The factor by which data in memory may always exceed their size in the file."""
_OWN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, h5z.FILTER_LZF})
DEFAULT_PLUGINS = (
    b"/usr/local/lib/plugin",
    b"/usr/local/hdf5/lib/plugin",
    b"%ALLUSERSPROFILE%\\hdf5\\lib\\plugin",
)
DEFAULT_LIMIT = 2**30
"""The default limit, in bytes of memory, for data whose expansion no filter limits."""
BLOCK_ITEMS = (256, 65536)
"""The minimum and maximum number of variable-length elements that are read at once."""


class Guard:
    """The limits for one open file.

    Args:
        stream: the open `h5py.File` or `h5py.Group`.
        options: the limits.
    """

    def __init__(self, stream: h5py.Group, options: Options) -> None:
        self._stream = stream
        self._options = options
        self._expanded = 0
        self._checked: dict[tuple[int, int], SeenChunks] = {}
        """For each dataset, by file number and address, the chunks whose streams were checked."""
        self._last: SeenChunks | None = None
        self._edges: dict[tuple[int, int], bool] = {}
        """For each dataset, whether HDF5 may leave its partial edge chunks unfiltered."""
        self._valid: set[tuple[int, int]] = set()
        """The datasets whose chunks have ordinary sizes that their filters can have produced."""

    def begin(self) -> None:
        """Begin a new read: reset the count of expanded bytes."""
        self._expanded = 0

    @property
    def options(self) -> Options:
        """The limits."""
        return self._options

    @property
    def trusts(self) -> bool:
        """Whether the file may refer to others, which HDF5 cannot find through a journal."""
        return self._options.trusts and self._stream.file.driver != "fileobj"

    def inside(self, did: DatasetID, present: int | None = None) -> None:
        """Reject a dataset whose data are in other files.

        Args:
            did: the dataset.
            present: the bits of its object header, if known.

        Raises:
            UnsafeFileError: it has external storage, or is a virtual dataset.
        """
        if present is None:
            present = info_of(did).hdr.mesg.present
        if present & EXTERNAL_FILES and not self.trusts:
            raise self._refusal(did, "an array with data in another file")
        if did.get_storage_size():
            return  # a virtual dataset has no data of its own
        plist = did.get_create_plist()
        if plist.get_layout() == h5d.VIRTUAL:
            sources = {plist.get_virtual_filename(i) for i in range(plist.get_virtual_count())}
            if sources - {"."} and not self.trusts:
                what = f"a virtual array that consists of other files, {sorted(sources)}"
                raise self._refusal(did, what)

    def _refusal(self, did: DatasetID, what: str) -> UnsafeFileError:
        hint = "if you trust the file, read it with trust=True or inside hdfchk.trusting()"
        if self._options.trusts:
            hint = "its last commits are still in its journal: close its writer, or call recover()"
        return UnsafeFileError(f"{what} is not read", key=key_of(did), hint=hint)

    def size(self, did: DatasetID, nbytes: int, box: Box | None = None) -> None:
        """Reject data that need far more memory than they take in the file.

        Args:
            did: the dataset.
            nbytes: the size in memory of the data to read.
            box: the selection; None for everything.

        Raises:
            UnsafeFileError: they do, together with all data read since `begin`; or the filters
            cannot have produced them from the bytes in the file.
            CorruptFileError: the file is shorter than its chunk index claims.
        """
        if box is not None and nbytes <= self._limit and place_of(did) in self._valid:
            return
        plist = did.get_create_plist()
        file_size = self._file_size()
        if plist.get_layout() == h5d.CHUNKED:
            from .chunk_index import look_at

            if box is not None:
                self._check_all_chunks(did, plist, file_size)
            found = look_at(did, plist, file_size, box, nbytes)
            nbytes = max(nbytes, found.largest)  # HDF5 decodes whole chunks
            free = EXPANSION * found.stored
            if found.is_bound and self._options.expand_limit is None:
                free = max(free, found.made)
            self._expand(did, nbytes, found.stored, free)
            return
        stored = did.get_storage_size()
        if not stored and self._options.trusts:
            return  # its data are in another file
        stored = min(stored, file_size)
        self._expand(did, nbytes, stored, EXPANSION * stored)

    def _check_all_chunks(self, did: DatasetID, plist: PropDCID, file_size: int) -> None:
        """Check all chunks once, so that slices need not check theirs each time."""
        from .chunk_index import SMALL_CHUNK, look_at

        try:
            largest = look_at(did, plist, file_size).largest
        except HdfchkError:
            return  # the selected chunks may be valid
        if largest <= min(SMALL_CHUNK, self._limit):
            self._valid.add(place_of(did))

    def _file_size(self) -> int:
        stream = self._stream
        size: int = (stream if isinstance(stream, h5py.File) else stream.file).id.get_filesize()
        return size

    def claims(self, did: DatasetID) -> None:
        """Reject a dataset whose chunks the file cannot contain, without reading any.

        Raises:
            UnsafeFileError, CorruptFileError: see `size`.
        """
        from .chunk_index import look_at

        plist = did.get_create_plist()
        if plist.get_layout() == h5d.CHUNKED:
            look_at(did, plist, self._file_size())

    @property
    def _limit(self) -> int:
        limit = self._options.expand_limit
        return DEFAULT_LIMIT if limit is None else limit

    def _expand(self, did: DatasetID, nbytes: int, stored: int, free: int) -> None:
        self._expanded += max(0, nbytes - free)
        if self._expanded > self._limit:
            raise UnsafeFileError(
                f"{nbytes} bytes of memory for data that take {stored} in the file",
                key=key_of(did),
                hint=f"this exceeds expand_limit ({self._limit}): if you trust the file,"
                " raise it, or read parts with array()",
            )

    def variable(self, did: DatasetID, data: np.ndarray[Any, Any]) -> None:
        """Read variable-length elements block by block: all may refer to the same large one.

        Args:
            did: the dataset.
            data: the array to fill, of HDF5's own dtype.
        """
        for start, block in self._blocks(did, data.dtype, data.shape, data):
            if block is not data and data.ndim:
                data[start : start + len(block)] = block

    def blocks(self, did: DatasetID, dtype: np.dtype[Any]) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the variable-length elements of a dataset, of HDF5's own dtype, block by block.

        Raises:
            UnsafeFileError: they are far larger than the file.
        """
        return (block for _, block in self._blocks(did, dtype, did.shape, None))

    def _blocks(
        self, did: DatasetID, dtype: np.dtype[Any], shape: tuple[int, ...], data: Any
    ) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
        file_size = self._file_size()
        least, most = BLOCK_ITEMS
        step = max(least, min(most, self._limit // max(1, file_size)))
        size, axes = math.prod(shape), len(did.shape)  # an array type has axes of its own
        memory = memory_type(did.dtype)
        if not axes or size <= step:
            whole = np.zeros(shape, dtype) if data is None else data
            if size:
                with self.decoding(did):
                    did.read(h5s.ALL, h5s.ALL, whole, memory)
            yield 0, whole
            return
        rows = max(1, step * shape[0] // size)
        space, before, held = did.get_space(), self._expanded, 0
        for start in range(0, shape[0], rows):
            block = np.zeros((min(rows, shape[0] - start), *shape[1:]), dtype)
            space.select_hyperslab((start,) + (0,) * (axes - 1), block.shape[:axes])
            with self.decoding(did):
                did.read(h5s.create_simple(block.shape[:axes]), space, block, memory)
            held += _held_bytes(block)
            self._expanded = before
            self._expand(did, held, file_size, EXPANSION * file_size)
            yield start, block

    @contextmanager
    def decoding(self, did: DatasetID, boxes: list[Box] | None = None) -> Iterator[None]:
        """Context of a read by HDF5: errors are explained, and no code is loaded.

        HDF5 searches a default folder for the plug-in of a filter if the environment names none: a
        file must not be able to run code from there.

        Args:
            did: the dataset.
            boxes: the parts that are read; None for all.

        Raises:
            UnsafeFileError: a chunk would decode to far more than its size.
            UnsupportedStoredError: a filter is not available; the message names it.
            CorruptFileError: the data cannot be read.
        """
        self._check_streams(did, boxes)
        with self._without_plugins(did, writes=False):
            yield

    @contextmanager
    def decoding_part(self, did: DatasetID, boxes: list[Box] | None) -> Iterator[None]:
        """Do the same as `decoding`, for a damaged dataset: only these parts are checked."""
        from .streams import refuse_streams

        refuse_streams(did, did.get_create_plist(), set(), boxes)
        with self._without_plugins(did, writes=False):
            yield

    @contextmanager
    def unpacking(self, did: DatasetID, boxes: list[Box] | None = None) -> Iterator[None]:
        """Context in which HDF5 decodes chunks to write parts of them; the dataset has filters.

        Args:
            did: the dataset.
            boxes: the parts that are written, or copied; None for all.

        Raises:
            UnsafeFileError, CorruptFileError: see `size` and `decoding`.
            UnsupportedStoredError: a filter is not available; the message names it.
        """
        from .streams import places_of, refuse_streams

        self.begin()
        plist = did.get_create_plist()
        if plist.get_layout() == h5d.CHUNKED:
            known = self.seen_chunks(did).offsets
            places = None if boxes is None else places_of(plist.get_chunk(), boxes)
            # HDF5 writes all cached chunks of a dataset when its chunk index is queried.
            if places is None or not known.issuperset(places):
                if place_of(did) not in self._valid:
                    self._check_sizes(did, plist, boxes)
                refuse_streams(did, plist, known, boxes)
                known.update(places or ())
        with self._without_plugins(did, writes=True):
            yield

    def _check_sizes(self, did: DatasetID, plist: PropDCID, boxes: list[Box] | None) -> None:
        """Reject chunks that would need far more memory than they take in the file."""
        from .chunk_index import chunk_bytes, look_at
        from .streams import around_of

        did.get_num_chunks()  # makes HDF5 write its cache, which may extend the file
        file_size = self._file_size()
        if boxes is not None:
            self._check_all_chunks(did, plist, file_size)
            if place_of(did) in self._valid:
                return
        box = None if boxes is None else around_of(boxes)
        found = look_at(did, plist, file_size, box)
        free = EXPANSION * found.stored
        if found.is_bound and self._options.expand_limit is None:
            free = max(free, found.made)
        size = chunk_bytes(did, plist)
        if found.stored or size > DEFAULT_LIMIT:  # a new chunk is created whole in memory
            self._expand(did, size, found.stored, free)

    @contextmanager
    def _without_plugins(self, did: DatasetID, *, writes: bool) -> Iterator[None]:
        """Context in which HDF5 loads no plug-in from default folders, and errors are explained.

        Args:
            did: the dataset.
            writes: an error of the write itself may occur, and is raised unchanged.
        """
        taken: list[bytes] = []
        foreign = self._foreign_filters(did)
        if foreign:
            from .filters import require_plugin

            wanted = [code for code, _ in foreign if not require_plugin(code)]
            taken = self._close_folders() if wanted else []
        try:
            yield
        except HdfchkError:
            raise
        except (OSError, RuntimeError) as error:
            if writes and not self._missing(did) and "during read" not in str(error):
                raise
            raise self.explain(did, error) from error
        finally:
            for folder in taken:
                h5pl.append(folder)

    def _check_streams(self, did: DatasetID, boxes: list[Box] | None) -> None:
        if info_of(did).hdr.mesg.present & FILTERED:
            from .streams import refuse_streams

            refuse_streams(did, did.get_create_plist(), self.seen_chunks(did).offsets, boxes)

    def seen_chunks(self, did: DatasetID) -> SeenChunks:
        """Return the checked chunks of a dataset; the caller adds those it checks."""
        from .streams import SeenChunks

        place = place_of(did)
        found = self._checked.get(place)
        if found is None:
            is_still = self._stream.file.mode == "r"
            found = self._checked[place] = SeenChunks(is_still)
        if self._last is not found:
            if self._last is not None:
                self._last.drop()  # only one decoded chunk is kept per file
            self._last = found
        return found

    def leaves_edges(self, did: DatasetID) -> bool:
        """Return `edges.leaves_edges` of a dataset, cached."""
        from .edges import leaves_edges

        return leaves_edges(did, self._edges)

    def explain(self, did: DatasetID, error: Exception) -> HdfchkError:
        """Return the error to raise for an error of HDF5 in reading a dataset."""
        for name in self._missing(did):
            return UnsupportedStoredError(
                f"it is compressed by the filter {name}, which is not available",
                key=key_of(did),
                hint="install its plug-in and import it (most are in hdf5plugin)",
            )
        return unreadable("the data", error, key_of(did))

    def _foreign_filters(self, did: DatasetID) -> list[tuple[int, str]]:
        plist = did.get_create_plist()
        found = [plist.get_filter(index) for index in range(plist.get_nfilters())]
        return [(item[0], os.fsdecode(item[3])) for item in found if item[0] not in _OWN_FILTERS]

    def _missing(self, did: DatasetID) -> list[str]:
        return [
            f"{name} ({code})" if name else str(code)
            for code, name in self._foreign_filters(did)
            if not h5z.filter_avail(code)
        ]

    def _close_folders(self) -> list[bytes]:
        taken: list[bytes] = []
        named = os.fsencode(os.environ.get("HDF5_PLUGIN_PATH", "")).split(os.fsencode(os.pathsep))
        for index in reversed(range(h5pl.size())):
            folder = h5pl.get(index)
            if folder in DEFAULT_PLUGINS and folder not in named:
                taken.append(folder)
                h5pl.remove(index)
        return taken


def _held_bytes(block: np.ndarray[Any, Any]) -> int:
    """Return the number of bytes that the elements of an object array refer to."""
    if block.dtype.names is not None and block.dtype.hasobject:
        return sum(_held_bytes(block[name]) for name in block.dtype.names)
    if block.dtype.kind != "O":
        return int(block.nbytes)
    if h5py.check_string_dtype(block.dtype) is not None:
        return sum(map(len, filter(None, block.ravel().tolist())))
    total = 0
    for item in block.reshape(-1):
        if isinstance(item, np.ndarray):
            total += item.nbytes
        elif isinstance(item, (bytes, str)):  # not a reference
            total += len(item)
    return total


def is_variable(dtype: np.dtype[Any]) -> bool:
    """Return whether the elements of a dataset are variable-length."""
    return dtype.kind == "O" and (
        h5py.check_string_dtype(dtype) is not None or h5py.check_vlen_dtype(dtype) is not None
    )

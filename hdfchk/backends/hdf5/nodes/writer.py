"""Trees to HDF5 objects, with h5py's low-level API.

Every object is created under a name: HDF5 loses objects without a link (see `h5.hidden`).
"""

from __future__ import annotations

import time
from typing import Any, cast

import h5py
import numpy as np
from h5py import h5d, h5g, h5s, h5t

from ....errors import HdfchkError
from ....keys import Path, to_bytes
from ....runtime.interrupts import BLOCK_BYTES, run_pending
from ....runtime.stack import require_frames_below
from ....tree import Branch, Leaf
from ...base import Stored
from ...layout import Compression, Layout
from ...meter import Meter
from ...settings import DEFAULTS, Options
from ..data.blocks import write_blocks
from ..data.chunk_io import write_rows
from ..data.direct_io import WriteAt, write_piece
from ..data.filters import chunked_plist, own_pipeline, resolved
from ..data.limits import Guard, is_variable
from ..data.resize import LocalDraft
from ..h5 import checksums as sums
from ..h5.hidden import Hidden
from ..h5.ids import DatasetID, GroupID, PropDCID, SpaceID, TypeID
from ..h5.marks import set_mark, write_mark
from ..h5.metadata_cache import MetadataCache
from ..h5.object_info import Target
from ..h5.types import (
    BYTE,
    COMPACT_BYTES,
    COMPACT_CREATION,
    FLOAT,
    GROUP_CREATION,
    INT,
    PLACED_CREATION,
    PYTHON_STRINGS,
    SCALAR,
    dataset_creation,
    dataspace,
)
from ..h5.values import NONE, in_own_order, prepare, raw_buffer, raw_data
from .fits import Fit, fit_of

__all__ = ["Writer", "write_elements"]

LOOK_AT = 64
PAUSE_SECONDS = 0.2
"""A long commit calls deferred signal handlers once `LOOK_AT` more objects were created and this
much time has passed. A handler cannot use the store during the commit."""
ROOM_FROM = 2**16
"""Space for metadata is reserved before an array of at least this many bytes is written."""
ROOM_BYTES = 4096


class Writer:
    """Creates objects in one open file.

    Args:
        root: the group that is the root of all paths.
        options: the options for the layout of arrays.
        write_past: writes arrays without HDF5; None if HDF5 must not be bypassed.
        hidden: the hidden group of the file, which all its writers share.
        cache: HDF5's metadata cache of the file.
        guard: the limits for reading the file.

    Attributes:
        cache: HDF5's metadata cache of the file.
        layout: the layout of all arrays that are written now; None for that of the options.
        meter: counts the bytes of arrays that are written; None if that is not wanted.
        at: the path of the value that is being written.
    """

    def __init__(
        self,
        root: GroupID,
        options: Options = DEFAULTS,
        write_past: WriteAt | None = None,
        hidden: Hidden | None = None,
        cache: MetadataCache | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.hidden: Hidden = hidden or Hidden(root)
        self._root = root
        self._write_past = write_past
        self._options = options
        self.layout: Layout | None = None
        self.meter: Meter | None = None
        self.at: Path = ()
        self._float = np.empty((), np.float64)
        self._int = np.empty((), np.int64)
        self.cache: MetadataCache = cache or MetadataCache(root)
        self.guard: Guard = guard or Guard(h5py.Group(root), options)
        self._keeper: DatasetID | None = None
        self._made = 0
        self._paused = time.monotonic()
        self._is_plain = options.compression is None and not options.checksum

    def take_room(self) -> None:
        """Reserve space for metadata until the commit ends, before a large array is written.

        HDF5 allocates small objects in free space. If it had to allocate them after the array, they
        would stay there. When the array is replaced, its space could then neither be returned to
        the system nor extended, and the file would grow to many times the size of the array.
        """
        if self._keeper is None:
            # The only object without a link: it never gets one, and HDF5 frees it when its
            # identifier is closed, whatever its header says.
            self._keeper = h5d.create(self._root, None, *_KEEPER)

    def begin(self) -> None:
        """Begin a commit."""
        self._made = 0
        self._paused = time.monotonic()

    def pause(self) -> None:
        """Call deferred signal handlers if the commit takes long.

        Raises:
            BaseException: an exception of a handler.
        """
        now = time.monotonic()
        if now - self._paused > PAUSE_SECONDS:
            self._paused = now
            run_pending()

    def end(self) -> None:
        """End a commit: release the space reserved for metadata."""
        self._keeper = None

    def create(self, parent: GroupID, name: bytes, node: Stored, path: Path) -> DatasetID | GroupID:
        """Create the objects of `node` under `name` in `parent`.

        Args:
            parent: the group.
            name: the name of the link.
            node: the value; a draft already exists, and is only moved.
            path: the path of the value, which may determine its compression.
        """
        self._made += 1
        if not self._made % LOOK_AT:
            self.pause()
            self.cache.hold(2 * self._made)
        if isinstance(node, Leaf):
            self.at = path
            oid = self._dataset(parent, name, node, path)
            if node.mark is not None:
                write_mark(oid, node.mark)
            return oid
        if not isinstance(node, Branch):
            return cast(LocalDraft, node).place(parent, name)
        require_frames_below(path)
        gid = h5g.create(parent, name, gcpl=GROUP_CREATION)
        if node.mark is not None:
            write_mark(gid, node.mark)
        for child_name, child in node.children.items():
            self.create(gid, to_bytes(child_name), child, (*path, child_name))  # type: ignore[arg-type]
        return gid

    def _dataset(self, parent: GroupID, name: bytes, leaf: Leaf, path: Path) -> DatasetID:
        data = leaf.data
        kind = type(data)
        if kind is float or data is None:
            did = h5d.create(parent, name, FLOAT, SCALAR, dataset_creation(8))
            number = NONE
            if data is not None:
                number = self._float
                number[()] = data
            did.write(h5s.ALL, h5s.ALL, number, FLOAT)
            return did
        if kind is int:
            did = h5d.create(parent, name, INT, SCALAR, dataset_creation(8))
            self._int[()] = data
            did.write(h5s.ALL, h5s.ALL, self._int, INT)
            return did
        tid, space, array = prepare(data)
        if array.nbytes >= ROOM_FROM:
            self.take_room()
        if not self._is_plain or self.layout is not None:
            return self._laid_out(parent, name, array, tid, path)
        if self._write_past is not None and self._is_one_piece(array):
            did = h5d.create(parent, name, tid, space, PLACED_CREATION)
            write_piece(self._write_past, did, array)
            return did
        plist = dataset_creation(array.nbytes, variable=array.dtype.kind == "O")
        did = h5d.create(parent, name, tid, space, plist)
        if array.size:
            write_elements(did, array, tid, None, self.meter)
        return did

    def _is_one_piece(self, array: np.ndarray[Any, Any]) -> bool:
        return (
            array.nbytes > COMPACT_BYTES
            and array.dtype.kind != "O"
            and array.flags.c_contiguous
            and self.meter is None
        )

    def _laid_out(
        self, parent: GroupID, name: bytes, array: np.ndarray[Any, Any], tid: TypeID, path: Path
    ) -> DatasetID:
        """Create a dataset with the layout that the caller or the store specifies."""
        layout = self.layout or self._options.layout(path)
        variable = array.dtype.kind == "O"
        compression = None if variable else resolved(layout, array)
        checked = layout.checksum and (variable or array.nbytes > COMPACT_BYTES)
        plist, space = dataset_creation(array.nbytes, variable=variable), dataspace(array.shape)
        wanted = layout.chunks or layout.maxshape or compression or checked
        if wanted and array.size and array.ndim and not variable:
            plist, space = _in_chunks(array, tid, layout, compression)
            checked = False
        did = h5d.create(parent, name, tid, space, plist)
        if array.size:
            write_elements(did, array, tid, plist, self.meter)
        if checked:
            sums.write(did, array if array.ndim else array[()])
        return did

    def fit(self, did: DatasetID, target: Target, leaf: Leaf) -> Fit | None:
        """Return how `leaf` can be written into a dataset and read back unchanged, or None."""
        return fit_of(did, target, leaf, self.guard)

    def may_unpack(self, did: DatasetID, fit: Fit, *, kept: bool) -> bool:
        """Whether the chunks that HDF5 decodes to overwrite a dataset are intact.

        Args:
            did: the dataset.
            fit: the value to write.
            kept: all data are read before, for an undo.
        """
        if not fit.target.is_filtered:
            return True
        by_chunks = fit.array.ndim and fit.array.dtype.kind != "O" and not kept
        by_chunks = by_chunks and not fit.is_raw and did.get_type().equal(fit.tid)
        pipeline = own_pipeline(did.get_create_plist(), fit.tid.get_size()) if by_chunks else None
        if pipeline is not None and not self.guard.leaves_edges(did):
            return True  # whole chunks are replaced, and not decoded
        try:
            with self.guard.unpacking(did):
                if fit.array.dtype.kind == "O" and not kept:
                    self.data_of(did)  # HDF5 reads the locations of the old items, to free them
                return True
        except HdfchkError:
            return False

    def data_of(self, did: DatasetID) -> np.ndarray[Any, Any]:
        """Return all data of a dataset without conversion, for an undo.

        Raises:
            HdfchkError: they cannot be read, or need far more memory than they take in the file.
        """
        if not is_variable(did.dtype):
            return raw_data(did)
        data = raw_buffer(did, did.shape)
        if data.size:
            self.guard.variable(did, data)
        return in_own_order(data)

    def overwrite(self, did: DatasetID, leaf: Leaf, fit: Fit) -> None:
        """Write `leaf` into a dataset that can store it."""
        if fit.is_there:
            return
        has_sum, array = fit.target.info.num_attrs and sums.has(did), fit.array
        if fit.target.shape != array.shape:
            did.set_extent(array.shape)
        if array.size:
            by_hdf5 = fit.is_raw or not array.ndim
            by_hdf5 = by_hdf5 or (fit.target.is_filtered and self.guard.leaves_edges(did))
            plist = None if by_hdf5 else did.get_create_plist()
            write_elements(did, array, fit.tid, plist, self.meter)
        if has_sum:
            is_text = array.dtype.kind in "OS"
            sums.write(did, leaf.data if not is_text else array if array.ndim else array[()])
        if fit.mark != fit.new_mark:
            set_mark(did, fit.new_mark)


_KEEPER = (BYTE, dataspace((ROOM_BYTES,)), COMPACT_CREATION)


def _in_chunks(
    array: np.ndarray[Any, Any], tid: TypeID, layout: Layout, compression: Compression | None
) -> tuple[PropDCID, SpaceID]:
    """Return creation properties and dataspace of a chunked array; by default, rows can grow."""
    limits = layout.maxshape or (None, *array.shape[1:])
    plist = chunked_plist(array.shape, tid.get_size(), layout, compression, limits, whole=True)
    unlimited = tuple(h5s.UNLIMITED if limit is None else limit for limit in limits)
    return plist, h5s.create_simple(array.shape, unlimited)


def write_elements(
    did: DatasetID,
    array: np.ndarray[Any, Any],
    tid: TypeID,
    plist: PropDCID | None,
    meter: Meter | None = None,
) -> None:
    """Write a whole array into a dataset; a large or non-contiguous one block by block.

    Args:
        did: the dataset.
        array: an array of its shape.
        tid: the HDF5 memory type of the array.
        plist: the dataset's creation properties; None to let HDF5 encode the chunks, if any.
        meter: counts the bytes that are written.
    """
    pipeline = None
    if plist is not None and array.ndim and array.size:
        pipeline = own_pipeline(plist, tid.get_size())
        if pipeline is not None and not did.get_type().equal(tid):
            pipeline = None  # HDF5 converts the elements
    if pipeline is not None and array.dtype.kind != "O":
        write_rows(did, array, 0, pipeline, meter)
        return
    if array.dtype.kind == "O" and tid.get_class() == h5t.STRING:
        tid = PYTHON_STRINGS
    small = not array.ndim or array.nbytes <= BLOCK_BYTES
    if array.flags.c_contiguous and small:
        did.write(h5s.ALL, h5s.ALL, array, tid)
        if meter is not None:
            meter.add(array.nbytes)
        return
    write_blocks(did, array, 0, tid, meter)

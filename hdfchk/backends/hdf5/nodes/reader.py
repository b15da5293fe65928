"""HDF5 objects to trees, with h5py's low-level API.

The cost per object matters here: a scalar without a mark is read in five calls.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5s, h5t

from ....codecs import dtypes
from ....errors import HdfchkError, NestingError, UnsupportedStoredError
from ....keys import Path, join, to_text
from ....runtime.stack import require_frames_below
from ....tree import MAX_DEPTH, Branch, Leaf, Mark
from ...base import Select
from ..data.direct_io import read_piece
from ..data.limits import CHECK_FROM, Guard, is_variable
from ..h5 import links
from ..h5.ids import DatasetID, GroupID, ObjectID, RootID, TypeID
from ..h5.links import key_of
from ..h5.marks import is_dict, read_mark
from ..h5.metadata_cache import MetadataCache
from ..h5.object_info import EXTERNAL_FILES, FILTERED, info_of
from ..h5.types import FLOAT, INT, has_variable, numpy_dtype, plain_dtype
from ..h5.values import decoded, memory_type, number_or_none, plain_array, to_scalar

if TYPE_CHECKING:
    from ...meter import Meter
    from ..data.memory_map import Mapper

__all__ = ["DirectIO", "Reader"]

Place = tuple[int, int]
"""The number of the file, as HDF5 counts them, and the address of the object in it."""
MAX_LEVELS = 2 * MAX_DEPTH
"""The maximum nesting of groups in reading: twice that in writing."""
MAX_VISITS = 1000
"""The maximum number of times that one group may occur in a read, by several links. Otherwise, if
groups share groups that share groups, the result would grow exponentially with each level."""


class DirectIO:
    """Context in which a reader reads some datasets without HDF5.

    Args:
        reader: the reader.
        descriptor: the file's descriptor, if HDF5 may be bypassed for everything that is read;
            otherwise -1.
        mapper: maps arrays that need not be read; None to read all.
        meter: counts the bytes that are read; None if that is not wanted.
    """

    __slots__ = ("_descriptor", "_mapper", "_meter", "_reader")

    def __init__(
        self, reader: Reader, descriptor: int, mapper: Mapper | None, meter: Meter | None
    ) -> None:
        self._reader, self._descriptor = reader, descriptor
        self._mapper, self._meter = mapper, meter

    def __enter__(self) -> None:
        reader = self._reader
        reader.descriptor, reader.mapper, reader.meter = (
            self._descriptor,
            self._mapper,
            self._meter,
        )

    def __exit__(self, *raised: object) -> None:
        reader = self._reader
        reader.descriptor, reader.mapper, reader.meter = -1, None, None


class Reader:
    """Reads objects of one open file.

    Args:
        root: the group that is the root of all paths.
        guard: the limits for reading the file.
        cache: HDF5's metadata cache of the file.
    """

    def __init__(self, root: RootID, guard: Guard, cache: MetadataCache) -> None:
        self.root = root
        self._cache = cache
        self._objects = 0
        """The number of links in the groups read since the outermost one."""
        self._guard = guard
        self._float = np.empty((), np.float64)
        self._int = np.empty((), np.int64)
        self._visits: dict[Place, int] = {}
        self.mapper: Mapper | None = None
        """Maps arrays that need not be read; None unless maps are wanted."""
        self.descriptor = -1
        """The descriptor of the file while HDF5 may be bypassed; otherwise -1."""
        self.meter: Meter | None = None
        """Counts the bytes that are read, if wanted."""

    def dataset(self, did: DatasetID) -> Leaf:
        """Return one whole dataset.

        Raises:
            UnsafeFileError: its data are in another file.
            UnsupportedStoredError: NumPy has no equivalent of its type.
            CorruptFileError: the data cannot be read.
        """
        self._guard.begin()
        try:
            return self._read_counted(did)
        except HdfchkError as error:
            error.key = key_of(did, self.root)
            raise

    def _read_counted(self, did: DatasetID) -> Leaf:
        if self.meter is None:
            return self._dataset(did)
        before = self.meter.done
        leaf = self._dataset(did)
        self.meter.add(max(0, did.get_storage_size() - (self.meter.done - before)))
        return leaf

    def _dataset(self, did: DatasetID) -> Leaf:
        in_one_piece = self.descriptor >= 0 and did.get_offset() is not None
        shape = did.shape
        if in_one_piece:  # contiguous, in this file: fewer properties to query
            mark, present = read_mark(did), 0
        else:
            info = info_of(did, len(shape or ()))
            mark = read_mark(did) if info.num_attrs else None
            present = info.hdr.mesg.present
        if shape is None:
            return Leaf(None, mark)
        if not in_one_piece and (present & EXTERNAL_FILES or not did.get_storage_size()):
            self._guard.inside(did, present)
        tid = did.get_type()
        if shape == ():
            return self._scalar(did, present, tid, mark)
        if self.mapper is not None:
            view = self.mapper.view(did, shape, tid)
            if view is not None:
                return Leaf(view, mark)
        dtype = plain_dtype(tid)
        if dtype is not None:  # a common type: no need to look for special ones
            data = self._allocate(did, shape, dtype, present, in_one_piece=in_one_piece)
            if data.size and not (
                in_one_piece and read_piece(self.descriptor, did, data, self.meter)
            ):
                self._read_into(did, present, data, tid)
            return Leaf(data, mark)
        dtype = numpy_dtype(tid)
        data = self._allocate(did, shape, dtype, present)
        if data.size:
            self._read_into(did, present, data, memory_type(dtype))
        return Leaf(plain_array(data), mark)

    def _allocate(
        self,
        did: DatasetID,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        present: int = 0,
        *,
        in_one_piece: bool = False,
    ) -> np.ndarray[Any, Any]:
        """Return an array to read into: zeros, since HDF5 does not fill elements never written.

        Args:
            did: the dataset.
            shape: its shape.
            dtype: the dtype of the array.
            present: the kinds of messages in the dataset's object header, as a bit set.
            in_one_piece: the dataset is contiguous in this file, and will be read completely.
        """
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes > CHECK_FROM or present & FILTERED:  # a chunk may be larger than the array
            self._guard.size(did, nbytes)
        return np.empty(shape, dtype) if in_one_piece else np.zeros(shape, dtype)

    def _read_into(
        self, did: DatasetID, present: int, data: np.ndarray[Any, Any], tid: TypeID | None = None
    ) -> None:
        try:
            if is_variable(data.dtype):
                self._guard.variable(did, data)
            elif present & FILTERED:
                from ..data.chunk_io import read_packed

                if not read_packed(did, data, 0, did.shape, self.meter):
                    with self._guard.decoding(did):
                        did.read(h5s.ALL, h5s.ALL, data, tid)
            else:
                did.read(h5s.ALL, h5s.ALL, data, tid)
        except TypeError as error:
            if isinstance(error, HdfchkError):
                raise
            raise UnsupportedStoredError(str(error), hint="read it with plain h5py") from error
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, HdfchkError):
                raise
            raise self._guard.explain(did, error) from error

    def _scalar(self, did: DatasetID, present: int, tid: TypeID, mark: Mark | None) -> Leaf:
        if tid.equal(FLOAT):
            self._float[()] = 0
            did.read(h5s.ALL, h5s.ALL, self._float, FLOAT)
            value = self._float.item()  # None is stored as a NaN; other numbers equal themselves
            return Leaf(value if value == value else number_or_none(value, mark), mark)  # noqa: PLR0124
        if tid.equal(INT):
            self._int[()] = 0
            did.read(h5s.ALL, h5s.ALL, self._int, INT)
            return Leaf(self._int.item(), mark)
        if tid.get_class() == h5t.STRING and not tid.is_variable_str():
            if tid.get_size() > CHECK_FROM:
                self._guard.size(did, tid.get_size())
            raw = np.zeros((), f"S{tid.get_size()}")
            if tid.get_strpad() != h5t.STR_NULLPAD:  # C strings end at a NUL, Fortran's at spaces
                tid = tid.copy()
                tid.set_strpad(h5t.STR_NULLPAD)
            self._read_into(did, present, raw, tid)
            if mark is not None and tid.get_cset() != h5t.CSET_UTF8:
                return Leaf(raw, mark)
            return Leaf(decoded(raw.item()), mark)
        dtype = numpy_dtype(tid)
        data = self._allocate(did, (), dtype)
        self._read_into(did, present, data, memory_type(dtype))
        if data.ndim:  # a scalar dataset of an array type
            return Leaf(plain_array(data), mark)
        # Marked data keep the dtype of an array, but a variable-length string becomes str.
        return Leaf(to_scalar(data, tid), mark)

    def look_at_bytes(self, did: DatasetID) -> None:
        """Make HDF5 read all raw data of a dataset, to find errors and wrong chunk checksums.

        Variable-length data, and data in other files, are omitted.

        Raises:
            UnsafeFileError, CorruptFileError: the data cannot be read.
            UnsupportedStoredError: a filter is not available.
        """
        from ..data.blocks import blocks_of

        tid, shape = did.get_type(), did.shape
        present = info_of(did).hdr.mesg.present
        self._guard.inside(did, present)
        if not shape or not math.prod(shape) or has_variable(tid):
            return
        dtype, space = np.dtype(f"V{tid.get_size()}"), did.get_space()
        try:
            for where in blocks_of(shape, dtype.itemsize):
                first = tuple(of.start for of in where)
                count = tuple(of.stop - of.start for of in where)
                box = first, tuple(of.stop - 1 for of in where)
                self._guard.size(did, math.prod(count) * dtype.itemsize, box)
                space.select_hyperslab(first, count)
                with self._guard.decoding(did, [box]):
                    did.read(h5s.create_simple(count), space, np.zeros(count, dtype), tid)
        except HdfchkError:
            raise
        except (OSError, RuntimeError, ValueError) as error:
            raise self._guard.explain(did, error) from error

    def group(
        self,
        gid: GroupID | TypeID,
        mark: Mark | None,
        path: Path,
        select: Select | None,
        above: frozenset[Place] = frozenset(),
        place: Place | None = None,
    ) -> Leaf | Branch:
        """Return a group and everything below it that `select` accepts, or a named datatype.

        Args:
            gid: the group or named datatype.
            mark: its mark.
            path: its path.
            select: decides which objects below it are read; None for all.
            above: the places of the groups above it.
            place: its own place, if known.
        """
        if type(gid) is not h5g.GroupID:
            return _named_type(gid, path)
        require_frames_below(path)
        if place is None:
            info = h5o.get_info(gid)
            place = (info.fileno, info.addr)
        self._check_visit(place, path, above)
        above |= {place}
        self._objects += gid.get_num_objs()
        self._cache.hold(self._objects)
        children: dict[str, Any] = {}
        for raw, link, address in links.entries(gid, marked=h5a.get_num_attrs(gid) > 0):
            name = to_text(raw)
            inner = (*path, name)
            inner_place = None
            oid: ObjectID | None
            if link == links.HARD:
                oid = links.open_object(gid, raw, inner)
                inner_place = (place[0], address)
            else:
                # Links that are not selected are not followed: they may point out of the file.
                wanted = select is None or select(inner, True)
                oid = self._open_soft(inner) if wanted else None
                if oid is None:
                    continue
            if type(oid) is h5d.DatasetID:
                try:
                    if select is None or select(inner, False):
                        children[name] = self._read_counted(oid)
                except HdfchkError as error:
                    error.key = join(inner)
                    raise
                continue
            child = self._child(oid, inner, select, above, inner_place)
            if child is not None:
                children[name] = child
        return Branch(children, mark)

    def _check_visit(self, place: Place, path: Path, above: frozenset[Place]) -> None:
        """Reject a group that contains itself, or occurs too often."""
        if not above:
            self._objects = 0
            self._visits.clear()
            self._guard.begin()
        visits = self._visits[place] = self._visits.get(place, 0) + 1
        if visits > MAX_VISITS:
            raise NestingError(
                f"one group is reached by more than {MAX_VISITS} paths",
                key=join(path),
                hint="read single keys below it",
            )
        if place in above or len(above) > MAX_LEVELS:
            raise NestingError(
                "a group contains itself, by a link"
                if place in above
                else f"groups nested more than {MAX_LEVELS} levels deep",
                key=join(path),
                hint="read single keys below it",
            )

    def _child(
        self,
        oid: GroupID | TypeID,
        path: Path,
        select: Select | None,
        above: frozenset[Place],
        place: Place | None,
    ) -> Leaf | Branch | None:
        mark = read_mark(oid)
        if select is not None:
            as_dict = is_dict(oid, mark)
            if not select(path, as_dict):
                return None
            select = select if as_dict else None  # a value is read completely
        return self.group(oid, mark, path, select, above, place)

    def _open_soft(self, path: Path) -> ObjectID | None:
        """Open the target of a soft or external link; return None if it does not exist."""
        found = links.resolve(self.root, path, trust=self._guard.trusts)
        return None if found is None else links.open_object(self.root, found, path)


def _named_type(tid: TypeID, path: Path) -> Leaf:
    """Return the leaf of the dtype of a named datatype."""
    try:
        dtype = numpy_dtype(tid)
    except HdfchkError as error:
        error.key = join(path)
        raise
    return Leaf(None, Mark("dtype", 1, {"dtype": dtypes.describe(dtype)}))

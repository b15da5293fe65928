"""Reading a whole dataset, to find out which parts are intact, and copying only these."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import numpy as np
from h5py import h5d, h5i, h5s, h5t

from ....errors import CorruptFileError, HdfchkError, UnsafeFileError, UnsupportedStoredError
from ...findings import Box
from ..data.blocks import blocks_of
from ..data.chunk_index import chunks_of
from ..data.filters import greatest_ratio
from ..data.limits import DEFAULT_LIMIT, EXPANSION, Guard
from ..h5.errors import RAISED
from ..h5.ids import DatasetID, SpaceID, StoreInfo, TypeID
from ..h5.types import has_variable
from ..h5.values import memory_type
from .steps import CAUGHT, Steps, explained

__all__ = ["Damage", "StoredArray", "copy_parts", "look_at"]

MOST_PLACES = 2**20
"""If the chunk index is damaged, at most this many chunks are looked up one by one."""
MOST_FAILURES = 1000
"""After this many unreadable parts of one array, the rest is considered lost."""
ITEM_BYTES = 256
"""The assumed size of a variable-length element in bytes, for the size of blocks."""


@attrs.define
class Damage:
    """Which parts of an array cannot be read.

    Attributes:
        problem: the first error.
        whole: the intact parts.
        lost: the other parts.
        chunks: the number of lost chunks.
        checksum: a checksum of the intact parts, independent of their order; None if the elements
            are not of fixed size.
    """

    problem: HdfchkError | None = None
    whole: list[Box] = attrs.Factory(list)
    lost: list[Box] = attrs.Factory(list)
    chunks: int = 0
    checksum: int | None = None

    def note(self, error: BaseException, box: Box | None = None) -> None:
        """Record that a part, or something else, cannot be read."""
        if isinstance(error, UnsafeFileError):  # for a single part: the file contradicts itself
            error = CorruptFileError(error.problem)
        self.problem = self.problem or explained("the data", error)
        if box is None:
            return
        if self.lost and (joined := _joined(self.lost[-1], box)) is not None:
            self.lost[-1] = joined
        else:
            self.lost.append(box)

    def add(self, box: Box, data: np.ndarray[Any, Any]) -> None:
        """Record that a part is intact."""
        self.whole.append(box)
        if not data.dtype.hasobject:
            place = repr([part.start for part in box]).encode()
            self.checksum = (self.checksum or 0) + zlib.crc32(data.data, zlib.crc32(place))

    @property
    def elements(self) -> int:
        """The number of lost elements."""
        return sum(_size(box) for box in self.lost)

    @property
    def rows(self) -> int:
        """The number of indices of the first axis with lost elements."""
        end = rows = 0
        for part in sorted((box[0].start, box[0].stop) for box in self.lost if box):
            rows += max(0, part[1] - max(part[0], end))
            end = max(end, part[1])
        return rows


def _size(box: Box) -> int:
    return math.prod(part.stop - part.start for part in box)


def _joined(first: Box, second: Box) -> Box | None:
    """Return two parts as one, if they are adjacent."""
    apart = [axis for axis, pair in enumerate(zip(first, second, strict=True)) if _differ(*pair)]
    if len(apart) != 1:
        return None
    axis = apart[0]
    if first[axis].stop != second[axis].start:
        return None
    return (*first[:axis], slice(first[axis].start, second[axis].stop), *first[axis + 1 :])


def _differ(first: slice, second: slice) -> bool:
    return (first.start, first.stop) != (second.start, second.stop)


def is_read_by_item(tid: TypeID) -> bool:
    """Return whether HDF5 must convert elements of a type, as their data are elsewhere."""
    return has_variable(tid) or bool(tid.detect_class(h5t.REFERENCE))


class StoredArray:
    """A dataset that is read part by part."""

    def __init__(self, did: DatasetID, guard: Guard, steps: Steps) -> None:
        self.did = did
        self.dtype: np.dtype[Any]
        self.guard = guard
        self.steps = steps
        self.shape: tuple[int, ...] = did.shape
        self.tid: TypeID = did.get_type()
        self.plist: Any = did.get_create_plist()
        self.is_chunked: bool = self.plist.get_layout() == h5d.CHUNKED
        fid = h5i.get_file_id(did)
        self.file_size: int = int(fid.get_filesize())
        self.userblock: int = int(fid.get_create_plist().get_userblock())
        self.by_item: bool = is_read_by_item(self.tid)
        if self.by_item:
            try:
                self.dtype = self.tid.dtype
            except (TypeError, ValueError, NotImplementedError) as error:
                raise UnsupportedStoredError(
                    f"it cannot be checked, because NumPy has no equivalent of its type ({error})",
                    hint="read it with another tool, for example h5dump",
                ) from error
            self.memory = memory_type(self.dtype)
        else:
            self.dtype, self.memory = np.dtype(f"V{self.tid.get_size()}"), self.tid

    def spaces(self, box: Box) -> tuple[SpaceID | int, SpaceID | int]:
        """Return the dataspaces of a part, in memory and in the file."""
        if not box:
            return h5s.ALL, h5s.ALL
        count = tuple(part.stop - part.start for part in box)
        space = self.did.get_space()
        space.select_hyperslab(tuple(part.start for part in box), count)
        return h5s.create_simple(count), space

    def read(self, box: Box) -> np.ndarray[Any, Any]:
        """Read a part."""
        self.steps.go_on()
        data = np.zeros(tuple(part.stop - part.start for part in box), self.dtype)
        bounds = [
            (tuple(part.start for part in box), tuple(part.stop - 1 for part in box)),
        ]
        with self.guard.decoding_part(self.did, bounds if box else None):
            self.did.read(*self.spaces(box), data, self.memory)
        return data


def look_at(did: DatasetID, guard: Guard, steps: Steps) -> Damage:
    """Read all stored data of a dataset, part by part.

    Args:
        did: the dataset, whose elements must be in the file.
        guard: the limits for reading the file.
        steps: the steps of this process.

    Raises:
        UnsupportedStoredError: a filter or an equivalent NumPy type is missing.
    """
    damage = Damage()
    if did.shape is None or not math.prod(did.shape):
        return damage
    array = StoredArray(did, guard, steps)
    failures = 0
    for box in _parts(array, damage):
        todo = [box]
        while todo:
            part = todo.pop()
            if failures < MOST_FAILURES:
                try:
                    damage.add(part, array.read(part))
                    continue
                except CAUGHT as error:
                    if isinstance(found := explained("the data", error), UnsupportedStoredError):
                        raise found from error
                    failures += not array.is_chunked or array.by_item
                    halves = _halves(array, part)
                    if halves:
                        todo.extend(reversed(halves))
                        continue
                    damage.note(error, part)
                    damage.chunks += array.is_chunked and not array.by_item
            else:
                damage.note(CorruptFileError("too much of it cannot be read"), part)
    return damage


def _halves(array: StoredArray, box: Box) -> list[Box]:
    """Split a part in two; return nothing if it must be read as a whole, or is a single element."""
    if array.is_chunked and not array.by_item:
        return []
    for axis, part in enumerate(box):
        if part.stop - part.start > 1:
            middle = (part.start + part.stop) // 2
            return [
                (*box[:axis], slice(*ends), *box[axis + 1 :])
                for ends in ((part.start, middle), (middle, part.stop))
            ]
    return []


def _parts(array: StoredArray, damage: Damage) -> Iterable[Box]:
    """Return the parts in which a dataset is read; record those that cannot be read."""
    if not array.is_chunked:
        size = ITEM_BYTES if array.by_item else max(1, array.tid.get_size())
        return blocks_of(array.shape, size) if array.shape else [()]
    return _chunks(array, damage)


def _chunks(array: StoredArray, damage: Damage) -> Iterator[Box]:
    """Yield the stored chunks that the file can contain."""
    did, chunk = array.did, tuple(map(int, array.plist.get_chunk()))
    infos: list[tuple[tuple[int, ...], StoreInfo]] = []
    seen: set[tuple[int, ...]] = set()
    try:
        infos = chunks_of(did, array.plist)
    except RAISED as error:
        damage.note(error)
        places = [range(0, size, step) for size, step in zip(array.shape, chunk, strict=True)]
        if math.prod(map(len, places)) <= MOST_PLACES:
            infos = list(_look_up(array, itertools.product(*places), chunk, damage))
    size = math.prod(chunk) * array.tid.get_size()
    for place, info in infos:
        offset = tuple(map(int, place))
        box = _box(offset, chunk, array.shape)
        if box is None or any(at % step for at, step in zip(offset, chunk, strict=True)):
            damage.note(CorruptFileError("a chunk is not on the chunk grid of the array"))
            continue
        problem = "two chunks have one offset" if offset in seen else None
        seen.add(offset)
        problem = problem or _problem_of(array, info, size)
        if problem is None:
            yield box
        else:
            damage.note(CorruptFileError(f"the data cannot be read ({problem})"), box)
            damage.chunks += 1


def _look_up(
    array: StoredArray, places: Iterable[tuple[int, ...]], chunk: tuple[int, ...], damage: Damage
) -> Iterator[tuple[tuple[int, ...], StoreInfo]]:
    """Look up chunks one by one, if their index is damaged."""
    for place in places:
        array.steps.go_on()
        try:
            info = array.did.get_chunk_info_by_coord(place)
        except RAISED as error:
            box = _box(place, chunk, array.shape)
            damage.note(error, box)
            damage.chunks += 1
            continue
        if info.byte_offset is not None and info.size:
            yield place, info


def _box(offset: tuple[int, ...], chunk: tuple[int, ...], shape: tuple[int, ...]) -> Box | None:
    if len(offset) != len(shape) or any(at >= n for at, n in zip(offset, shape, strict=True)):
        return None
    return tuple(
        slice(at, min(at + step, n)) for at, step, n in zip(offset, chunk, shape, strict=True)
    )


def _problem_of(array: StoredArray, info: StoreInfo, size: int) -> str | None:
    """Return why a chunk cannot have its claimed size and place; None if it can."""
    if info.byte_offset + info.size > array.file_size:
        return "a chunk extends beyond the end of the file"
    filtered = array.plist.get_nfilters()
    ratio = greatest_ratio(array.plist, info.filter_mask) if filtered else 1
    if ratio is not None and size > ratio * info.size:
        return f"a chunk of {size} bytes has only {info.size} bytes in the file"
    if ratio is None and size > max(DEFAULT_LIMIT, EXPANSION * info.size):
        return f"a chunk of {size} bytes has only {info.size} bytes in the file"
    try:
        found = array.did.get_chunk_info_by_coord(info.chunk_offset)
    except RAISED as error:
        return str(error)
    # Some versions of HDF5 include the user block in only one of these offsets.
    if abs((found.byte_offset or 0) - info.byte_offset) not in {0, array.userblock}:
        return "the chunk index contradicts itself"
    return None


def copy_parts(did: DatasetID, new: DatasetID, damage: Damage, guard: Guard, steps: Steps) -> None:
    """Copy the intact parts of a dataset to an empty one.

    Chunks are copied in their encoded form.
    """
    array = StoredArray(did, guard, steps)
    for box in damage.whole:
        steps.go_on()
        if array.is_chunked and not array.by_item:
            offset = tuple(part.start for part in box)
            mask, data = did.read_direct_chunk(offset)
            new.write_direct_chunk(offset, data, mask)
        else:
            new.write(*array.spaces(box), array.read(box), array.memory)

"""What a group does with arrays: make them, let them grow, store them part by part."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import attrs
import numpy as np

from . import edits, keys, streaming
from .array import Array, rows_of
from .backends.base import ArrayForm, Change, Put, Session, Stored
from .backends.layout import Compression, Layout, growing
from .backends.meter import Meter
from .codecs.elements import Elements, elements_of, form_of, has_elements, is_numeric
from .columns import column
from .connection.append_buffers import RowBuffer
from .errors import InvalidOptionError, UnsupportedStoredError, UnsupportedTypeError
from .filters import Verdict
from .keys import Key, Path, join
from .layouts import AS_THE_STORE_SAYS, layout_for
from .lengths import count_of, lengths_of, limits_of
from .masked import MaskedArray
from .progress import ProgressOption, is_wanted, teller
from .reader import GroupReader
from .sparse import SparseArray
from .streaming import Source
from .tree import Branch, Leaf, nbytes_of

__all__ = ["GroupArrays"]

_HANDLES = {"masked": MaskedArray, "sparse": SparseArray}


class GroupArrays(GroupReader):
    """The methods of `hdfchk.Group` that are about arrays."""

    def array(self, key: Key) -> Array:
        """A handle on the array at a key, which reads nothing yet.

        Masked arrays and SciPy's sparse arrays have handles, too, whose slices are such arrays.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            UnsupportedStoredError: what stands there is not an array.
        """
        path = self._path + keys.parse_for_read(key)
        edits.check_visible(self._filters, path)
        with self._context.handle.reading() as session:
            stat = session.stat(path)
            if stat is None:
                raise self._suggesting(keys.missing(path), session, path)
            name = stat.mark.name if stat.is_group and stat.mark is not None else ""
            array = _HANDLES.get(name, Array)(self._context, path, self._filters)
            if stat.is_group:
                _ = array.shape  # says now what is none
            elif not has_elements(stat.mark):
                raise UnsupportedStoredError(
                    "the value is not an array", file=self._address, key=join(path)
                )
        return array

    def create(
        self,
        key: Key,
        shape: int | tuple[int, ...],
        dtype: Any = float,
        *,
        chunks: tuple[int, ...] | None = None,
        maxshape: tuple[int | None, ...] | None = None,
        fill_value: Any = None,
        compression: Any = AS_THE_STORE_SAYS,
        checksum: bool | None = None,
    ) -> Array:
        """Make an array whose elements are written later, slice by slice; one commit.

        Args:
            key: where; what stands there is replaced.
            shape: the lengths of the axes.
            dtype: of the values: what NumPy takes, ``str`` for strings of any length.
            chunks: the shape of a chunk. By default the array lies in one piece, so that it can
                be mapped; or, if it can grow, is compressed, has checksums or more than 16 MiB, in
                chunks of rows, which take space when they are written.
            maxshape: the lengths to which it can grow, None for no limit.
            fill_value: what elements hold that nobody has written; by default zeros.
            compression: as of the store; None for none.
            checksum: as of the store.

        Returns:
            A handle on it.

        Raises:
            UnsupportedTypeError: arrays of this dtype are stored as a whole (objects, say).
            InvalidOptionError: a shape, chunk or compression that cannot be (a `ValueError`).

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> frames = chk.create("frames", (0, 3), "f4", maxshape=(None, 3))
            >>> frames.append([1, 2, 3])
            >>> chk["frames"].tolist()
            [[1.0, 2.0, 3.0]]
        """
        path = self._path + keys.parse(key)
        lengths = lengths_of(shape, "shape")
        stored, mark = form_of(dtype, is_scalar=not lengths)
        maxshape = None if maxshape is None else limits_of(maxshape)
        if maxshape is not None and not _holds(maxshape, lengths):
            raise InvalidOptionError(
                f"an array of shape {lengths} does not fit a maxshape of {maxshape}",
                key=join(path),
                hint="give one length, or None, for each axis",
            )
        fill = None if fill_value is None else elements_of(mark, stored).encode(fill_value)
        if fill is not None and not is_numeric(stored):
            raise UnsupportedTypeError(
                f"an array of {stored} has no fill value",
                key=join(path),
                hint="write it: x[...] = v",
            )
        self._check_array(path)
        with self._context.handle.writing() as session:
            layout = layout_for(session, path, compression, checksum, chunks, maxshape)
            layout = attrs.evolve(layout, fill_value=fill)
            draft = session.draft(ArrayForm(lengths, stored, mark), layout)
            self._context.handle.touch([path])
            session.apply(self._changes(session, [(path, draft)]))
        return Array(self._context, path, self._filters)

    def append(self, key: Key, rows: Any) -> None:
        """Append a row, or a block of rows, to the array at a key; one commit.

        The first one makes the array: what is given then is one row of it, a number for a log. An
        array that is there is made growable. Rows of a file that has a log are committed when it
        returns: a kill leaves them there. Of other stores small rows wait in memory inside a
        ``with`` block: for ``sync_interval`` seconds, until anything else is done with the store,
        until `commit` and the end of the block. Readers see whole rows only.

        Args:
            key: where the array is, or will be.
            rows: an array whose shape is that of a row, or has one more axis in front.

        Raises:
            InvalidOptionError: the shape does not fit (a `ValueError`).
            UnsupportedTypeError: an element does not fit the stored dtype.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> with chk:
            ...     for step in range(3):
            ...         chk.append("loss", 1 / (step + 1))
            >>> chk["loss"].round(2).tolist()
            [1.0, 0.5, 0.33]
        """
        path = self._path + keys.parse(key)
        handle = self._context.handle
        if not self._filters.stack and handle.append_row(path, rows):
            return
        if handle.log_of(path) is not None:
            Array(self._context, path, self._filters).append(rows)
            return
        with handle.looking():
            there = self.array(key) if self._has(key) else None
        if there is not None:
            there.append(rows)
        else:
            with handle.writing_alone():
                if self._has(key):  # another one was faster
                    self.array(key).append(rows)
                else:
                    self._begin_log(path, rows)

    def _begin_log(self, path: Path, row: Any) -> None:
        """Make an array of its first row."""
        if type(row).__module__.partition(".")[0] == "torch":
            tensor: Any = self._context.encode(row, path)
            stored, mark = tensor.data.dtype, tensor.mark
        else:
            dtype = np.asarray(row).dtype
            stored, mark = form_of(str if dtype.kind == "U" else dtype)
        elements: Elements = elements_of(mark, stored)
        data = elements.encode(row)
        self._check_array(path)
        with self._context.handle.writing() as session:
            layout = attrs.evolve(session.layout(path), maxshape=growing(data.shape))
            draft = session.draft(ArrayForm((0, *data.shape), stored, mark), layout)
            draft.append(rows_of(data, (0, *data.shape), path))
            self._context.handle.touch([path])
            session.apply(self._changes(session, [(path, draft)]))
            made = session.array_info(path) if session.stat(path) is not None else None
        if made is not None:
            handle = self._context.handle
            elements = elements_of(made.mark, made.dtype, made.form)
            handle.keep_log(RowBuffer(path, elements, data.shape))

    def put(
        self,
        key: Key,
        value: Any,
        *,
        compression: Any = AS_THE_STORE_SAYS,
        chunks: tuple[int, ...] | None = None,
        checksum: bool | None = None,
        progress: ProgressOption = None,
        replace: bool = False,
    ) -> None:
        """Put a value at a key, as ``chk[key] = value`` does, with a layout of its own; one commit.

        Args:
            key: where.
            value: any value; the layout is that of all arrays in it.
            compression: ``"gzip"``, ``"lzf"``, ``"auto"`` (gzip where a sample says that it is
                worth it), with the extra ``compression`` also ``"zstd"``, ``"blosc2"`` and
                ``"bitshuffle"``; or a pair of a name and a level; None for none.
            chunks: the shape of a chunk; by default whole rows, about 1 MiB.
            checksum: whether arrays get checksums.
            progress: True for a progress bar, or ``progress(done, total)``, in bytes.
            replace: replace what is there even if something in the file points at it, which then
                leads to nothing. Dimension scales are detached from it, and other names of it keep
                what they have.

        Raises:
            Everything that an assignment raises; `InvalidOptionError` for a layout that cannot be.

        Example:
            >>> import io, numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(io.BytesIO())
            >>> chk.put("x", np.zeros((1000, 1000)), compression="gzip", checksum=True)
            >>> chk.array("x").compression, chk["x"].sum()
            ('gzip', np.float64(0.0))
        """
        path = self._path + keys.parse(key)
        Compression.parse(None if compression is AS_THE_STORE_SAYS else compression)
        self._assign(
            [(path, value)],
            lambda session: layout_for(session, path, compression, checksum, chunks),
            progress,
            replace=replace,
        )

    def write_blocks(
        self,
        key: Key,
        blocks: Iterable[Any],
        *,
        rows: int | None = None,
        dtype: Any = None,
        compression: Any = AS_THE_STORE_SAYS,
        chunks: tuple[int, ...] | None = None,
        checksum: bool | None = None,
        progress: ProgressOption = None,
    ) -> None:
        """Put an array at a key whose rows come block by block; one commit.

        It is never in memory as a whole, and it appears when its last block is written. The blocks
        may be made from what is read of the same store, and it may be used meanwhile, also by other
        threads; but what gives up changes that are not committed (an error, a transaction that is
        left by one) gives up the array, too, which is a `TransactionError` then.

        Args:
            key: where; what stands there is replaced at the end.
            blocks: arrays of shape ``(n, *row)``; each may have another n.
            rows: how many rows there are in all, if that is known: the array lies in one piece
                then, and can be mapped.
            dtype: of the values; by default that of the first block.
            compression: as for `put`.
            chunks: as for `put`.
            checksum: as for `put`.
            progress: True for a progress bar, or ``progress(done, total)``, in rows; the total is
                0 where nobody knows it.

        Raises:
            InvalidOptionError: there are no blocks, one does not fit, or not as many rows as were
                announced (a `ValueError`). Nothing is left of them.

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk.write_blocks("squares", (np.arange(n, n + 2) ** 2 for n in (0, 2)))
            >>> chk["squares"].tolist()
            [0, 1, 4, 9]
        """
        path = self._path + keys.parse(key)
        self._check_array(path)
        rows = None if rows is None else count_of(rows, "rows")
        handle = self._context.handle
        with handle.held(), teller(progress, join(path), "rows") as tell:
            with handle.writing(commit=False) as session:
                layout = layout_for(session, path, compression, checksum, chunks)
            draft = streaming.write_blocks(self._context, path, blocks, rows, dtype, layout, tell)
            with handle.writing() as session:
                handle.touch([path])
                session.apply(self._changes(session, [(path, draft)]))

    def column(self, key: Key, name: Any) -> Any:
        """One column of the pandas DataFrame at a key, as a Series; no other one is read.

        Args:
            key: where the frame is.
            name: of the column. Where several columns have it, it is the first.

        Raises:
            CheckpointerKeyError: there is no such key or column, or a filter refuses it.
            UnsupportedStoredError: what stands there is not a DataFrame.
        """
        path = self._path + keys.parse_for_read(key)
        self._check_array(path)
        return column(self._context, self._path, path, self._filters, name)

    # -- inside --------------------------------------------------------------------------------

    @abstractmethod
    def _encode(self, path: Path, value: Any) -> Leaf | Branch:
        """The tree of a value that may stand at `path`; no file is touched."""

    def _assign(
        self,
        pairs: list[tuple[Path, Any]],
        layout: Callable[[Session], Layout] | None = None,
        progress: ProgressOption = None,
        *,
        replace: bool = False,
    ) -> None:
        """Put values at paths, as one commit; everything is encoded before a file is touched."""
        nodes: list[tuple[Path, Leaf | Branch | Source]] = []
        pairs = [pair for pair in pairs if not self._is_itself(*pair)]
        if not pairs:
            return
        for path, value in pairs:
            source = streaming.source_of(value)
            if source is not None:
                self._check_array(path)
            nodes.append((path, self._encode(path, value) if source is None else source))
        if not is_wanted(progress):
            self._write(nodes, layout, replace=replace)
            return
        what = join(pairs[0][0]) if len(pairs) == 1 else self._address
        with teller(progress, what, "B", self._context.handle) as tell:
            sizes = [n.nbytes if isinstance(n, Source) else nbytes_of(n) for _, n in nodes]
            meter = Meter(tell, sum(sizes))
            self._write(nodes, layout, meter, replace=replace)

    def _is_itself(self, path: Path, value: Any) -> bool:
        """Whether a value is a group, or an array, that stands at the path to which it is put."""
        if not isinstance(value, (GroupReader, Array)):
            return False
        context, place, filters = value._context, value._path, value._filters  # noqa: SLF001
        if context.handle is not self._context.handle or place != path or filters.stack:
            return False
        edits.check_visible(self._filters, path)
        with self._context.handle.reading() as session:
            return session.stat(path) is not None

    def _write(
        self,
        nodes: list[tuple[Path, Leaf | Branch | Source]],
        layout: Callable[[Session], Layout] | None = None,
        meter: Meter | None = None,
        *,
        replace: bool = False,
    ) -> None:
        handle = self._context.handle
        drafts = any(isinstance(node, Source) for _, node in nodes)
        with handle.held() if drafts else nullcontext():
            puts = [(path, self._draft(path, node, layout, meter)) for path, node in nodes]
            with handle.writing() as session:
                changes = self._changes(session, puts)
                handle.touch(change.path for change in changes)
                wanted = layout(session) if layout else None
                session.apply(changes, wanted, meter, replace=replace)

    def _draft(
        self,
        path: Path,
        node: Leaf | Branch | Source,
        layout: Callable[[Session], Layout] | None,
        meter: Meter | None,
    ) -> Stored:
        if not isinstance(node, Source):
            return node
        with self._context.handle.writing(commit=False) as session:
            wanted = layout(session) if layout else session.layout(path)
        return streaming.draft_of(self._context, node, wanted, meter)

    def _check_array(self, path: Path) -> None:
        """Refuse a path at which the filters let no array stand."""
        if edits.check_visible(self._filters, path) is not Verdict.FULL:
            raise edits.refused(path, "the key filter lets only a dict stand at this key")

    def _changes(self, session: Session, puts: Iterable[tuple[Path, Stored]]) -> list[Change]:
        if not self._filters.stack:
            return [Put(path, node) for path, node in puts]
        return [
            change
            for path, node in puts
            for change in edits.replacement(session, self._filters, path, node)
        ]


def _holds(maxshape: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    return len(maxshape) == len(shape) and all(
        most is None or most >= length for most, length in zip(maxshape, shape, strict=True)
    )

"""HDF5 on a file that is being created, until the first commit moves it to its place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from h5py import h5a, h5g

from ....runtime.posix import redirect_to_scratch, write_all
from ....tree import nbytes_of
from ...base import Change, Put
from ..data.direct_io import WriteAt
from ..h5.file_object import close_file, create_in_memory, create_on
from ..h5.timeless import clear_time
from ..nodes.references import Knowledge
from .content_stamp import Content
from .new_file import NewFile, ScratchFile
from .replay import write_stamp
from .seal import seal
from .writer_lock import WriterLock

__all__ = ["FirstCommit"]

MEMORY_BYTES = 2**22
"""A tree of at most this many bytes is created in memory: HDF5 calls Python for each object that it
writes to a file object. In HDF5's form, small objects take no more memory than in Python. Larger
arrays would be copied twice, and are written to the file immediately."""


NO_STAMP = 1
"""The stamp of a file whose contents are not known yet."""


class FirstCommit:
    """A new file, beside its place. HDF5 creates it in memory, until `leave_memory`.

    Its stamp is computed from what is written: equal data produce equal bytes.

    Args:
        lock: the lock to write the file.
        durable: sync the file before it appears.

    Attributes:
        h5: the file as an open `h5py.File`.
    """

    def __init__(self, lock: WriterLock, *, durable: bool) -> None:
        self._new = NewFile(lock, durable=durable)
        self._scratch: ScratchFile | None = None
        try:
            self._begin()
        except BaseException:
            self._new.close()
            raise

    def _begin(self) -> None:
        self._content = Content()
        if self._scratch is not None:
            self._scratch.content = self._content
        self.h5: Any = create_in_memory() if self._scratch is None else create_on(self._scratch)
        # It is written first, so that it is where readers search: at the start of the root group.
        write_stamp(self.h5.id, NO_STAMP)

    @property
    def write_past(self) -> WriteAt | None:
        """The function that writes arrays, or None. HDF5 buffers only its own writes."""
        return None if self._scratch is None else self._scratch.write_past

    def leave_memory(self, changes: Sequence[Change] | None = None) -> bool:
        """Make HDF5 write to the file, unless there are only few bytes to write.

        Args:
            changes: what HDF5 is about to write, if known.

        Returns:
            Whether HDF5 was reopened. A file in memory that is not empty stays there.
        """
        if self._scratch is not None or not self._is_empty():
            return False
        if changes is not None:
            puts = (change.node for change in changes if isinstance(change, Put))
            if sum(map(nbytes_of, puts)) <= MEMORY_BYTES:
                return False
        self._give_up()
        self._scratch = ScratchFile(self._new.file)
        self._begin()
        return True

    def _is_empty(self) -> bool:
        root = h5g.open(self.h5.id, b"/")
        return not root.get_num_objs() and h5a.get_num_attrs(root) == 1

    def begin_anew(self) -> None:
        """Discard everything that was written, and begin in memory again."""
        self._give_up()
        if self._scratch is not None:
            # In the same file: there may be no space for another one.
            os.ftruncate(self._new.file.fd, 0)
            self._scratch = None
        self._begin()

    def _give_up(self) -> None:
        if self._scratch is not None:
            self._scratch.error = self._scratch.error or OSError("it is given up")
        self.h5.close()

    def appear(self, known: Knowledge) -> None:
        """Close HDF5, and move the file to its place.

        Args:
            known: what is known of pointers to its objects.

        Raises:
            OSError: the file could not be written; it has not appeared.
        """
        self.h5.flush()
        if self._scratch is None:
            self._content.add(self.h5.id.get_file_image(), 0)
        else:
            self._scratch.flush()
        # All later writes are determined by the earlier ones and the stamp.
        write_stamp(self.h5.id, self._content.stamp())
        if self._scratch is None:
            self.h5.flush()
            image = self.h5.id.get_file_image()
            close_file(self.h5)
            write_all(self._new.file.fd, image, 0, pausing=True)
        else:
            close_file(self.h5)
            clear_time(self._scratch)
            if (error := self._scratch.take_error()) is not None:
                raise error
        seal(self._new.file.fd, known)
        self._new.appear()

    def take_error(self) -> Exception | None:
        """Return the first error of a callback from HDF5."""
        return None if self._scratch is None else self._scratch.take_error()

    def make_durable(self) -> None:
        """Sync its name, after it has appeared."""
        self._new.make_durable()

    def close(self) -> None:
        """Remove the file, unless it has appeared."""
        if self.h5:
            self._give_up()
        self._new.close()

    def abandon(self) -> None:
        """Leave the file to the parent process after a fork: what HDF5 writes is discarded."""
        redirect_to_scratch(self._new.file.fd)

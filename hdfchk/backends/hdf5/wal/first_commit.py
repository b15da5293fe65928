"""HDF5 on a file in the making, until its first commit puts it in its place."""

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
"""A tree of so many bytes or fewer is made in memory: HDF5 calls Python for each object that it
writes into a file object. What it makes of small objects takes no more memory than they do in
Python. Larger arrays would be copied twice, and go into the file at once."""


NO_STAMP = 1
"""The stamp of a file whose contents are not known yet."""


class FirstCommit:
    """A new file, beside its place. HDF5 makes it in memory, until `leave_memory`.

    Its stamp is made of what is written: the same data give the same bytes.

    Args:
        lock: the right to write it.
        durable: bring it to the disk before it appears.

    Attributes:
        h5: HDF5 on it.
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
        # It comes first, so that it is where it is looked for: at the beginning of the root group.
        write_stamp(self.h5.id, NO_STAMP)

    @property
    def write_past(self) -> WriteAt | None:
        """Writes arrays into it, of which HDF5 keeps no bytes that it did not write."""
        return None if self._scratch is None else self._scratch.write_past

    def leave_memory(self, changes: Sequence[Change] | None = None) -> bool:
        """Let HDF5 write into the file, unless that is for few bytes.

        Args:
            changes: what it is about to write, if that is known.

        Returns:
            Whether it was opened anew. What is in memory by now stays there.
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
        """Give up what was written."""
        self._give_up()
        if self._scratch is not None:
            # In the same file: there may be no room for another one.
            os.ftruncate(self._new.file.fd, 0)
            self._scratch = None
        self._begin()

    def _give_up(self) -> None:
        if self._scratch is not None:
            self._scratch.error = self._scratch.error or OSError("it is given up")
        self.h5.close()

    def appear(self, known: Knowledge) -> None:
        """Close HDF5, and put the file in its place.

        Args:
            known: what is known of what points at its objects.

        Raises:
            OSError: it could not be written; nothing is in its place.
        """
        self.h5.flush()
        if self._scratch is None:
            self._content.add(self.h5.id.get_file_image(), 0)
        else:
            self._scratch.flush()
        # What is written from here on follows from what was written, and the stamp.
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
        """What a callback of HDF5's has met."""
        return None if self._scratch is None else self._scratch.take_error()

    def make_durable(self) -> None:
        """Bring its name to the disk, once it has appeared."""
        self._new.make_durable()

    def close(self) -> None:
        """Give it up, if it has not appeared."""
        if self.h5:
            self._give_up()
        self._new.close()

    def abandon(self) -> None:
        """Leave the file to the parent process: what HDF5 writes goes nowhere."""
        redirect_to_scratch(self._new.file.fd)

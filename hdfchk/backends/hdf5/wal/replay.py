"""Bringing into a file what a writer that is gone has left in its journal."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import h5py
from h5py import h5f, h5fd, h5g

from ....errors import HdfchkError, LockedError
from ....keys import Path, join
from ....runtime.interrupts import undisturbed
from ....runtime.posix import RETRY_SECONDS, open_file, sync_folder, wait_shared
from ....tree import Leaf
from ...base import Stored
from ...meter import Progress
from ..h5.types import file_access
from ..nodes.apply import Commit
from ..nodes.writer import Writer
from .logical_records import unpack_put
from .overlay import SnapshotFile
from .wal_file import JournaledFile
from .wal_format import Journal, journal_of, scan
from .writer_file import WriterLock

__all__ = ["bring_in", "carry_out", "open_on", "recover_file"]

METADATA_CACHE = 2**18
"""HDF5 goes through its whole cache of metadata at each commit: a large one costs more than it
saves, as the system keeps the file in memory, too."""


def open_on(file: Any, flags: int) -> Any:
    """HDF5 on a file object."""
    plist = file_access(metadata_cache=METADATA_CACHE)
    plist.set_fileobj_driver(h5fd.fileobj_driver, file)
    with undisturbed():
        return h5py.File(h5f.open(repr(file).encode("ascii", "replace"), flags, plist))


def carry_out(file: SnapshotFile) -> None:
    """Let HDF5 do the small assignments that a file has only in its journal."""
    if not file.puts:
        return
    latest: dict[Path, Leaf] = dict(map(unpack_put, file.puts))
    stream = open_on(file, h5f.ACC_RDWR)
    # Closing and all: HDF5 calls back.
    with undisturbed():
        try:
            root = h5g.open(stream.id, b".")
            for path, leaf in latest.items():  # one by one, as they were made
                step: dict[Path, Stored | None] = {path: leaf}
                try:
                    Commit(root, Writer(root)).run(step)
                except HdfchkError as error:  # it must not keep all the others from their readers
                    error.key = error.key or join(path)
                    warnings.warn(f"an assignment in the journal is lost: {error}", stacklevel=2)
        finally:
            stream.close()
    file.puts = ()


def bring_in(lock: WriterLock, *, durable: bool, progress: Progress | None = None) -> bool:
    """Bring what the journal holds into its file; being killed here, it is done again.

    Args:
        lock: the right to write it.
        durable: bring it to the disk.
        progress: is told how many bytes are written.

    Returns:
        Whether there was anything.

    Raises:
        LockedError: readers hold the file.
    """
    found = scan(lock.descriptor)
    if not found.has_commits:
        return False
    descriptor = open_file(lock.path, os.O_RDWR)
    try:
        wait_shared(descriptor, lock.path, lock.timeout)
        file = JournaledFile(descriptor, Journal(lock.descriptor), durable=durable)
        file.adopt(found)
        carry_out(file)
        file.commit()
        end = time.monotonic() + lock.timeout
        while not file.apply(progress=progress):
            if time.monotonic() > end:
                raise LockedError(
                    "commits in the journal wait for readers of the file to end",
                    file=lock.path,
                    hint="close the readers, or raise lock_timeout",
                )
            time.sleep(RETRY_SECONDS)
    finally:
        os.close(descriptor)
    return True


def recover_file(path: str, timeout: float, progress: Progress | None = None) -> bool:
    """Bring a journal that a killed writer has left into its file, if there is one.

    Returns:
        Whether there was anything to bring in.
    """
    path = os.path.realpath(path)
    if not os.path.exists(journal_of(path)):
        return False
    lock = WriterLock(path, timeout)
    done = found = False
    try:
        if os.path.exists(path):
            found = bring_in(lock, durable=True, progress=progress)
        done = True  # without its file, which never appeared or was removed, it is nobody's
    finally:
        lock.release(remove=done)
    sync_folder(path)
    return found

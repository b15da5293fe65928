"""The state of a file as a whole, while others may write and read it."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import Any

from h5py import h5a, h5g

from ...errors import HdfchkError, JournalMismatchWarning, LockedError
from ...info import FORMAT, Info
from ...runtime.interrupts import Interrupted, defer_interrupts
from .h5.errors import RAISED, explain_open
from .open_files import SnapshotFile
from .wal.fit import STAMP
from .wal.inspection import log_state, superblock_of, users_of

__all__ = ["file_info"]

LOOK_SECONDS = 0.05
"""The maximum time to wait for the lock of a reader, in seconds."""
_OLDEST = {0: "1.0", 1: "1.6", 2: "1.8", 3: "1.10"}
"""For each superblock version, the oldest version of HDF5 that reads it."""


def file_info(path: str, address: str) -> Info:
    """Return the state of a file.

    Only the lock of a reader is taken, briefly. During a checkpoint of the writer, what HDF5 knows
    of the file is omitted.

    Args:
        path: the path of the file: absolute, without symbolic links.
        address: its name in messages.
    """
    with defer_interrupts():
        log, users = log_state(path), users_of(path)
        try:
            size, exists = os.stat(path).st_size, True
        except (FileNotFoundError, NotADirectoryError):
            size, exists = 0, False
        seen: dict[str, Any] = {"size": size, "superblock": superblock_of(path) if size else None}
        if size:
            seen |= _seen_by_hdf5(path, address, is_written=users.is_written)
        elif exists:
            seen["problem"] = "it is empty, not an HDF5 file yet"
    if log is not None:
        seen |= {"log_path": log.path, "log_bytes": log.size, "commits": log.commits}
        seen["log_problem"] = log.problem
    oldest = _OLDEST.get(seen["superblock"])
    if seen.pop("keeps_free_space", False) and oldest == "1.8":
        oldest = "1.10"
    return Info(
        address,
        exists,
        needs=oldest,
        is_written=users.is_written,
        writer=users.writer,
        readers=users.readers,
        waiting=users.waiting,
        **seen,
    )


def _seen_by_hdf5(path: str, address: str, *, is_written: bool) -> dict[str, Any]:
    """Open the last commit, and return what HDF5 knows of the file.

    Args:
        path: the path of the file.
        address: its name in messages.
        is_written: it has a writer, which locks it exclusively during a checkpoint.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JournalMismatchWarning)  # reported separately
            snapshot = SnapshotFile(path, lock_timeout=LOOK_SECONDS)
    except Interrupted:  # a signal handler is waiting to run
        return {}
    except (*RAISED, HdfchkError) as error:
        found = explain_open(error, address, writable=False) if isinstance(error, RAISED) else error
        if is_written and isinstance(found, LockedError):
            return {}
        return {"problem": found.problem if isinstance(found, HdfchkError) else str(found)}
    try:
        fid = snapshot.h5.id
        root = h5g.open(fid, b".")
        _, keeps, _ = fid.get_create_plist().get_file_space_strategy()
        is_ours = h5a.exists(root, STAMP)
        return {
            "free": int(fid.get_freespace()),
            "format": FORMAT if is_ours else None,
            "keeps_free_space": bool(keeps),
        }
    except RAISED as error:
        return {"problem": str(error)}
    finally:
        with contextlib.suppress(*RAISED):
            snapshot.close()
        snapshot.drop_objects()

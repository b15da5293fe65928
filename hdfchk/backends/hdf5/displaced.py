"""What a writer does if its file was moved, removed or replaced, or cannot be checkpointed."""

from __future__ import annotations

import contextlib
import os

from ...errors import (
    CheckpointWarning,
    FileReplacedError,
    NotDurableError,
    PendingJournalWarning,
)
from ...logger import INFO, note
from ...runtime.descriptors import Descriptor
from ...runtime.posix import create_beside, is_at, sync_folder
from .wal.log import log_of
from .wal.wal_file import WalFile

__all__ = [
    "is_told",
    "not_brought_warning",
    "not_removed_warning",
    "pending_warning",
    "save_displaced",
]

_TOLD: dict[tuple[int, int], str] = {}
"""For each device and inode number, the path of a file for which a `pending_warning` was given."""


def save_displaced(file: WalFile, path: str, where: str | None) -> FileReplacedError:
    """Save the commits of a file that was moved, removed or replaced while it was being written.

    Args:
        file: the file, with its log.
        path: its former path.
        where: its present path, if known.

    Returns:
        The error to raise, which says where the commits are.

    Raises:
        NotDurableError: they could not be saved, and are only in the open file.
    """
    saved = None if where is None else _save_moved(file, where)
    if saved is None:
        saved = _save_copy(file, path)
    if not file.log.logical_bytes:
        _drop_log(file, path)
    note(INFO, "%s: it was moved, removed or replaced; %s", path, saved)
    return FileReplacedError(
        "the file was moved, removed or replaced while it was being written",
        file=path,
        hint=saved,
    )


def _drop_log(file: WalFile, path: str) -> None:
    """Remove the log of the file, as its commits were saved elsewhere."""
    with contextlib.suppress(OSError):  # the next writer removes it
        if is_at(file.log.file.fd, log_of(path)):
            os.unlink(log_of(path))


def _keep_log(file: WalFile, path: str) -> str:
    """Keep the log, with logical records that HDF5 could not apply; return where it is."""
    if file.durable:
        with contextlib.suppress(OSError):  # the error about the file is more important
            file.log.sync()
    name = log_of(path)
    where = "in its journal, which was moved or removed, too"
    if is_at(file.log.file.fd, name):
        # If another file has this name, its writers cannot set the log aside by themselves.
        who = "recover(discard=True)" if os.path.lexists(path) else "the next writer"
        where = f"in {name!r}, which {who} sets aside"
    return f". The last ones, small assignments and rows that HDF5 could not apply, are {where}"


def _save_moved(file: WalFile, where: str) -> str | None:
    """Keep the commits in the file that was moved; return None if not all can be there."""
    with contextlib.suppress(OSError):
        if file.durable:
            sync_folder(where)  # the log must have its name on disk before a checkpoint
        if file.checkpoint():
            _drop_log(file, where)  # it was moved, too
            return f"the file was moved to {where!r} with all commits; create a store on it"
    with contextlib.suppress(OSError):
        if is_at(file.log.file.fd, log_of(where)):
            if file.durable:
                file.log.sync()
            return (
                f"the file was moved to {where!r}; all commits are in it and in the journal, which "
                "was moved with it; create a store on it"
            )
    return None


def _save_copy(file: WalFile, path: str) -> str:
    name = f"{path}.rescued"
    try:
        name, made = _make(name, file.file.fd)
        _copy_commit(file, name, made)
    except OSError as error:
        raise NotDurableError(
            "the assignment is committed, but the file was moved, removed or replaced while it "
            f"was being written, and could not be copied to {name!r} ({error.strerror or error})",
            file=path,
            hint="all commits are in the open file: make that folder writable, free some disk "
            "space, and call commit() before the block ends; after that only the journal is "
            "left, and the file if it was moved",
        ) from error
    if file.durable:
        with contextlib.suppress(OSError):  # the copy exists, and a later sync writes its name
            sync_folder(name)
    which = "all commits but the last ones" if file.log.logical_bytes else "all commits"
    last = _keep_log(file, path) if file.log.logical_bytes else ""
    return f"{which} are in {name!r}; create a store on it{last}"


def _make(name: str, source: int) -> tuple[str, Descriptor]:
    """Create a file like another, of that name or, if it exists, with the next free number."""
    free, number = name, 0
    while True:
        try:
            return free, Descriptor(create_beside(free, source))
        except FileExistsError:
            number += 1
            free = f"{name}.{number}"


def _copy_commit(file: WalFile, name: str, made: Descriptor) -> None:
    """Copy the last commit; an incomplete copy is removed."""
    done = False
    try:
        file.copy_to(made.fd)
        done = True
    finally:
        made.close()
        if not done:
            with contextlib.suppress(OSError):
                os.unlink(name)


def is_told(path: str, there: os.stat_result) -> bool:
    """Whether `pending_warning` was already given in this process for this file.

    Args:
        path: the file.
        there: its status. Its inode number may have been that of another file, now deleted.
    """
    told = _TOLD.get((there.st_dev, there.st_ino))
    if told is None or told == path:
        return told is not None
    try:
        return os.path.samestat(os.stat(told), there)
    except OSError:
        return False


def pending_warning(path: str, there: os.stat_result, commits: int) -> PendingJournalWarning:
    """Return the warning that commits stay in the log of a file.

    Args:
        path: the file.
        there: its status.
        commits: the number of commits.
    """
    _TOLD[there.st_dev, there.st_ino] = path
    who = _holders(there)
    count, them = (f"{commits} commits stay", "them") if commits != 1 else ("1 commit stays", "it")
    return PendingJournalWarning(
        f"{path!r} is being read, or mapped{', by ' + who if who else ''}: {count} in its "
        f"journal ({log_of(path)!r}), where only hdfchk sees {them}. The next store that closes "
        f"the file, or recover(), checkpoints {them}; do not write it with another program before "
        "that"
    )


def not_brought_warning(path: str, failed: Exception | None) -> CheckpointWarning:
    """Return the warning that commits stay in the log of a file because a checkpoint failed.

    Args:
        path: the file.
        failed: the error.
    """
    return CheckpointWarning(
        f"all commits are safe in the journal of {path!r}, but the checkpoint to the file failed "
        f"({failed}): the next use tries again"
    )


def not_removed_warning(path: str, why: str) -> CheckpointWarning:
    """Return the warning that the log of a file, which is no longer needed, still exists.

    Args:
        path: the file.
        why: the reason why it could not be removed.
    """
    return CheckpointWarning(
        f"all commits are in {path!r}, but its journal could not be removed ({why}): the next use "
        "tries again"
    )


def _holders(there: os.stat_result) -> str:
    """Return the processes that hold locks on a file, if the system shows them."""
    inode = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    found: set[str] = set()
    with contextlib.suppress(OSError), open("/proc/locks", encoding="ascii") as locks:
        for line in locks:
            fields = line.split()
            if inode in fields and "->" not in fields:  # "->" marks waiting processes
                process = int(fields[fields.index(inode) - 1])
                if process > 0:
                    own = process == os.getpid()
                    found.add("this process" if own else f"process {process}")
    return ", ".join(sorted(found))

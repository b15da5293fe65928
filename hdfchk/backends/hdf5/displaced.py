"""What a writer does when its file is not in its place, or others keep its commits out of it."""

from __future__ import annotations

import contextlib
import os

from ...errors import (
    CheckpointWarning,
    FileReplacedError,
    NotDurableError,
    PendingJournalWarning,
)
from ...runtime.descriptors import Descriptor
from ...runtime.posix import copy_owner_and_mode, is_at, open_regular, sync_folder
from .wal.log import log_of
from .wal.wal_file import WalFile

__all__ = ["not_brought_warning", "not_removed_warning", "pending_warning", "save_displaced"]


def save_displaced(file: WalFile, path: str, where: str | None) -> FileReplacedError:
    """Save the commits of a file that was moved, removed or replaced while it was being written.

    Args:
        file: the file, with its log.
        path: where it was.
        where: where it is now, if that is known.

    Returns:
        The error to raise, which says where the commits are.

    Raises:
        NotDurableError: they could not be saved, and are in the open file alone.
    """
    saved = None if where is None else _save_moved(file, where)
    if saved is None:
        saved = _save_copy(file, path)
    if not file.log.logical_bytes:
        _drop_log(file, path)
    return FileReplacedError(
        "the file was moved, removed or replaced while it was being written",
        file=path,
        hint=saved,
    )


def _drop_log(file: WalFile, path: str) -> None:
    """Remove the log, if it is the one of that file: all of it is elsewhere."""
    with contextlib.suppress(OSError):  # the next writer sees to it
        if is_at(file.log.file.fd, log_of(path)):
            os.unlink(log_of(path))


def _keep_log(file: WalFile, path: str) -> str:
    """Leave the log, where it alone has what HDF5 could not do; says where that is."""
    if file.durable:
        with contextlib.suppress(OSError):  # it is the file that is told of
            file.log.sync()
    name = log_of(path)
    where = "in its journal, which was moved or removed, too"
    if is_at(file.log.file.fd, name):
        # A file that has taken the place keeps its writers from doing it by themselves.
        who = "recover(discard=True)" if os.path.lexists(path) else "the next writer"
        where = f"in {name!r}, which {who} sets aside"
    return f". The last ones, small assignments and rows that HDF5 could not do, are {where}"


def _save_moved(file: WalFile, where: str) -> str | None:
    """Leave the commits in the file that was moved; None if not all of them can be there."""
    with contextlib.suppress(OSError):
        if file.durable:
            sync_folder(where)  # what a checkpoint needs of the log has to have its name there
        if file.checkpoint():
            _drop_log(file, where)  # it was moved, too
            return f"all commits are in {where!r}, to which it was moved; make a store of it"
    with contextlib.suppress(OSError):
        if is_at(file.log.file.fd, log_of(where)):
            if file.durable:
                file.log.sync()
            return (
                f"all commits are in {where!r}, to which it was moved, and in the journal, which "
                "was moved with it; make a store of it"
            )
    return None


def _save_copy(file: WalFile, path: str) -> str:
    name = f"{path}.rescued"
    try:
        name, made = _make(name)
        _fill(file, name, made)
    except OSError as error:
        raise NotDurableError(
            "what was assigned is committed, but the file was moved, removed or replaced while it "
            f"was being written, and could not be copied to {name!r} ({error.strerror or error})",
            file=path,
            hint="all commits are in the open file: make that place writable, with room for it, "
            "and call commit() before the block ends; after that only the journal is left, and the "
            "file if it was moved",
        ) from error
    if file.durable:
        with contextlib.suppress(OSError):  # it is there, and a later sync brings its name along
            sync_folder(name)
    which = "all commits but the last ones" if file.log.logical_bytes else "all commits"
    last = _keep_log(file, path) if file.log.logical_bytes else ""
    return f"{which} are in {name!r}; make a store of it{last}"


def _make(name: str) -> tuple[str, Descriptor]:
    """A new file of that name or, if there is one, of the next that is free."""
    free, number = name, 0
    while True:
        try:
            return free, Descriptor(open_regular(free, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            number += 1
            free = f"{name}.{number}"


def _fill(file: WalFile, name: str, made: Descriptor) -> None:
    """Copy the last commit; what could be copied only in part is removed."""
    done = False
    try:
        copy_owner_and_mode(file.file.fd, made.fd)
        file.copy_to(made.fd)
        done = True
    finally:
        made.close()
        if not done:
            with contextlib.suppress(OSError):
                os.unlink(name)


def pending_warning(path: str, there: os.stat_result, commits: int) -> PendingJournalWarning:
    """The warning that commits stay in the log of a file.

    Args:
        path: the file.
        there: what the system says of it.
        commits: how many commits.
    """
    who = _holders(there)
    count = f"{commits} commits stay" if commits != 1 else "1 commit stays"
    return PendingJournalWarning(
        f"{path!r} is being read, or mapped{', by ' + who if who else ''}: {count} in its "
        f"journal ({log_of(path)!r}), where only hdfchk sees them. The next store that leaves the "
        "file brings them in, or recover(); do not write it with another program before"
    )


def not_brought_warning(path: str, failed: Exception | None) -> CheckpointWarning:
    """The warning that commits stay in the log of a file, as they could not be brought into it.

    Args:
        path: the file.
        failed: why.
    """
    return CheckpointWarning(
        f"all commits are safe in the journal of {path!r}, but could not be brought into the file "
        f"({failed}): the next use tries again"
    )


def not_removed_warning(path: str, why: str) -> CheckpointWarning:
    """The warning that the log of a file is still there, of which nobody needs anything.

    Args:
        path: the file.
        why: it could not be removed.
    """
    return CheckpointWarning(
        f"all commits are in {path!r}, but its journal could not be removed ({why}): the next use "
        "tries again"
    )


def _holders(there: os.stat_result) -> str:
    """The processes that hold locks on a file, where the system tells."""
    inode = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    found: set[str] = set()
    with contextlib.suppress(OSError), open("/proc/locks", encoding="ascii") as locks:
        for line in locks:
            fields = line.split()
            if inode in fields and "->" not in fields:  # that is of one who waits
                process = int(fields[fields.index(inode) - 1])
                if process > 0:
                    own = process == os.getpid()
                    found.add("this process" if own else f"process {process}")
    return ", ".join(sorted(found))

"""Bringing into a file what a writer that is gone has left in its log."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5f, h5g, h5o

from ....errors import (
    CorruptFileError,
    FileReplacedError,
    HdfchkError,
    JournalMismatchError,
    JournalMismatchWarning,
    LockedError,
    UnsupportedStoredError,
)
from ....keys import Path, join
from ....runtime.descriptors import Descriptor
from ....runtime.interrupts import check_pending, defer_interrupts
from ....runtime.posix import (
    RETRY_SECONDS,
    copy_owner_and_mode,
    open_regular,
    sync_folder,
    wait_lock_shared,
)
from ...base import Stored
from ...meter import Progress
from ..data import resize
from ..h5 import checksums, links
from ..h5.file_object import open_on
from ..h5.forms import axes_of
from ..h5.ids import DatasetID, FileID, GroupID
from ..h5.object_info import info_of
from ..h5.stand_in import put_stand_in
from ..h5.types import INT, SCALAR, numpy_dtype, unmarked
from ..nodes.apply import Commit
from ..nodes.references import References
from ..nodes.writer import Writer
from .fit import STAMP, problem_of
from .log import Log, Recovered, log_of, scan
from .logical_records import Pending, Rows
from .overlay import OverlayFile
from .wal_file import WalFile
from .writer_lock import WriterLock, require_absent

__all__ = [
    "append_rows",
    "discard_log",
    "lock_to_write",
    "materialize",
    "recover",
    "recover_file",
    "recover_into",
    "replay_logical",
    "write_stamp",
]

# -- small assignments and rows ------------------------------------------------------------------


def materialize(
    root: GroupID,
    writer: Writer,
    pending: Pending,
    done: Pending,
    *,
    rolls_back: bool,
    stand_in: Callable[[int], bool] | None = None,
) -> None:
    """Let HDF5 do small assignments and append rows, one after the other.

    Args:
        root: the root group.
        writer: makes the objects.
        pending: what is to be done; what is done leaves it.
        done: what was done enters it.
        rolls_back: after an error, all that was not committed is given up.
        stand_in: as for a `Commit`.

    Raises:
        HdfchkError: one of them cannot be done, now or ever; it has left `pending`.
    """
    steps: dict[Path, Stored | None] = {**pending.puts}
    if steps:
        commit = Commit(root, writer, rolls_back=rolls_back, put_stand_in=stand_in)
        try:
            commit.run(steps)
        except HdfchkError:
            pending.puts.pop(commit.path)
            raise
        while pending.puts:
            path = next(iter(pending.puts))
            done.put(path, pending.puts.pop(path))
    while pending.rows:
        path = next(iter(pending.rows))
        try:
            append_rows(root, path, pending.rows[path], writer, rolls_back=rolls_back)
        except HdfchkError as error:
            error.key = error.key or join(path)
            pending.rows.pop(path)
            raise
        done.rows.setdefault(path, []).extend(pending.rows.pop(path))


def append_rows(
    root: GroupID,
    path: Path,
    rows: np.ndarray[Any, Any] | list[Rows],
    writer: Writer,
    *,
    rolls_back: bool,
    references: References | None = None,
) -> None:
    """Append rows to the array at a path, making it growable if it was not.

    Args:
        root: the root group.
        path: where the array is.
        rows: in their stored form, or as the log has them.
        writer: makes the objects.
        rolls_back: after an error, all that was not committed is given up anyway.
        references: what in the file points at its objects; None where nobody asks.

    Raises:
        ReferencedError: something points at it, and it cannot grow.
        UnsupportedStoredError: no array is there, or one without axes.
        CorruptFileError: they are rows of the log, and not of this array.
    """
    name = links.locate(root, path)
    did = None if name is None else h5o.open(root, name)
    if not isinstance(did, h5py.h5d.DatasetID) or not did.shape:
        raise UnsupportedStoredError("there is no array to append rows to", key=join(path))
    if isinstance(rows, list):
        try:
            rows = _joined(did, rows)
        except (ValueError, TypeError) as error:
            raise CorruptFileError(
                f"the journal has rows that do not fit the array ({error})", key=join(path)
            ) from error
    with checksums.forgotten(did):
        if resize.append(did, rows, writer.guard):
            return
    draft = resize.growable_copy(writer.hidden, did, writer.guard)
    resize.append(draft.did, rows, writer.guard)
    commit = Commit(root, writer, rolls_back=rolls_back, references=references)
    commit.run({path: draft})


def _joined(did: DatasetID, rows: list[Rows]) -> np.ndarray[Any, Any]:
    dtype, inner = axes_of(numpy_dtype(did.get_type()))
    if isinstance(rows[0], list):
        texts = [text for block in rows for text in block]
        flat: np.ndarray[Any, Any] = np.empty(len(texts), object)
        flat[:] = texts
    else:
        data = b"".join(block for block in rows if isinstance(block, bytes))
        flat = np.frombuffer(data, unmarked(dtype))
    return flat.reshape((-1, *did.shape[1:], *inner))


def replay_logical(file: OverlayFile) -> None:
    """Let HDF5 do the small assignments and rows that a file has only in its log."""
    if not file.records:
        return
    pending = Pending.of(file.records)
    stream = open_on(file, h5f.ACC_RDWR)
    # Closing and all: HDF5 calls back.
    with defer_interrupts():
        try:
            root = h5g.open(stream.id, b".")
            writer = Writer(root)
            if isinstance(file, WalFile) and not file.is_stamped:
                write_stamp(stream.id)
                file.is_stamped = True
            while pending:
                try:
                    materialize(
                        root,
                        writer,
                        pending,
                        Pending(),
                        rolls_back=False,
                        stand_in=partial(put_stand_in, file, int(stream.userblock_size)),
                    )
                except HdfchkError as error:  # it must not keep all the others from their readers
                    if file.error is not None:  # it is the disk that has failed
                        raise file.error from error
                    warnings.warn(
                        f"an assignment in the journal is lost: {error}",
                        JournalMismatchWarning,
                        stacklevel=2,
                    )
            writer.hidden.clear()
        finally:
            stream.close()
    file.records = ()


def write_stamp(fid: FileID, stamp: int | None = None) -> None:
    """Give a file a stamp, which tells the state it comes to from all that it was in.

    Args:
        fid: the file.
        stamp: the stamp; by default a random one.
    """
    bits = secrets.randbits(62) | 1 if stamp is None else stamp
    root, number = h5g.open(fid, b"/"), np.array(bits, np.int64)
    if not h5a.exists(root, STAMP):
        h5a.create(root, STAMP, INT, SCALAR).write(number)
        return
    there = h5a.open(root, STAMP)
    if there.shape == () and there.get_type().equal(INT):  # else it is not ours
        there.write(number)


# -- whole logs ----------------------------------------------------------------------------------


def lock_to_write(
    path: str, timeout: float, *, absent: bool = False
) -> tuple[WriterLock, Recovered]:
    """Take the right to write a file, and see what its log holds.

    A log whose file is gone is set aside, with a warning.

    Args:
        path: the file.
        timeout: seconds to wait for another writer.
        absent: it is to be made: one that is there is an error, whoever holds it.

    Raises:
        LockedError: another process has the right.
        FileExistsError: the file is there, and should not.
        JournalMismatchError: the log was made for another state of the file.
    """
    if absent:
        require_absent(path)
    for other in _other_names(path):
        recover_file(other, timeout)
    while True:
        lock = WriterLock(path, timeout, absent=absent)
        try:
            found = scan(lock.log.fd)
            if not found.has_commits:
                return lock, Recovered()
            if lock.file is not None:
                _require_fit(lock.file.fd, found, path)
                return lock, found
            aside = _set_aside(lock)
        except BaseException:
            lock.release()
            raise
        lock.release()
        warnings.warn(
            f"{path!r} is not there any more, but its journal is: it was set aside as {aside!r}, "
            "and a new file is begun",
            JournalMismatchWarning,
            stacklevel=2,
        )


def _other_names(path: str) -> list[str]:
    """Other names of a file, in its folder, under which commits wait in a journal.

    Were it written without them, they would not fit it any more.
    """
    found = []
    with contextlib.suppress(OSError):  # it is not there, or its folder cannot be read
        there = os.stat(path)
        if there.st_nlink < 2 or os.path.lexists(log_of(path)):
            return []
        folder, ending = os.path.dirname(path), log_of("")
        for name in os.listdir(folder):
            other = os.path.join(folder, name.removesuffix(ending))
            if name.endswith(ending) and os.path.lexists(other) and _is_same(other, there):
                found.append(other)
    return found


def _is_same(other: str, there: os.stat_result) -> bool:
    """Whether a name is one of a file, and its journal has commits."""
    try:
        if os.path.islink(other) or not os.path.samestat(os.stat(other), there):
            return False
        log = Descriptor(open_regular(log_of(other), os.O_RDONLY))
    except OSError:
        return False
    try:
        return scan(log.fd).has_commits
    finally:
        log.close()


def _require_fit(descriptor: int, found: Recovered, path: str) -> None:
    problem = problem_of(descriptor, found)
    if problem is not None:
        raise JournalMismatchError(
            f"the journal beside it, of {found.commits} commit(s), does not fit it: {problem}",
            file=path,
            hint="recover(discard=True) sets the journal aside and keeps the file as it is; "
            "recover(into=COPY) makes a copy of the file with the journal laid over it",
        )


def _set_aside(lock: WriterLock) -> str:
    """Give the log another name: ``FILE-journal.1``, or the next that is free."""
    name, number = log_of(lock.path), 1
    while os.path.lexists(f"{name}.{number}"):
        number += 1
    os.rename(name, f"{name}.{number}")
    sync_folder(lock.path)
    return f"{name}.{number}"


def discard_log(path: str, timeout: float) -> bool:
    """Set the log of a file aside, whether it fits or not; whether there was one with commits."""
    if not os.path.lexists(log_of(path)):
        return False
    lock = WriterLock(path, timeout)
    try:
        found = scan(lock.log.fd).has_commits
        if found:
            _set_aside(lock)
        return found
    finally:
        lock.leave()


def recover_into(path: str, timeout: float, copy: str) -> bool:
    """Make a copy of a file with its log laid over it, fitting or not; both stay as they are.

    Raises:
        FileExistsError: there is a file of that name.
        CorruptFileError: what comes of it is not an HDF5 file.
    """
    lock = WriterLock(path, timeout)
    try:
        if lock.file is None:
            raise FileNotFoundError(2, "no such file", path)
        wait_lock_shared(lock.file.fd, path, timeout)  # not while another program writes it
        found = scan(lock.log.fd)
        made, done = Descriptor(open_regular(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL)), False
        try:
            laid = OverlayFile(lock.file, Log(lock.log), found)
            replay_logical(laid)
            _check_whole(laid)
            _fill(made.fd, copy, laid, like=lock.file.fd)
            done = True
        finally:
            made.close()
            if not done:
                with contextlib.suppress(OSError):
                    os.unlink(copy)
        return found.has_commits
    finally:
        lock.leave()


def _fill(made: int, copy: str, laid: OverlayFile, *, like: int) -> None:
    try:
        copy_owner_and_mode(like, made)
        laid.copy_to(made)
        sync_folder(copy)
    except OSError as error:
        error.filename = error.filename or copy
        raise


def _check_whole(file: OverlayFile) -> None:
    """Open HDF5 on it, and all objects in it.

    Raises:
        CorruptFileError: one of them cannot be opened.
        OSError: the system does not let it be read.
    """
    try:
        stream = open_on(file, h5f.ACC_RDONLY)
        try:
            for _, oid in links.below(h5g.open(stream.id, b"/")):
                info_of(oid)
        finally:
            stream.close()
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if file.error is not None:
            raise file.error from error
        raise CorruptFileError(
            f"the file with the journal laid over it cannot be read ({error})",
            hint="neither was changed; recover(discard=True) keeps the file as it is",
        ) from error


def recover(
    lock: WriterLock, found: Recovered, *, durable: bool, progress: Progress | None = None
) -> bool:
    """Bring what the log holds into its file; being killed here, it is done again.

    Args:
        lock: the right to write it.
        found: what its log holds.
        durable: bring it to the disk.
        progress: is told how many bytes are written.

    Returns:
        Whether there was anything.

    Raises:
        LockedError: readers hold the file.
    """
    if not found.has_commits or lock.file is None:
        return False
    lock.claim()  # or it would name who was killed
    wait_lock_shared(lock.file.fd, lock.path, lock.timeout)
    if durable:
        sync_folder(lock.path)  # a log that has no name on the disk is no help
    file = WalFile(lock.file, Log(lock.log), durable=durable, found=found)
    replay_logical(file)
    with defer_interrupts():
        file.commit()
    end = time.monotonic() + lock.timeout
    while True:
        if not file.is_in_place(lock.path):
            raise FileReplacedError(
                "it was moved or replaced while its journal was brought in",
                file=lock.path,
                hint="the journal is as it was",
            )
        with defer_interrupts():
            if file.checkpoint(progress=progress):
                return True
        if time.monotonic() > end:
            raise LockedError(
                "commits in the journal wait for readers, or maps, of the file to end",
                file=lock.path,
                hint="close the readers, or raise lock_timeout",
            )
        check_pending()
        time.sleep(RETRY_SECONDS)


def recover_file(
    path: str, timeout: float, progress: Progress | None = None, *, durable: bool = True
) -> bool:
    """Bring a log that a killed writer has left into its file, if there is one.

    Returns:
        Whether there was anything to bring in.
    """
    if not os.path.lexists(log_of(path)):
        return False
    if not os.path.lexists(path):
        _remove_empty(path, timeout)
        return False
    lock, found = lock_to_write(path, timeout)
    done = False
    try:
        brought = recover(lock, found, durable=durable, progress=progress)
        done = True
    finally:
        lock.release(remove=done)
    sync_folder(path)
    return brought


def _remove_empty(path: str, timeout: float) -> None:
    """Remove a log whose file never appeared; one with commits is all that is left of a file."""
    WriterLock(path, timeout).leave()

"""Replaying the log of a writer that is gone, and applying logical records."""

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
from ....logger import INFO, note
from ....runtime.descriptors import Descriptor
from ....runtime.interrupts import check_pending, defer_interrupts
from ....runtime.posix import (
    RETRY_SECONDS,
    create_beside,
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
    """Make HDF5 apply logical records, one after the other.

    Args:
        root: the root group.
        writer: creates the objects.
        pending: the records to apply; each is removed when it is applied.
        done: the applied records are added to it.
        rolls_back: the caller rolls back after an error, so no step needs to be undone.
        stand_in: see `Commit`.

    Raises:
        HdfchkError: a record cannot be applied; it was removed from `pending`.
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
    """Append rows to the array at `path`; make it resizable if necessary.

    Args:
        root: the root group.
        path: the path of the array.
        rows: rows in their stored form, or as in the log.
        writer: creates the objects.
        rolls_back: the caller rolls back after an error, so no step needs to be undone.
        references: what in the file points to its objects; None if that does not matter.

    Raises:
        ReferencedError: something points to the array, and it is not resizable.
        UnsupportedStoredError: there is no array, or its shape is ``()``.
        CorruptFileError: rows from the log do not fit this array.
    """
    name = links.locate(root, path)
    did = None if name is None else h5o.open(root, name)
    if not isinstance(did, h5py.h5d.DatasetID) or not did.shape:
        raise UnsupportedStoredError("there is no array to append rows to", key=join(path))
    if isinstance(rows, list):
        try:
            rows = _concatenated(did, rows)
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


def _concatenated(did: DatasetID, rows: list[Rows]) -> np.ndarray[Any, Any]:
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
    """Make HDF5 apply the logical records of a file."""
    if not file.records:
        return
    pending = Pending.of(file.records)
    stream = open_on(file, h5f.ACC_RDWR)
    # This includes close(), during which HDF5 calls back.
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
                except HdfchkError as error:  # one record must not hide all others from readers
                    if file.error is not None:  # the disk has failed, not the record
                        raise file.error from error
                    warnings.warn(
                        f"an assignment in the journal cannot be applied, and is lost: {error}",
                        JournalMismatchWarning,
                        stacklevel=2,
                    )
            writer.hidden.clear()
        finally:
            stream.close()
    file.records = ()


def write_stamp(fid: FileID, stamp: int | None = None) -> None:
    """Write a stamp to a file, which distinguishes its new state from all earlier ones.

    Args:
        fid: the identifier of the file.
        stamp: the stamp; by default a random one.
    """
    bits = secrets.randbits(62) | 1 if stamp is None else stamp
    root, number = h5g.open(fid, b"/"), np.array(bits, np.int64)
    if not h5a.exists(root, STAMP):
        h5a.create(root, STAMP, INT, SCALAR).write(number)
        return
    there = h5a.open(root, STAMP)
    if there.shape == () and there.get_type().equal(INT):  # otherwise it is not ours
        there.write(number)


# -- whole logs ----------------------------------------------------------------------------------


def lock_to_write(
    path: str, timeout: float, *, absent: bool = False
) -> tuple[WriterLock, Recovered]:
    """Take the lock to write a file, and scan its log.

    If the log has commits and the file does not exist, the log is renamed, with a warning.

    Args:
        path: the file.
        timeout: seconds to wait for another writer.
        absent: the file is to be created: if it exists, raise an error immediately.

    Raises:
        LockedError: another process is writing the file.
        FileExistsError: `absent`, and the file exists.
        JournalMismatchError: the log was written for another state of the file.
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
                _require_match(lock.file.fd, found, path)
                text = "%s: its journal has %d commits of a writer that ended before a checkpoint"
                note(INFO, text, path, found.commits)
                return lock, found
            aside = _set_aside(lock)
        except BaseException:
            lock.release()
            raise
        lock.release()
        warnings.warn(
            f"{path!r} does not exist any more, but its journal does: the journal was set aside as "
            f"{aside!r}, and a new file is created",
            JournalMismatchWarning,
            stacklevel=2,
        )


def _other_names(path: str) -> list[str]:
    """Return other names of a file, in its folder, whose journal has commits.

    If the file were written without them, they would no longer match it.
    """
    found = []
    with contextlib.suppress(OSError):  # it does not exist, or its folder cannot be listed
        there = os.stat(path)
        if there.st_nlink < 2 or os.path.lexists(log_of(path)):
            return []
        folder, ending = os.path.dirname(path), log_of("")
        for name in os.listdir(folder):
            other = os.path.join(folder, name.removesuffix(ending))
            if name.endswith(ending) and os.path.lexists(other) and _has_pending_log(other, there):
                found.append(other)
    return found


def _has_pending_log(other: str, there: os.stat_result) -> bool:
    """Return whether a name is another name of a file, and its journal has commits."""
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


def _require_match(descriptor: int, found: Recovered, path: str) -> None:
    problem = problem_of(descriptor, found)
    if problem is not None:
        raise JournalMismatchError(
            f"its journal of {found.commits} commit(s) does not match the file: {problem}",
            file=path,
            hint="recover(discard=True) sets the journal aside and keeps the file as it is; "
            "recover(into=COPY) creates a copy of the file with the journal applied",
        )


def _set_aside(lock: WriterLock) -> str:
    """Rename the log to ``FILE-journal.1``, or the next free number; return that name."""
    name, number = log_of(lock.path), 1
    while os.path.lexists(f"{name}.{number}"):
        number += 1
    os.rename(name, f"{name}.{number}")
    sync_folder(lock.path)
    return f"{name}.{number}"


def discard_log(path: str, timeout: float) -> bool:
    """Rename the log of a file, matching or not; return whether it had commits."""
    if not os.path.lexists(log_of(path)):
        return False
    lock = WriterLock(path, timeout)
    try:
        found = scan(lock.log.fd).has_commits
        if found:
            note(INFO, "%s: its journal is set aside as %s", path, _set_aside(lock))
        return found
    finally:
        lock.leave()


def recover_into(path: str, timeout: float, copy: str) -> bool:
    """Create a copy of a file with its log applied, matching or not; keep both originals.

    Raises:
        FileExistsError: the copy exists already.
        CorruptFileError: the result is not an HDF5 file.
    """
    lock = WriterLock(path, timeout)
    try:
        if lock.file is None:
            raise FileNotFoundError(2, "no such file", path)
        wait_lock_shared(lock.file.fd, path, timeout)  # not while another program writes the file
        found = scan(lock.log.fd)
        made, done = Descriptor(create_beside(copy, lock.file.fd)), False
        try:
            overlay = OverlayFile(lock.file, Log(lock.log), found)
            replay_logical(overlay)
            _check_whole(overlay)
            _fill(made.fd, copy, overlay)
            done = True
        finally:
            made.close()
            if not done:
                with contextlib.suppress(OSError):
                    os.unlink(copy)
        return found.has_commits
    finally:
        lock.leave()


def _fill(made: int, copy: str, overlay: OverlayFile) -> None:
    try:
        overlay.copy_to(made)
        sync_folder(copy)
    except OSError as error:
        error.filename = error.filename or copy
        raise


def _check_whole(file: OverlayFile) -> None:
    """Open the file in HDF5, and every object in it.

    Raises:
        CorruptFileError: an object cannot be opened.
        OSError: the system cannot read the file.
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
            f"the file with the journal applied cannot be read ({error})",
            hint="file and journal are unchanged; recover(discard=True) keeps the file as it is",
        ) from error


def recover(
    lock: WriterLock, found: Recovered, *, durable: bool, progress: Progress | None = None
) -> bool:
    """Checkpoint the commits of a log; after a kill meanwhile, the next writer repeats this.

    Args:
        lock: the lock to write the file.
        found: the contents of its log.
        durable: sync log and file.
        progress: called with the number of bytes written, and the total.

    Returns:
        Whether there were commits.

    Raises:
        LockedError: readers hold the file.
    """
    if not found.has_commits or lock.file is None:
        return False
    lock.claim()  # otherwise the log would name the killed process
    wait_lock_shared(lock.file.fd, lock.path, lock.timeout)
    if durable:
        sync_folder(lock.path)  # the name of the log must be on disk before its commits count
    file = WalFile(lock.file, Log(lock.log), durable=durable, found=found)
    replay_logical(file)
    with defer_interrupts():
        file.commit()
    end = time.monotonic() + lock.timeout
    while True:
        if not file.is_in_place(lock.path):
            raise FileReplacedError(
                "the file was moved or replaced during the checkpoint of its journal",
                file=lock.path,
                hint="the journal is unchanged",
            )
        with defer_interrupts():
            if file.checkpoint(progress=progress):
                return True
        if time.monotonic() > end:
            raise LockedError(
                "commits in the journal wait for readers or memory maps of the file",
                file=lock.path,
                hint="close the readers and delete the arrays, or raise lock_timeout",
            )
        check_pending()
        time.sleep(RETRY_SECONDS)


def recover_file(
    path: str, timeout: float, progress: Progress | None = None, *, durable: bool = True
) -> bool:
    """Checkpoint the log that a killed writer has left, if there is one.

    Returns:
        Whether there were commits.
    """
    if not os.path.lexists(log_of(path)):
        return False
    if not os.path.lexists(path):
        _remove_empty(path, timeout)
        return False
    lock, found = lock_to_write(path, timeout)
    done = False
    try:
        had_commits = recover(lock, found, durable=durable, progress=progress)
        done = True
    finally:
        lock.release(remove=done)
    sync_folder(path)
    return had_commits


def _remove_empty(path: str, timeout: float) -> None:
    """Remove an empty log without a file; a log with commits is kept."""
    WriterLock(path, timeout).leave()

"""The handle: when the storage behind a store is opened, for what, and when it is closed."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backends.base import Backend, Session
from ..backends.memory import MemoryBackend
from ..errors import HdfchkError, InvalidKeyError, ReadOnlyError, TransactionError
from ..keys import Path
from ..progress import Telling
from ..runtime.interrupts import close_undisturbed, undisturbed
from ..runtime.process_hooks import watch
from ..runtime.scheduler import Alarm, weakly
from ..tree import Leaf
from .append_buffers import RowBuffer, WaitingRows

__all__ = ["MODES", "Handle"]

EXIT_SECONDS = 5.0
"""So long the end of the process waits for a thread that uses a store."""
MODES = frozenset({"a", "r", "r+", "w", "x"})


class Handle:
    """Opens storage at the first use and closes it when nobody needs it any more.

    Outside any `held` block, each `reading` or `writing` block opens and closes. Inside, the
    storage is opened once: for reading until the first write, and for writing from then on.

    Args:
        backend: what to open.
        mode: as in h5py: ``a`` read and write, create if missing; ``r`` read; ``r+`` read and
            write an existing file; ``w`` start anew; ``x`` start, and fail if it exists.

    Guarantees:
        One lock is held during each block, so threads take turns. After ``fork``, the child
        opens the storage anew.
    """

    def __init__(self, backend: Backend, mode: str) -> None:
        if mode not in MODES:
            raise InvalidKeyError(
                f"mode {mode!r} is none of {', '.join(sorted(MODES))}", hint="see h5py.File"
            )
        self.backend = backend
        self.mode = mode
        self.changes = 0
        """Counts commits, so that an iterator can tell whether anything happened at all."""
        self._depth = self._transactions = 0
        self._failed = self._writes_rows = False
        self._session: Session | None = None
        self.lock = threading.RLock()
        self.telling = Telling()
        self._rows = WaitingRows()
        self._alarm = Alarm(weakly(self._write_rows_late))
        watch(self)

    @property
    def is_held(self) -> bool:
        """Whether some block keeps the storage open between calls."""
        return self._depth > 0

    @property
    def session(self) -> Session | None:
        """The session that is open, or None."""
        return self._session

    def hold(self) -> None:
        """Keep the storage open, from its next use until `release`. Calls nest."""
        with self.lock:
            self.telling.check(self.backend.address)
            self._depth += 1

    def release(self, *, failed: bool = False) -> None:
        """End a `hold`; the last one closes the storage.

        Args:
            failed: an exception ends it: a file that was to begin anew is left as it was.
        """
        with self.lock:
            if self._depth == 0:
                return
            self.telling.check(self.backend.address)
            try:
                if self._depth == 1:
                    self.write_rows()
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._end(failed=failed)

    def _end(self, *, failed: bool) -> None:
        self._rows.forget_logs()
        self._alarm.cancel()
        # An empty file was asked for, and nothing was written.
        if self.mode in {"w", "x"} and not failed:
            with self.writing():
                pass
        self._close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block in which the storage is opened once, if it is used."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose changes are one commit; an exception gives them all up. Blocks nest."""
        with self.lock, self.held():
            self.write_rows()
            self._transactions += 1
            try:
                yield
                self.write_rows()
                if self._failed:
                    raise TransactionError(
                        "an error in this transaction was swallowed, and its changes are lost",
                        file=self.backend.address,
                        hint="let errors leave the transaction, or do the work outside of it",
                    )
            except BaseException:
                self._failed = self._transactions > 1  # the outer one has lost its changes, too
                self._forget_rows()
                if self._session is not None and self._session.writable:
                    self._give_up(self._session)
                raise
            finally:
                self._transactions -= 1
                if self._transactions == 0:
                    self._failed = False
            if self._transactions == 0 and self._session is not None and self._session.writable:
                with undisturbed():
                    self._session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to read from; over nothing, where the file does not exist yet."""
        with self.lock:
            self.telling.check(self.backend.address)
            if self._rows:
                self.write_rows()
            with self._lent(self._session or self._open_to_read()) as session:
                if session.calls_back:
                    with undisturbed():
                        session.settle()
                        yield session
                else:
                    yield session

    @contextmanager
    def writing(self, *, commit: bool = True) -> Iterator[Session]:
        """A session to write to; the storage is created if the mode allows it.

        Args:
            commit: what is written is a commit, unless it is a part of a transaction; if not, it
                is a part of the next one.
        """
        with self.lock:
            self.telling.check(self.backend.address)
            if self._rows:
                self.write_rows()
            session = self._session
            if session is None or not session.writable:
                self._close()
                session = self._open_to_write()
                if self._depth:
                    self._session = session
            self.changes += 1
            with undisturbed(), self._lent(session):
                try:
                    session.settle()
                    yield session
                    if commit and not self._transactions:
                        session.commit()
                except BaseException:
                    # A transaction that lost one of its commits can only be given up whole.
                    self._failed = self._transactions > 0
                    self._give_up(session)
                    raise

    # -- rows that wait to be appended ----------------------------------------------------------

    def log(self, path: Path) -> RowBuffer | None:
        """What takes rows for the array at a path, if nothing has changed since it was made."""
        return self._rows.log(path, self.changes)

    def append(self, stored: Path, rows: Any) -> None:
        """Append rows, in their stored form, to the array at a path, as a commit."""
        self.write_rows()
        before = self.changes
        with self.writing() as session:
            session.append(stored, rows)
        self._rows.passed_by(None, before, self.changes)

    def keep_log(self, buffer: RowBuffer) -> None:
        """Let a buffer take the rows of its array, while the storage is open for writing."""
        if self._depth and self._session is not None and self._session.writable:
            buffer.changes = self.changes
            self._rows.keep(buffer)

    def wait(self, buffer: RowBuffer) -> None:
        """Say that rows wait in a buffer: they are committed soon, and before anything else."""
        interval = getattr(self.backend, "sync_interval", 1.0)
        self._rows.wait(buffer)
        if buffer.is_full or interval <= 0:
            self.write_rows()
        elif not self._alarm.is_set:
            self._alarm.set(interval, keep=self)

    def write_rows(self) -> None:
        """Append all rows that wait, as one commit; after an error they wait still."""
        if not self._rows or self._writes_rows:
            return
        self._writes_rows = True
        try:
            before = self.changes
            with undisturbed():  # a Ctrl-C in between would have them written twice
                with self.writing() as session:
                    self._rows.write(session)
                self._rows.clear()
                self._rows.passed_by(None, before, self.changes)
        finally:
            self._writes_rows = False

    def _forget_rows(self) -> None:
        self._rows.clear()
        self._rows.forget_logs()

    def _write_rows_late(self) -> bool:
        """Commit what has waited long enough, in the thread of the alarm."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if not self._transactions:  # it commits them at its end
                self.write_rows()
        except Exception as error:  # the next call raises it: here is nobody to tell
            self._rows.keep_error(error)
        finally:
            self.lock.release()
        return True

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Commit a small assignment by the session's faster way; whether there is one now."""
        with self.lock:
            self.telling.check(self.backend.address)
            session = self._session
            if session is None or not session.writable or self._transactions or self._rows:
                return False
            if not session.put(path, leaf):
                return False
            self.changes += 1
            self._rows.passed_by(path, self.changes - 1, self.changes)
            return True

    def _give_up(self, session: Session) -> None:
        """Roll back, on the way of an error; where that fails, too, the next use opens anew."""
        with undisturbed():
            try:
                session.rollback()
            except Exception:
                self._session = None
                session.close()

    @contextmanager
    def _lent(self, session: Session) -> Iterator[Session]:
        """Lend a session: errors get the file's name, and what no block keeps open is closed."""
        try:
            yield session
        except HdfchkError as error:
            error.file = error.file or self.backend.address
            raise
        finally:
            if session is not self._session:
                close_undisturbed(session)

    @contextmanager
    def closed(self) -> Iterator[Backend]:
        """A block in which the storage is closed, for work on it as a whole.

        Raises:
            ReadOnlyError: the mode allows no writing.
            TransactionError: in a transaction.
        """
        with self.lock:
            self.telling.check(self.backend.address)
            if self._transactions:
                raise TransactionError(
                    "not inside a transaction", file=self.backend.address, hint="do it afterwards"
                )
            if self.mode == "r":
                raise self._reads_only()
            self.write_rows()
            self._close()
            self.changes += 1
            yield self.backend

    def sync(self) -> None:
        """Bring all commits of the open session, if there is one, to where they are safe.

        Inside a transaction it does nothing: what is written there is no commit yet.
        """
        with self.lock:
            self.telling.check(self.backend.address)
            if self._transactions:
                return
            self.write_rows()
            if self._session is not None and self._session.writable:
                with undisturbed():
                    self._session.commit()
                    self._session.flush()

    def warn_if_held(self, name: str) -> None:
        """For finalisers: say that a block was never left. Nothing is written or closed here."""
        if self._depth and self._session is not None:
            warnings.warn(f"{name} was never closed: use `with`", ResourceWarning, stacklevel=3)

    def close(self) -> None:
        """Close the storage, whatever keeps it open."""
        with self.lock:
            self.telling.check(self.backend.address)
            try:
                self.write_rows()
            finally:
                self._depth = 0
                self._rows.forget_logs()
                self._alarm.cancel()
                self._close()

    def at_exit(self) -> None:
        """Close the storage when the process ends, unless some thread of it is still at work."""
        if self.lock.acquire(timeout=EXIT_SECONDS):  # else the journal has what was committed
            try:
                self.close()
            finally:
                self.lock.release()

    def after_fork(self) -> None:
        """In a child process: leave the parent's open file alone, and start from its address."""
        self.lock = threading.RLock()  # some thread of the parent may have held the old one
        self._forget_rows()  # they are the parent's to write
        session, self._session = self._session, None
        if session is not None:
            session.abandon()

    def _open_to_read(self) -> Session:
        missing = self.mode in {"w", "x"} or not self.backend.exists()
        if missing and self.mode == "x" and self.backend.exists():
            raise self._exists()
        if missing and self.mode in {"a", "w", "x"}:
            # Nothing is created for a look: a file that does not exist is an empty mapping.
            return MemoryBackend().open(writable=False)
        session = self.backend.open(writable=False)
        if self._depth:
            self._session = session
        return session

    def _open_to_write(self) -> Session:
        if self.mode == "r":
            raise self._reads_only()
        if self.mode == "x" and self.backend.exists():
            raise self._exists()
        if self.mode == "r+" and not self.backend.exists():
            return self.backend.open(writable=False)  # its error says what is missing
        session = self.backend.open(writable=True, truncate=self.mode == "w")
        if self.mode in {"w", "x"}:
            self.mode = "a"  # started: from now on it goes on
        return session

    def _reads_only(self) -> ReadOnlyError:
        address, hint = self.backend.address, "open it with mode='a'"
        return ReadOnlyError("the store was opened with mode='r'", file=address, hint=hint)

    def _exists(self) -> FileExistsError:
        return FileExistsError(17, "mode='x', and the file exists", self.backend.address)

    def _close(self) -> None:
        if self._transactions and self._session is not None and self._session.writable:
            self._failed = True  # half a transaction is none
            self._forget_rows()
            self._give_up(self._session)
        session, self._session = self._session, None
        if session is not None:
            close_undisturbed(session)

    def __getstate__(self) -> dict[str, Any]:
        """The address and the mode: an open session stays where it is."""
        return {"backend": self.backend, "mode": self.mode}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A handle on the same address, not opened yet."""
        Handle.__init__(self, **state)

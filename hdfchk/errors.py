"""The errors of hdfchk: one base class; each is also the built-in error that a caller expects.

Every message says what is wrong, in which file and at which key path, and what to do. The parts
are also attributes (``file``, ``key``, ``hint``), and they survive pickling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "CheckpointWarning",
    "CheckpointerKeyError",
    "ClosedError",
    "CorruptFileError",
    "CycleError",
    "FileReplacedError",
    "HardLinksLeftWarning",
    "HdfchkError",
    "HdfchkWarning",
    "InvalidKeyError",
    "InvalidKeyTypeError",
    "InvalidOptionError",
    "JournalMismatchError",
    "JournalMismatchWarning",
    "LateSyncError",
    "LeftOutWarning",
    "LinksElsewhereWarning",
    "LockedError",
    "MissingExtraError",
    "NestingError",
    "NoLocksWarning",
    "NotAFileError",
    "NotAGroupError",
    "NotDurableError",
    "PendingJournalWarning",
    "ReadOnlyError",
    "ReferencedError",
    "RegistrationError",
    "ResultNotStoredWarning",
    "SnapshotChangedWarning",
    "SystemRefusalError",
    "TransactionError",
    "UnclosedWarning",
    "UnknownTypeError",
    "UnsafeFileError",
    "UnsupportedStoredError",
    "UnsupportedTypeError",
]


class HdfchkError(Exception):
    """Base of all errors that hdfchk raises itself.

    Args:
        problem: what is wrong, as one clause.
        file: the file (or other address), if known.
        key: the key path in the file, ``"a/b"``, if known.
        hint: what to do about it.

    Example:
        >>> str(HdfchkError("no such key", file="run.hdf5", key="a/b", hint="see keys()"))
        "no such key (key 'a/b' in run.hdf5); see keys()"
    """

    def __init__(
        self,
        problem: str = "",
        *,
        file: str | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.file: str | None = file
        self.key: str | None = key
        self.hint: str | None = hint

    # KeyError prints the repr of its argument, and OSError treats two arguments as an errno and a
    # message. Therefore all of them format their text here.
    def __str__(self) -> str:
        """Return problem, place and remedy in one line."""
        place = ""
        if self.key is not None and self.file is not None:
            place = f" (key {self.key!r} in {self.file})"
        elif self.key is not None:
            place = f" (key {self.key!r})"
        elif self.file is not None:
            place = f" (in {self.file})"
        remedy = f"; {self.hint}" if self.hint else ""
        return f"{self.problem}{place}{remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with all parts."""
        state = {"file": self.file, "key": self.key, "hint": self.hint}
        return (_rebuild, (type(self), self.problem, state))

    def under(self, name: str) -> HdfchkError:
        """Prepend `name` to the key path: called at each level while an error propagates."""
        self.key = name if self.key is None else f"{name}/{self.key}"
        return self


def _rebuild(cls: type[HdfchkError], problem: str, state: dict[str, Any]) -> HdfchkError:
    return cls(problem, **state)


class CheckpointerKeyError(HdfchkError, KeyError):
    """The key does not exist, or a filter hides it."""


class InvalidKeyError(HdfchkError, ValueError):
    """A key that cannot be stored: empty, ``"."``, ``".."``, with a NUL, an empty tuple."""


class InvalidKeyTypeError(HdfchkError, TypeError):
    """The key is neither a `str` nor a tuple of `str`."""


class InvalidOptionError(HdfchkError, ValueError):
    """An argument other than a key is invalid: a mode, a chunk shape, a number of rows."""


class NotAGroupError(CheckpointerKeyError, TypeError):
    """A key path goes through a value that is not a dict."""


class UnsupportedTypeError(HdfchkError, TypeError):
    """A value cannot be stored exactly. Nothing was written."""


class CycleError(UnsupportedTypeError, ValueError):
    """A container contains itself. Nothing was written."""


class NestingError(UnsupportedTypeError, ValueError):
    """A value is nested more than `hdfchk.tree.MAX_DEPTH` levels deep. Nothing was written."""


class ReferencedError(HdfchkError, ValueError):
    """Something in the file points to an object that would be replaced or deleted.

    References, dimension scales and additional names point to the object itself, not to its key:
    they would be left dangling, or would still point to the old value. Nothing was written.
    """


class UnknownTypeError(HdfchkError, LookupError):
    """A stored encoding or class is not registered in this process."""


class RegistrationError(HdfchkError, ValueError):
    """Two codecs or classes have the same name, or a class cannot be registered."""


class UnsupportedStoredError(HdfchkError, TypeError):
    """An HDF5 object that hdfchk cannot convert to a value (for example, a reference)."""


class CorruptFileError(HdfchkError, OSError):
    """The file is not an HDF5 file, is truncated, or contains data that contradict its marks."""


class SystemRefusalError(HdfchkError, OSError):
    """The system refused a read, or it failed; `errno` says why. The file may be intact."""


class UnsafeFileError(HdfchkError, OSError):
    """The file refers to another file (external link or storage), which is not followed."""


class NotAFileError(HdfchkError, OSError):
    """A device, pipe, socket or link in place of a regular file, or a file of another program."""


class ReadOnlyError(HdfchkError, PermissionError):
    """A write to something that is, or can only be, opened read-only."""


class LockedError(HdfchkError, BlockingIOError):
    """Another process, or another store of this process, holds the file open."""


class NotDurableError(HdfchkError, OSError):
    """A commit stands, but could not be synced to disk as the call promised.

    The change is visible to every reader, and survives the end of the process: do not repeat it.
    Only a power failure can still undo it, until a later commit is on disk. If the file was removed
    and could not be copied, the change is only in the open file; the message says so.
    """


class LateSyncError(HdfchkError, OSError):
    """Earlier commits, which stand, could not be synced to disk in time.

    The call that raises it has done nothing: repeat it. It is raised once. If a block ends
    without this error, all its commits are on disk.
    """


class JournalMismatchError(HdfchkError, OSError):
    """The journal was written for another state of the file; neither was changed."""


class FileReplacedError(HdfchkError, OSError):
    """The file was moved, removed or replaced while a writer had it open."""


class TransactionError(HdfchkError, RuntimeError):
    """An operation conflicts with a transaction, or with another call of the same store.

    A transaction cannot be committed, because a change in it failed, or is not possible here; or
    the store is used inside one of its own calls.
    """


class ClosedError(HdfchkError, ValueError):
    """A file or stream was used after its owner had closed it."""


class HdfchkWarning(UserWarning):
    """Base of all warnings from hdfchk."""


class PendingJournalWarning(HdfchkWarning):
    """Commits stay in the journal because the file has readers: other programs do not see them."""


class JournalMismatchWarning(HdfchkWarning):
    """A journal that does not match its file was ignored by a reader, or set aside.

    Or HDF5 rejected an assignment that was only in the journal: it is lost.
    """


class SnapshotChangedWarning(HdfchkWarning):
    """A block that has read continues at a newer commit, of another process, when it writes."""


class LeftOutWarning(HdfchkWarning):
    """Values that cannot be stored were left out; existing values at their keys are kept.

    Stores with ``on_unsupported="warn"`` issue it.

    Args:
        file: the file (or other address).
        reasons: for each key path, what cannot be stored there, and why.
    """

    def __init__(self, file: str, reasons: Mapping[str, str]) -> None:
        super().__init__(file, reasons)
        self.file: str | None = file
        self.reasons = reasons

    def __str__(self) -> str:
        """Return the file, and the key paths with their reasons, at most twenty of them."""
        told = [f"{key!r}: {why}" for key, why in self.reasons.items()]
        if len(told) > 20:
            told[20:] = [f"and {len(told) - 20} more"]
        return f"left out of {self.file}, as it cannot be stored: {'; '.join(told)}"


class ResultNotStoredWarning(HdfchkWarning):
    """A computed result could not be stored: it was returned, and the next call computes it again.

    Or what is stored cannot be read: the result is computed, and what is stored is not replaced.
    The message names file, key and cause. ``strict=True`` raises the cause instead.
    """


class NoLocksWarning(HdfchkWarning, RuntimeWarning):
    """The file system does not support locks: a single writer is not enforced."""


class HardLinksLeftWarning(HdfchkWarning):
    """A new file replaced one with other hard links, which still name the old file."""


class LinksElsewhereWarning(HdfchkWarning):
    """Links to other files were copied to another folder, where their names may not be found."""


class UnclosedWarning(HdfchkWarning, ResourceWarning):
    """A store was garbage-collected inside its ``with``; Python hides this warning by default."""


class CheckpointWarning(HdfchkWarning):
    """A checkpoint failed: the commits are safe in the journal, but not yet in the file."""


class MissingExtraError(HdfchkError, ImportError):
    """A required optional library is not installed; the message names the extra."""

    @classmethod
    def naming(
        cls, library: str, extra: str | None, what: str, instead: str | None = None
    ) -> MissingExtraError:
        """Return the error for `library` of extra `extra`, if it has one, needed for `what`."""
        package = f"'hdfchk[{extra}]'" if extra else library
        remedy = f", or read {instead}" if instead else ""
        return cls(
            f"{what} needs {library}, which is not installed",
            hint=f"install it with: pip install {package}{remedy}",
        )

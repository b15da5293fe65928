"""The errors of hdfchk: one base, and each also the built-in that a caller expects.

Every message says what is wrong, in which file and at which key path, and what to do. The parts
are attributes too (``file``, ``key``, ``hint``), and they survive pickling.
"""

from __future__ import annotations

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
        problem: what is wrong, one clause.
        file: the file (or other address) it concerns, if known.
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
        self.file = file
        self.key = key
        self.hint = hint

    # KeyError prints the repr of its argument and OSError takes two arguments for an errno, so
    # the text is made here for all of them.
    def __str__(self) -> str:
        """Problem, place and remedy in one line."""
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
        """Put `name` in front of the key path: called once a level while an error travels up."""
        self.key = name if self.key is None else f"{name}/{self.key}"
        return self


def _rebuild(cls: type[HdfchkError], problem: str, state: dict[str, Any]) -> HdfchkError:
    return cls(problem, **state)


class CheckpointerKeyError(HdfchkError, KeyError):
    """A key that is not there, or that a filter refuses."""


class InvalidKeyError(HdfchkError, ValueError):
    """A key that no file can hold: empty, ``"."``, ``".."``, with a NUL, an empty tuple."""


class InvalidKeyTypeError(HdfchkError, TypeError):
    """A key that is neither a `str` nor a tuple of `str`."""


class InvalidOptionError(HdfchkError, ValueError):
    """An argument other than a key that has no meaning here: a mode, a chunk, a number of rows."""


class NotAGroupError(CheckpointerKeyError, TypeError):
    """A key path that goes through a value that is not a dict."""


class UnsupportedTypeError(HdfchkError, TypeError):
    """A value that cannot be kept exactly. Nothing was written."""


class CycleError(UnsupportedTypeError, ValueError):
    """A container that holds itself. Nothing was written."""


class NestingError(UnsupportedTypeError, ValueError):
    """A value nested more deeply than `hdfchk.tree.MAX_DEPTH` levels. Nothing was written."""


class ReferencedError(HdfchkError, ValueError):
    """What was to be replaced or deleted cannot be kept, and something in the file points at it.

    References, dimension scales and further names of an object lead to the object itself, and not
    to its key: they would lead to nothing, or to what the key had before. Nothing was written.
    """


class UnknownTypeError(HdfchkError, LookupError):
    """A stored encoding or record whose name is not registered here."""


class RegistrationError(HdfchkError, ValueError):
    """Two codecs or classes for one name, or a class that cannot be registered."""


class UnsupportedStoredError(HdfchkError, TypeError):
    """An HDF5 object that this library cannot turn into a value (a reference, say)."""


class CorruptFileError(HdfchkError, OSError):
    """A file that is not an HDF5 file, is cut short, or holds data that contradict its marks."""


class SystemRefusalError(HdfchkError, OSError):
    """A read that the system refused, or failed at; `errno` says why. The file may be whole."""


class UnsafeFileError(HdfchkError, OSError):
    """A file that points outside itself (external link or storage), which is not followed."""


class NotAFileError(HdfchkError, OSError):
    """A device, pipe, socket or link where only a regular file can be, or a file not ours."""


class ReadOnlyError(HdfchkError, PermissionError):
    """A write to something that was opened, or can only be opened, for reading."""


class LockedError(HdfchkError, BlockingIOError):
    """A file that another process, or another store of this one, holds open."""


class NotDurableError(HdfchkError, OSError):
    """A commit that stands, but could not be brought to the disk as was promised with the call.

    What was assigned is there, for every reader, and survives the end of the process: do not do it
    again. Only a loss of power may still take it, until a later commit reaches the disk. Where the
    file was removed meanwhile, and could not be copied, it is in the open file alone, as it says.
    """


class LateSyncError(HdfchkError, OSError):
    """Commits of before this call, which stand, could not be brought to the disk within their time.

    The call that raises it has done nothing: do it again. It is raised once. A block that ends
    without it has brought all to the disk, at the latest by its end.
    """


class JournalMismatchError(HdfchkError, OSError):
    """A journal beside a file that is not the file it was made for; neither was touched."""


class FileReplacedError(HdfchkError, OSError):
    """A file that was moved, removed or replaced while a writer had it open."""


class TransactionError(HdfchkError, RuntimeError):
    """A transaction that cannot be committed, as one of its changes has failed."""


class ClosedError(HdfchkError, ValueError):
    """A use of a file or stream after its owner has closed it."""


class HdfchkWarning(UserWarning):
    """Base of all warnings that hdfchk gives."""


class PendingJournalWarning(HdfchkWarning):
    """Commits that stay in the journal, as somebody reads the file: other programs lack them."""


class JournalMismatchWarning(HdfchkWarning):
    """A journal that does not fit its file was passed over by a reader, or set aside.

    Or HDF5 refuses an assignment that only the journal holds: it is lost then.
    """


class SnapshotChangedWarning(HdfchkWarning):
    """A block that has read goes on at a newer commit, of another process, when it writes."""


class NoLocksWarning(HdfchkWarning, RuntimeWarning):
    """A file system that keeps no locks: one writer at a time is not enforced there."""


class HardLinksLeftWarning(HdfchkWarning):
    """A new file took the place of one that has other hard links, which lead to the old one."""


class UnclosedWarning(HdfchkWarning, ResourceWarning):
    """A store that was garbage-collected inside its ``with``; Python hides it by default."""


class CheckpointWarning(HdfchkWarning):
    """A checkpoint that failed: the commits are safe in the journal, but not in the file yet."""


class MissingExtraError(HdfchkError, ImportError):
    """An optional library that is needed here is not installed; the text names the extra."""

    @classmethod
    def naming(cls, library: str, extra: str, what: str) -> MissingExtraError:
        """The error for `library` of extra `extra`, needed for `what`."""
        return cls(
            f"{what} needs {library}, which is not installed",
            hint=f"install it with: pip install 'hdfchk[{extra}]'",
        )

"""`salvage`: a new file of all that is whole in a damaged one."""

from __future__ import annotations

import os
from typing import Any

import attrs

from .backends.findings import Findings, Loss
from .errors import HdfchkError
from .keys import Path, join
from .progress import ProgressOption, reporting

__all__ = ["Loss", "SalvageReport", "salvage"]

_LINES = 20
"""So many keys of each kind are in the text of a report."""


@attrs.frozen
class SalvageReport:
    """What `salvage` has copied, and what it has not. Its `str` is a summary.

    Args:
        copied: the key paths of all values that are whole in the new file.
        in_part: those that are there in part, each with what is lost. Lost elements of an array
            have its fill value there.
        damaged: the key paths of what is not there, as it is damaged, each with its error.
        skipped: those of what is not there for another reason: its elements are in other files, it
            is a link that only another program can follow, or nested too deeply.
        unread: those of what was copied as it is, and not looked at: links to other files, arrays
            that are put together of other files, filters and types that are not here.
        groups: how many groups were copied, whole or in part.
        links: how many soft and external links were copied.
        journal: what was done about a journal beside the file; empty if there was none.
        missing: how many bytes the file lacks at its end.
    """

    copied: tuple[str, ...]
    in_part: dict[str, Loss]
    damaged: dict[str, HdfchkError]
    skipped: dict[str, HdfchkError]
    unread: dict[str, HdfchkError]
    groups: int = 0
    links: int = 0
    journal: str = ""
    missing: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged: all that the file holds is in the copy, but what it skips."""
        return not (self.damaged or self.in_part or self.missing)

    def __str__(self) -> str:
        """A summary, with the first keys of each kind."""
        counts = (
            f"{len(self.copied)} whole, {len(self.in_part)} in part, {len(self.damaged)} damaged, "
            f"{len(self.skipped)} skipped, {len(self.unread)} copied unread; "
            f"{self.groups} groups, {self.links} links"
        )
        lines = [counts]
        if self.missing:
            lines.append(f"the file is cut short: it lacks {self.missing} bytes")
        if self.journal:
            lines.append(self.journal)
        for title, found in (
            ("in part", self.in_part),
            ("damaged", self.damaged),
            ("skipped", self.skipped),
            ("copied unread", self.unread),
        ):
            lines += [
                f"{title}: {key}: {getattr(why, 'problem', why) if title != 'in part' else why}"
                for key, why in list(found.items())[:_LINES]
            ]
            if len(found) > _LINES:
                lines.append(f"{title}: … and {len(found) - _LINES} more")
        return "\n".join(lines)


def salvage(path: Any, to: Any, *, progress: ProgressOption = None) -> SalvageReport:
    """Copy all that is whole out of a damaged file into a new one.

    Each object is read whole before it counts as whole, and is copied as HDF5 has it: types,
    chunks, filters, attributes, order, dimension scales, hard links and references stay. Of an
    array whose chunks are damaged the others are copied; of a group whose list of keys is damaged,
    those that can be found. A file that is cut short is read as far as it goes. Another process
    does the reading, so that nothing in the file can end this one.

    The file itself is not changed. Commits in the journal beside it, if that fits, are in the copy,
    too; the report says so. The new file appears whole, and is on the disk when this returns.

    Args:
        path: the damaged file.
        to: the new file, which must not exist.
        progress: True for a progress bar, or ``progress(done, total)``, in bytes of the file.

    Returns:
        What was copied, and what was not.

    Raises:
        FileExistsError: `to` exists. Nothing was written.
        FileNotFoundError: there is no file at `path`, or no folder for `to`.
        CorruptFileError: nothing can be copied: HDF5 does not open the file at all (it is none, or
            its superblock or root group is damaged).
        LockedError: another program writes the file.
        UnknownTargetError: one of them is not a path.

    Example:
        >>> import os, tempfile
        >>> from hdfchk import HDF5Checkpointer, salvage
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "run.hdf5")
        >>> HDF5Checkpointer(path).update({"a": 1, "b": [1, 2]})
        >>> report = salvage(path, path + ".salvaged")
        >>> report.ok, report.copied
        (True, ('a', 'b'))
        >>> folder.cleanup()
    """
    from .backends.hdf5.salvage.child import salvage_file

    source, target = _real_path(path), _real_path(to)
    with reporting(progress, source, "B") as tell:
        found = salvage_file(source, target, tell)
    return _report(found, source)


def _real_path(target: Any) -> str:
    from .backends.resolve import UnknownTargetError, require_path

    if not isinstance(target, (str, bytes, os.PathLike)):
        raise UnknownTargetError(
            f"only files that are given by their paths are salvaged, not {target!r}",
            hint="write it to a file, and pass the path of that",
        )
    return os.path.realpath(require_path(os.fspath(target)))


def _report(found: Findings, path: str) -> SalvageReport:
    for errors in (found.damaged, found.skipped, found.unread):
        for place, error in errors.items():
            error.file, error.key = path, _key(place)
    for place, loss in found.in_part.items():
        loss.problem.file, loss.problem.key = path, _key(place)
    return SalvageReport(
        tuple(_key(place) for place in found.copied),
        {_key(place): loss for place, loss in found.in_part.items()},
        {_key(place): error for place, error in found.damaged.items()},
        {_key(place): error for place, error in found.skipped.items()},
        {_key(place): error for place, error in found.unread.items()},
        found.groups,
        found.links,
        found.journal,
        found.missing,
    )


def _key(path: Path) -> str:
    return join(path) or "/"

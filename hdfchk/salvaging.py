"""`salvage`: copy everything intact in a damaged file to a new one."""

from __future__ import annotations

import os

import attrs

from .backends.findings import Findings, Loss
from .errors import HdfchkError
from .keys import Path, join
from .logger import INFO, note
from .progress import ProgressOption, reporting
from .typing import FilePath

__all__ = ["Loss", "SalvageReport", "salvage"]

_LINES = 20
"""The maximum number of keys of each kind in the text of a report."""


@attrs.frozen
class SalvageReport:
    """The result of `salvage`: what was copied, and what was not. Its `str` is a summary.

    Args:
        copied: the key paths of all values that are intact in the new file.
        in_part: the key paths of values copied in part, each with what is lost. Lost elements of an
            array have its fill value in the new file.
        damaged: the key paths of values not copied because they are damaged, each with its error.
        skipped: the key paths of objects not copied for other reasons: their elements are in other
            files, they are links that only another program can follow, or they are nested too
            deeply.
        unread: the key paths of objects copied without being checked: links to other files, virtual
            datasets of other files, and values with filters or types that are not available.
        groups: the number of groups copied, completely or in part.
        links: the number of soft and external links copied.
        journal: what was done about a journal beside the file; empty if there was none.
        missing: the number of bytes missing at the end of the file.
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
        """Whether nothing is damaged: the copy contains everything except what was skipped."""
        return not (self.damaged or self.in_part or self.missing)

    def __str__(self) -> str:
        """Return a summary with the first keys of each kind."""
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


def salvage(path: FilePath, to: FilePath, *, progress: ProgressOption = None) -> SalvageReport:
    """Copy everything intact in a damaged file to a new file.

    Each object is read completely before it counts as intact, and is copied as an HDF5 object:
    types, chunks, filters, attributes, order, dimension scales, hard links and references are
    preserved. If some chunks of an array are damaged, the others are copied; if the list of keys of
    a group is damaged, those that can be found. A truncated file is read up to its end. A child
    process reads the file, so a crash of HDF5 does not end this process.

    The damaged file is not changed. Commits in a journal that matches it are included in the copy;
    the report says so. The new file appears atomically, and is on disk when the call returns.

    Args:
        path: the damaged file.
        to: the path of the new file, which must not exist.
        progress: True for a progress bar, or ``progress(done, total)``, in bytes of the file.

    Returns:
        A report of what was copied, and what was not.

    Raises:
        FileExistsError: `to` exists. Nothing was written.
        FileNotFoundError: there is no file at `path`, or no folder for `to`.
        CorruptFileError: nothing can be copied, because HDF5 cannot open the file: it is not an
            HDF5 file, or its superblock or root group is damaged.
        LockedError: another program is writing the file.
        UnknownTargetError: `path` or `to` is not a path.

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
    report = _report(found, source)
    note(INFO, "%s: salvaged to %s: %d values, %d damaged", source, target, *_counts(report))
    return report


def _counts(report: SalvageReport) -> tuple[int, int]:
    return len(report.copied), len(report.damaged) + len(report.in_part)


def _real_path(target: FilePath) -> str:
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

"""`Info`: the state of a file as a whole."""

from __future__ import annotations

import attrs

__all__ = ["FORMAT", "Info", "Process", "readable_bytes"]

FORMAT = 3
"""The version of the file format that this library writes; see `docs/format.md`."""
_UNITS = ("kB", "MB", "GB", "TB", "PB")


@attrs.frozen
class Process:
    """A process that has a file open.

    Args:
        pid: its process ID.
        host: the name of its host; None for this host.
        is_this: whether it is this process.
    """

    pid: int
    host: str | None = None
    is_this: bool = False

    def __str__(self) -> str:
        """Return process and host."""
        if self.is_this:
            return "this process"
        return f"process {self.pid}" + (f" on {self.host}" if self.host else "")


@attrs.frozen
class Info:
    """The state of a store's file, as `HDF5Checkpointer.info` finds it.

    Args:
        path: the path of the file, or the name of the store in messages.
        exists: whether the file exists; it may be empty.
        size: the size of the file in bytes, without its journal; None for a store in memory.
        free: the number of bytes that HDF5 can reuse, at the last commit; None if unknown.
            `compact` returns them to the file system.
        format: the version of hdfchk's format; None for a file that another program has written,
            or that an earlier version has compacted, until the next commit.
        superblock: the version of HDF5's superblock.
        needs: the oldest version of HDF5 that can open it, for example ``"1.8"``.
        log_path: the write-ahead log; None if there is none.
        log_bytes: its size in bytes.
        commits: the number of commits in it that are not yet in the file.
        log_problem: why it does not match the file; None if it matches, or there is none.
        is_written: whether a process has it open for writing.
        writer: that process, as far as known.
        readers: the process IDs of readers on this host; None if unknown on this system.
        waiting: the number of waiting writers; None if unknown on this system.
        problem: why HDF5 could not open it; None if it could.
    """

    path: str
    exists: bool
    size: int | None = None
    free: int | None = None
    format: int | None = None
    superblock: int | None = None
    needs: str | None = None
    log_path: str | None = None
    log_bytes: int = 0
    commits: int = 0
    log_problem: str | None = None
    is_written: bool = False
    writer: Process | None = None
    readers: tuple[int, ...] | None = None
    waiting: int | None = None
    problem: str | None = None

    def __str__(self) -> str:
        """Return it as a block of lines."""
        lines = [("file", self.path if self.exists else f"{self.path} (does not exist)")]
        if self.size is not None and self.exists:
            free = "" if self.free is None else f", {readable_bytes(self.free)} free"
            lines.append(("size", readable_bytes(self.size) + free))
        if self.superblock is not None:
            made = "" if self.format is None else f"hdfchk, version {self.format}; "
            needs = f", for HDF5 {self.needs} or later" if self.needs else ""
            lines.append(("format", f"{made}superblock {self.superblock}{needs}"))
        if self.log_path is not None:
            count = f"{self.commits} commit{'' if self.commits == 1 else 's'} not yet in the file"
            lines.append(("journal", f"{readable_bytes(self.log_bytes)}, {count}"))
        if self.log_problem is not None:
            lines.append(("", f"it does not match the file: {self.log_problem}"))
        if self.size is not None and self.exists:
            who = "nobody" if not self.is_written else str(self.writer or "another process")
            lines.append(("writer", who))
        if self.readers:
            lines.append(("readers", ", ".join(f"process {pid}" for pid in self.readers)))
        if self.waiting:
            noun = "writer waits" if self.waiting == 1 else "writers wait"
            lines.append(("waiting", f"{self.waiting} {noun}"))
        if self.problem is not None:
            lines.append(("problem", self.problem))
        return "\n".join(f"{name:<8} {text}" for name, text in lines)


def readable_bytes(number: int) -> str:
    """Return a number of bytes with a unit.

    Example:
        >>> readable_bytes(512), readable_bytes(1_536_000), readable_bytes(10**12)
        ('512 B', '1.5 MB', '1 TB')
    """
    if number < 1000:
        return f"{number} B"
    power = 0
    value = float(number)
    while value >= 999.95 and power < len(_UNITS):
        value /= 1000
        power += 1
    return f"{value:.1f}".removesuffix(".0") + f" {_UNITS[power - 1]}"

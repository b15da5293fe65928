"""The process that copies a damaged file, and its parent, which restarts it if HDF5 crashes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import Any

import attrs
from h5py import h5f

from ....errors import CorruptFileError, HdfchkError
from ....runtime.descriptors import Descriptor
from ....runtime.posix import open_regular, write_all
from ...findings import Findings, error_from, said_of
from ...meter import Progress
from ...settings import Options
from ..backends import LOCK_TIMEOUT
from ..data.limits import Guard
from ..h5.file_object import create_on, file_of
from ..h5.metadata_cache import MetadataCache
from ..h5.types import file_access, file_creation
from ..nodes.reader import Reader
from ..wal.new_file import NewFile
from ..wal.replay import lock_to_write
from .checking import check_copy
from .copying import Copy
from .source import DamagedFile
from .steps import CAUGHT, CopiedFile, Steps, explained, keep_output

__all__ = ["STEP_SECONDS", "salvage_file"]

STEP_SECONDS = 60.0
"""The processor time, in seconds, that a step may take without progress."""
USERBLOCK_BYTES = 2**20


def salvage_file(path: str, to: str, tell: Progress) -> Findings:
    """Copy everything intact in a damaged file to a new file, which appears when it is complete.

    Args:
        path: the file: absolute, without symbolic links. Nothing is written to it.
        to: the new file: absolute, without symbolic links.
        tell: called with the number of bytes of the file that were read, and the total.

    Raises:
        FileExistsError: the new file exists already.
        CorruptFileError: nothing can be copied.
    """
    damaged = Descriptor(open_regular(path, os.O_RDONLY))
    try:
        lock, _ = lock_to_write(to, LOCK_TIMEOUT, absent=True)
        new: NewFile | None = None
        try:
            new = NewFile(lock, durable=True, like=damaged)
            found = _copy_in_children(path, new.beside, tell)
            new.appear()
            new.make_durable()
        finally:
            if new is not None:
                new.close()
            lock.leave()
    finally:
        damaged.close()
    return found


def _copy_in_children(path: str, beside: str, tell: Progress) -> Findings:
    """Copy the file in child processes, one after the other, until one succeeds."""
    left_out: list[tuple[list[str], str]] = []
    while True:
        task = {"path": path, "to": beside, "left_out": left_out, "seconds": STEP_SECONDS}
        child = _Child(task)
        found = child.run(tell)
        if found is not None:
            return found
        if child.step is None or any(child.step == step for step, _ in left_out):
            raise CorruptFileError(
                f"the process that read it {child.how}",
                file=path,
                hint="nothing was copied: restore it from a copy",
            )
        left_out.append((child.step, child.how))


@attrs.define
class _Child:
    """One copying process.

    Args:
        task: the task.

    Attributes:
        step: the last step that it began.
        how: how it ended.
    """

    task: dict[str, Any]
    step: list[str] | None = None
    how: str = ""

    def run(self, tell: Progress) -> Findings | None:
        """Run it and return its findings; None if it crashed.

        Raises:
            Exception: the error that it reported.
        """
        child = subprocess.Popen(  # noqa: S603  our own interpreter
            [sys.executable, "-c", _MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        try:
            assert child.stdin is not None  # noqa: S101
            assert child.stdout is not None  # noqa: S101
            with contextlib.suppress(BrokenPipeError), child.stdin:
                child.stdin.write(json.dumps(self.task).encode())
            found = None
            for line in child.stdout:
                found = self._read_report(line, tell) or found
            child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            if child.stdout is not None:
                child.stdout.close()
        code = child.returncode
        self.how = f"ended by signal {-code}" if code < 0 else f"ended with {code}"
        return found

    def _read_report(self, line: bytes, tell: Progress) -> Findings | None:
        if not line.endswith(b"\n"):
            return None  # the process ended while writing the line
        report = json.loads(line)
        if "at" in report:
            self.step = report["at"]
        elif "done" in report:
            tell(report["done"], report["total"])
        elif "error" in report:
            raise _raised(report["error"], self.task["path"])
        elif "found" in report:
            return Findings.of(report["found"])
        return None


_MAIN = f"from {__name__} import main; main()"


def _raised(report: dict[str, Any], path: str) -> Exception:
    if report["type"] == "MemoryError":
        return MemoryError(f"too little memory is left to copy {path}")
    if report["errno"] and report["type"] not in {"CorruptFileError", "SystemRefusalError"}:
        return OSError(report["errno"], report["problem"], report["file"] or path)
    error = error_from(report)
    error.file = error.file or path
    return error


# -- the process that copies ---------------------------------------------------------------------


def main() -> None:
    """Run the copying process: the task is on standard input."""
    task = json.loads(sys.stdin.read())
    keep_output()
    status = 0
    try:
        Steps.say({"found": _copy(task).say()})
    except Exception as error:  # the waiting process raises it
        Steps.say({"error": said_of(error)})
        status = 1
    os._exit(status)  # HDF5 still has the damaged file open, and must not close it


def _copy(task: dict[str, Any]) -> Findings:
    path = task["path"]
    file = DamagedFile(path, LOCK_TIMEOUT)
    fid = file.h5.id
    steps = Steps(task["left_out"], task["seconds"], int(fid.get_filesize()))
    scratch = CopiedFile(Descriptor(open_regular(task["to"], os.O_RDWR | os.O_TRUNC)))
    scratch.steps = steps
    old, plist = fid.get_create_plist(), file_creation()
    userblock = old.get_userblock()
    plist.set_userblock(userblock)
    plist.set_sizes(*old.get_sizes())  # HDF5 cannot copy objects between files with other sizes
    target = create_on(scratch, plist, (h5f.LIBVER_V18, h5f.LIBVER_LATEST))
    guard = Guard(file.h5, Options())
    try:
        reader = Reader(fid, guard, MetadataCache(fid))
        copy = Copy(fid, target.id, guard, reader, steps, file.read)
        found = copy.run()
    except CAUGHT as error:
        problem = explained("its root group", error)
        if isinstance(problem, HdfchkError):
            problem.file = problem.file or path
        raise problem from error
    target.close()
    failed = scratch.take_error()
    if failed is not None:
        raise failed
    if userblock:
        with open(path, "rb") as whole:
            for start in range(0, userblock, USERBLOCK_BYTES):
                part = whole.read(min(USERBLOCK_BYTES, userblock - start))
                write_all(scratch.file.fd, part, start)
    _check(task["to"], copy, steps)
    found.journal, found.missing = file.journal, file.missing
    return found


def _check(path: str, copy: Copy, steps: Steps) -> None:
    made = file_of(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, file_access()))
    check_copy(made.id, copy.checksums, Guard(made, Options()), steps)
    made.close()

"""Reading a file in a child process, which may fail as it likes.

The child reads the tree, which has no classes and runs no code, and writes it to a file of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ... import errors
from ...errors import CorruptFileError, HdfchkError
from ...tree import Branch
from ..base import Put
from ..settings import Options
from .backends import LOCK_TIMEOUT, FileBackend

__all__ = ["copy_in_child"]

_FAILED = 3
"""What the child ends with when it has an error to tell."""


@contextmanager
def copy_in_child(
    path: str, options: Mapping[str, Any], timeout: float | None = None
) -> Iterator[str]:
    """A copy of a file that a child process makes from what it can read; removed at the end.

    Args:
        path: the file.
        options: those of the store.
        timeout: seconds that the child may take.

    Raises:
        CorruptFileError: the child did not come to its end.
        HdfchkError: what the child has met.
    """
    with tempfile.TemporaryDirectory(prefix="hdfchk-") as folder:
        clean = os.path.join(folder, "copy.hdf5")
        told = {name: options[name] for name in ("trust", "expand_limit") if name in options}
        wait = options.get("lock_timeout", LOCK_TIMEOUT)
        command = [sys.executable, "-c", _CHILD, os.path.abspath(path), clean]
        try:
            child = subprocess.run(  # noqa: S603  our own interpreter
                [*command, json.dumps({"options": told, "lock_timeout": wait})],
                capture_output=True,
                check=False,
                timeout=timeout,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )
        except subprocess.TimeoutExpired as error:
            raise CorruptFileError(
                f"reading it took more than {timeout} seconds",
                file=path,
                hint="restore it from a copy, or raise timeout",
            ) from error
        if child.returncode:
            raise _error_of(child, path)
        yield clean


_CHILD = f"from {__name__} import main; main()"


def _error_of(child: subprocess.CompletedProcess[bytes], path: str) -> Exception:
    if child.returncode == _FAILED:
        said = json.loads(child.stdout.splitlines()[-1])
        if said["type"] == "MemoryError":
            return MemoryError(f"too little memory is left to read {path} in a child process")
        kind = getattr(errors, said["type"], None)
        if kind is None:
            return OSError(said["errno"], said["problem"], path)
        found: Exception = kind(said["problem"], file=path, key=said["key"], hint=said["hint"])
        if isinstance(found, OSError):
            found.errno = said["errno"]
        return found
    how = f"by signal {-child.returncode}" if child.returncode < 0 else f"with {child.returncode}"
    return CorruptFileError(
        f"the process that read it ended {how}",
        file=path,
        hint="restore it from a copy",
    )


def main() -> None:
    """The child: read ``argv[1]``, write ``argv[2]``, with the options in ``argv[3]``."""
    path, clean, said = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    try:
        _copy(path, clean, Options(**said["options"]), said["lock_timeout"])
    except (HdfchkError, OSError, MemoryError) as error:
        said_by_system = getattr(error, "strerror", None) or str(error)
        told = {
            "type": type(error).__name__,
            "errno": getattr(error, "errno", None),
            "problem": getattr(error, "problem", said_by_system),
            "key": getattr(error, "key", None),
            "hint": getattr(error, "hint", None),
        }
        sys.stdout.write(json.dumps(told))
        sys.stdout.flush()
        os._exit(_FAILED)


def _copy(path: str, clean: str, options: Options, lock_timeout: float) -> None:
    source = FileBackend(path, options, lock_timeout=lock_timeout).open(writable=False)
    tree = source.read(())
    source.close()
    target = FileBackend(clean, journal=False).open(writable=True)
    if isinstance(tree, Branch):
        # The names stand as they are in the file: they are no paths.
        children: dict[str, Any] = tree.children
        target.apply([Put((name,), node) for name, node in children.items()])
    target.close()

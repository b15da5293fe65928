"""Reading a file in a child process, which may crash.

The child reads the tree, which involves no classes and runs no code, and writes it to another file.
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
"""The exit status of the child if it reports an error."""


@contextmanager
def copy_in_child(
    path: str, options: Mapping[str, Any], timeout: float | None = None
) -> Iterator[str]:
    """Provide a copy of a file, which a child process creates from what it can read.

    Args:
        path: the file.
        options: the options of the store.
        timeout: the time limit of the child in seconds.

    Raises:
        CorruptFileError: the child has crashed, or exceeded the time limit.
        HdfchkError: the error that the child has reported.
    """
    with tempfile.TemporaryDirectory(prefix="hdfchk-") as folder:
        clean = os.path.join(folder, "copy.hdf5")
        fields = {name: options[name] for name in ("trust", "expand_limit") if name in options}
        wait = options.get("lock_timeout", LOCK_TIMEOUT)
        command = [sys.executable, "-c", _CHILD, os.path.abspath(path), clean]
        try:
            child = subprocess.run(  # noqa: S603  our own interpreter
                [*command, json.dumps({"options": fields, "lock_timeout": wait})],
                capture_output=True,
                check=False,
                timeout=timeout,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )
        except subprocess.TimeoutExpired as error:
            raise CorruptFileError(
                f"reading it took longer than {timeout} seconds",
                file=path,
                hint="restore it from a copy, or increase timeout",
            ) from error
        if child.returncode:
            raise _error_of(child, path)
        yield clean


_CHILD = f"from {__name__} import main; main()"


def _error_of(child: subprocess.CompletedProcess[bytes], path: str) -> Exception:
    if child.returncode == _FAILED:
        data = json.loads(child.stdout.splitlines()[-1])
        if data["type"] == "MemoryError":
            return MemoryError(f"too little memory is left to read {path} in a child process")
        kind = getattr(errors, data["type"], None)
        if kind is None:
            return OSError(data["errno"], data["problem"], path)
        found: Exception = kind(data["problem"], file=path, key=data["key"], hint=data["hint"])
        if isinstance(found, OSError):
            found.errno = data["errno"]
        return found
    how = f"by signal {-child.returncode}" if child.returncode < 0 else f"with {child.returncode}"
    return CorruptFileError(
        f"the process that read it has ended {how}",
        file=path,
        hint="restore it from a copy",
    )


def main() -> None:
    """Run the child: read ``argv[1]``, write ``argv[2]``, with the options in ``argv[3]``."""
    path, clean, data = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    try:
        _copy(path, clean, Options(**data["options"]), data["lock_timeout"])
    except (HdfchkError, OSError, MemoryError) as error:
        system_message = getattr(error, "strerror", None) or str(error)
        fields = {
            "type": type(error).__name__,
            "errno": getattr(error, "errno", None),
            "problem": getattr(error, "problem", system_message),
            "key": getattr(error, "key", None),
            "hint": getattr(error, "hint", None),
        }
        sys.stdout.write(json.dumps(fields))
        sys.stdout.flush()
        os._exit(_FAILED)


def _copy(path: str, clean: str, options: Options, lock_timeout: float) -> None:
    source = FileBackend(path, options, lock_timeout=lock_timeout).open(writable=False)
    tree = source.read(())
    source.close()
    target = FileBackend(clean, journal=False).open(writable=True)
    if isinstance(tree, Branch):
        # The names are keys as they are in the file, not paths.
        children: dict[str, Any] = tree.children
        target.apply([Put((name,), node) for name, node in children.items()])
    target.close()

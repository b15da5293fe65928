"""Work in a process of its own, which may crash or hang, and is always reaped."""

from __future__ import annotations

import faulthandler
import functools
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HdfchkWarning

ROOT = Path(__file__).parents[2]
GUARD = 160.0
"""Seconds after which a child is taken to hang: so many that a busy machine is not taken for it."""


def outcome(work: Callable[[], Any], *, seconds: float = GUARD) -> str:
    """How `work` ends in a forked child: "" if it returns; else a traceback, a signal, a hang."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _in_child(work, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as stream:
            status = wait(child, seconds)
            said = stream.read().decode(errors="replace") if status is not None else ""
    except BaseException:
        kill(child)
        raise
    if status is None:
        return f"it hangs: no end after {seconds} seconds"
    if os.WIFSIGNALED(status):
        return f"it was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return said or ("" if status == 0 else f"status {status}")


def _in_child(work: Callable[[], Any], writer: int) -> None:
    status = 1
    try:
        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        warnings.simplefilter("ignore", HdfchkWarning)
        work()
        status = 0
    except BaseException:
        os.write(writer, traceback.format_exc()[-5000:].encode())
    finally:
        os._exit(status)


def wait(child: int, seconds: float = GUARD) -> int | None:
    """Reap a child; None if it had to be killed, as it did not end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.003)
    kill(child)
    return None


def kill(child: int) -> None:
    """End a child, and reap it."""
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def in_child(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a forked child: what it breaks, or leaves behind, stays there."""

    @functools.wraps(test)
    def run_test(*args: Any, **options: Any) -> None:
        said = outcome(lambda: test(*args, **options))
        assert not said, said

    return run_test


def forked(work: Callable[[], Any]) -> int:
    """Start `work` in a forked child, which is to be reaped by `wait` or `kill`."""
    child = os.fork()
    if child == 0:
        _in_child(work, os.open(os.devnull, os.O_WRONLY))
    return child


def run(program: str, *arguments: Any, seconds: float = GUARD) -> str:
    """Run a program in an interpreter of its own; what it prints.

    Raises:
        AssertionError: it hangs, crashes, or ends in an error.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"it hangs: no end after {seconds} seconds")
    assert child.returncode == 0, f"status {child.returncode}: {child.stderr[-3000:]}"
    return child.stdout


@contextmanager
def started(program: str, *arguments: Any, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program in an interpreter of its own, killed and reaped at the end of the block."""
    child = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        **options,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def killed_writer(path: Any, *changes: dict[str, Any], **options: Any) -> None:
    """Let a process make one commit of each of these changes in a block, and be killed there."""
    from hdfchk import HDF5Checkpointer

    def work() -> None:
        with HDF5Checkpointer(path, **{"sync_interval": 1000.0, **options}) as chk:
            for change in changes:
                chk.update(change)
            os.kill(os.getpid(), signal.SIGKILL)

    assert wait(forked(work)) == signal.SIGKILL


def eventually(check: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether a condition comes true; the time is a guard only."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def locked_out(work: Callable[[], Any]) -> bool:
    """Whether something is refused since another holds the file."""
    from hdfchk import LockedError

    try:
        work()
    except LockedError:
        return True
    return False

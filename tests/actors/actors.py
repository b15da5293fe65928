"""Actors: processes that do what a test tells them, step by step, and are reaped in any case."""

from __future__ import annotations

import ast
import contextlib
import gc
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("HDFCHK_CRASH") == "full"
PATIENCE = 60.0
"""Seconds after which a step that has not ended is a failure, and its process is killed."""

# -- what a process does -------------------------------------------------------------------------


class Outcome:
    """What a step came to: its value or its error, and the warnings that were given."""

    def __init__(self, value: Any, error: BaseException | None, warned: list[Any]) -> None:
        self.value, self.error, self.warned = value, error, warned

    def __repr__(self) -> str:
        """For messages of tests."""
        what = f"value {self.value!r}" if self.error is None else f"error {self.error!r}"
        return f"<{what}, warnings {[(c.__name__, t) for c, t in self.warned]}>"

    def told(self, *categories: type[Warning]) -> list[str]:
        """The texts of the warnings of these categories."""
        return [text for category, text in self.warned if issubclass(category, categories)]

    def get(self, warns: tuple[type[Warning], ...] = ()) -> Any:
        """The value; raises the error, and is one if there were other warnings than `warns`."""
        if self.error is not None:
            raise self.error
        others = [(c.__name__, text) for c, text in self.warned if not issubclass(c, warns)]
        assert not others, others
        return self.value


class _Server(subprocess.Popen[bytes]):
    """A process for many tests, which ends with the pipe that it reads."""

    is_shared = True


class Actor:
    """A process that does steps, given as code, in a namespace that it keeps.

    The value of a step is that of its last expression. ``HDF5Checkpointer``, ``hdfchk``, ``h5py``,
    ``np``, ``os``, ``time``, ``together`` and ``until`` are there from the start.
    """

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = _Server(
            [sys.executable, "-c", "from tests.actors.actors import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            cwd=ROOT,
        )
        self.busy = False

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can do steps."""
        return self.process.poll() is None

    def begin(self, code: str, *, at: float = 0.0, dying: int = 0, **variables: Any) -> Actor:
        """Start a step, at a moment of `time.monotonic`; `end` gives what it came to."""
        assert not self.busy, "it is at work still"
        assert self.process.stdin is not None
        data = pickle.dumps((code, at, dying, variables))
        self.process.stdin.write(struct.pack("<Q", len(data)) + data)
        self.process.stdin.flush()
        self.busy = True
        return self

    def end(self, timeout: float = PATIENCE) -> Outcome:
        """Wait for a step that was begun."""
        assert self.busy, "nothing was begun"
        end = time.monotonic() + timeout
        (length,) = struct.unpack("<Q", self._take(8, end))
        self.busy = False
        value, error, warned = pickle.loads(self._take(length, end))
        return Outcome(value, error, warned)

    def tell(self, code: str, *, timeout: float = PATIENCE, **variables: Any) -> Outcome:
        """Do a step, and give what it came to, be it an error."""
        return self.begin(code, **variables).end(timeout)

    def do(
        self,
        code: str,
        *,
        warns: tuple[type[Warning], ...] = (),
        timeout: float = PATIENCE,
        **variables: Any,
    ) -> Any:
        """Do a step, and give its value; its error is raised here."""
        return self.tell(code, timeout=timeout, **variables).get(warns)

    def let_die(self, code: str, *, by: int = signal.SIGKILL, **variables: Any) -> None:
        """Do a step in a fork of the process, which is then killed as it stands."""
        self.begin(code, dying=by, **variables).end().get()

    def kill(self) -> None:
        """End it by SIGKILL, wherever it is, and reap it."""
        if self.is_alive:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait()
        self.errors.close()

    @staticmethod
    def reset(actors: list[Actor]) -> None:
        """Close all that they have opened; one that cannot do so is ended."""
        for step in (lambda actor: actor.begin("reset()"), lambda actor: actor.end(10)):
            for actor in actors:
                try:
                    if actor.is_alive:
                        step(actor)
                except (OSError, AssertionError):
                    actor.kill()

    def _take(self, length: int, end: float) -> bytes:
        stream = self.process.stdout
        assert stream is not None
        data = b""
        while len(data) < length:
            ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                where = self._where()
                self.kill()
                raise AssertionError(f"the step did not end in time{where}")
            got = os.read(stream.fileno(), length - len(data))
            if not got:
                code = self.process.wait()
                self.errors.seek(0)
                said = self.errors.read()[-2000:].decode(errors="replace")
                self.kill()
                raise AssertionError(f"the process has ended with {code}: {said}")
            data += got
        return data

    def _where(self) -> str:
        """Where a process that does not answer stands, as faulthandler tells it."""
        with contextlib.suppress(OSError):
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(0.2)
            self.errors.seek(0)
            return ": " + self.errors.read()[-2000:].decode(errors="replace")
        return ""


def serve() -> None:
    """The main loop of the process of an `Actor`."""
    import faulthandler

    import h5py
    import numpy as np

    import hdfchk

    faulthandler.register(signal.SIGUSR1, all_threads=True)
    gc.collect()
    gc.freeze()  # what was imported is looked at no more
    given = os.fdopen(os.dup(0), "rb", buffering=0)
    taken = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    basic = {name: getattr(hdfchk, name) for name in hdfchk.__all__}
    basic |= {"hdfchk": hdfchk, "h5py": h5py, "np": np, "os": os, "time": time, "sys": sys}
    basic |= {"signal": signal, "together": together, "until": until, "tree_of": tree_of}
    space: dict[str, Any] = {}

    def reset() -> None:
        for value in list(space.values()):
            if isinstance(value, (hdfchk.HDF5Checkpointer, h5py.File)):
                with contextlib.suppress(Exception):
                    value.close()
        space.clear()
        space.update(basic, reset=reset)
        os.chdir(ROOT)
        gc.collect()

    reset()
    while head := _read(given, 8):
        code, at, dying, variables = pickle.loads(_read(given, struct.unpack("<Q", head)[0]))
        space.update(variables)
        if dying:
            reply = _in_fork(code, space, dying)
        else:
            reply = _step(code, space, at)
        try:
            data = pickle.dumps(reply)
        except Exception as problem:
            data = pickle.dumps((None, RuntimeError(f"cannot be told: {problem}"), []))
        whole = memoryview(struct.pack("<Q", len(data)) + data)
        while whole:
            whole = whole[taken.write(whole) :]


def _read(stream: Any, length: int) -> bytes:
    data = b""
    while len(data) < length:
        got = stream.read(length - len(data))
        if not got:
            return b""
        data += got
    return data


def _step(code: str, space: dict[str, Any], at: float) -> tuple[Any, Any, Any]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "This process .* is multi-threaded")
        value = error = None
        try:
            while at > time.monotonic():  # all that wait for this moment begin together
                pass
            value = _run(code, space)
        except BaseException as problem:
            error = problem
            trace = "".join(traceback.format_exception(problem))
            try:
                pickle.loads(pickle.dumps(problem))
            except Exception:
                error = RuntimeError(trace)
            else:
                error.add_note("in the other process:\n" + trace[-1500:])
    told = [
        (warning.category, str(warning.message))
        for warning in caught
        if warning.category is not ResourceWarning or "hdfchk" in str(warning.message)
    ]
    return value, error, told


def _run(code: str, space: dict[str, Any]) -> Any:
    tree = ast.parse(_unindented(code))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<step>", "exec"), space)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<step>", "eval"), space)


def _unindented(code: str) -> str:
    import textwrap

    return textwrap.dedent(code).strip()


def _in_fork(code: str, space: dict[str, Any], how: int) -> tuple[Any, Any, Any]:
    child = os.fork()
    if child == 0:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                _run(code, space)
            os.kill(os.getpid(), how)
            time.sleep(PATIENCE)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(3)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == how:
        return None, None, []
    return None, RuntimeError(f"it ended with status {status:#x} before it was killed"), []


def together(count: int, work: Callable[[int], Any], timeout: float = PATIENCE) -> list[Any]:
    """Let threads do ``work(0)``, ``work(1)``, … at once, and give what they return.

    Raises:
        TimeoutError: one did not come to its end.
        The first error of one of them.
    """
    barrier = threading.Barrier(count)
    found: list[Any] = [None] * count
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            found[number] = work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        raise TimeoutError("a thread did not come to its end")
    return found


def until(condition: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Wait for a condition; its value."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError("it did not come to pass")
        time.sleep(0.005)
    return value


# -- what lies in files --------------------------------------------------------------------------


def tree_of(path: Any) -> dict[str, Any] | None:
    """What plain h5py finds in a file, as flat plain values; None if it cannot read it."""
    import h5py

    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            value = node[()]
            value = value.tolist() if hasattr(value, "tolist") else value
            found[name] = value.decode() if isinstance(value, bytes) else value

    try:
        with h5py.File(path, "r", locking=False) as file:
            file.visititems(visit)
    except (OSError, KeyError, RuntimeError, ValueError):
        return None
    return found


def listing(folder: Any) -> list[str]:
    """The names in a folder."""
    return sorted(os.listdir(folder))


def contents(folder: Any) -> dict[str, bytes]:
    """The bytes of all files in a folder."""
    return {name: Path(folder, name).read_bytes() for name in listing(folder)}

"""A disk that remembers: every operation that changes a file, and images of what a cut leaves."""

from __future__ import annotations

import errno
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

SECTOR = 512
PAGE = 4096
REAL: dict[str, Any] = {
    name: getattr(os, name)
    for name in (
        *("open", "pwrite", "ftruncate", "posix_fallocate", "fsync", "fdatasync"),
        *("link", "rename", "replace", "unlink"),
    )
}
"""The calls that change files: the engine makes them all through the module `os`."""
_BY_NAME = {"open", "link", "rename", "replace", "unlink"}


@attrs.define
class Operation:
    """One change: a write, a truncate or sync of a file, a new name, a rename, an unlink."""

    kind: str
    file: int = 0
    offset: int = 0
    data: bytes = b""
    size: int = 0
    name: str = ""
    target: str = ""


class Tap:
    """While it is entered, the calls of `os` that change files below a folder come here.

    Args:
        folder: that folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = os.path.realpath(folder)
        self._turn = threading.RLock()

    def __enter__(self) -> Any:
        for name in REAL:
            setattr(os, name, self._stand_in(name))
        return self

    def __exit__(self, *_: object) -> None:
        for name, real in REAL.items():
            setattr(os, name, real)

    def _stand_in(self, name: str) -> Callable[..., Any]:
        real = REAL[name]

        def call(*args: Any, **options: Any) -> Any:
            if not self._is_ours(_path(args[0] if args else options["path"])):
                return real(*args, **options)
            with self._turn:
                self.before(name, args)
                return getattr(self, name)(*args, **options)

        return call

    def _is_ours(self, path: str) -> bool:
        return path == self.folder or path.startswith(self.folder + "/")

    def before(self, name: str, args: Any) -> None:
        """Something is about to be done."""

    def __getattr__(self, name: str) -> Any:
        if name in REAL:
            return REAL[name]
        raise AttributeError(name)


def _path(place: Any) -> str:
    if isinstance(place, int):
        try:
            return os.readlink(f"/proc/self/fd/{place}").removesuffix(" (deleted)")
        except OSError:
            return ""
    return os.path.abspath(os.fspath(place))


class Recorder(Tap):
    """Does what changes files below a folder, and writes it down.

    Args:
        folder: that folder, which is empty but for `old`.
        fails: is asked before each sync whether it is to fail.
        old: a file that is there, and on the disk.

    Attributes:
        log: the operations, and marks of the workload between them.
    """

    def __init__(
        self, folder: str, fails: Callable[[], bool] = lambda: False, *, old: Any = None
    ) -> None:
        super().__init__(folder)
        self.log: list[Any] = []
        self._fails = fails
        self._numbers: dict[tuple[int, int], int] = {}
        self._count = 0
        self._shadow = Image()
        if old is not None:
            there = os.stat(old)
            self._numbers[there.st_ino, there.st_dev] = self._count = 1
            self._add(Operation("name", 1, name=os.path.basename(old)))
            self._add(Operation("write", 1, 0, _read(old)))
            self._add(Operation("sync", 1))
            self._add(Operation("sync names"))

    def mark(self, kind: str, state: int) -> None:
        """Write down that a state was returned (to survive a kill) or is durable."""
        self.log.append((kind, state))

    def _add(self, operation: Operation) -> None:
        self.log.append(operation)
        self._shadow.do(operation)

    def _number(self, descriptor: int) -> int:
        there = os.fstat(descriptor)
        key = (there.st_ino, there.st_dev)
        if key not in self._numbers:
            self._count += 1
            self._numbers[key] = self._count
        return self._numbers[key]

    def open(self, path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        new = not os.path.lexists(path)
        descriptor: int = REAL["open"](path, flags, mode, **options)
        if new and flags & os.O_CREAT:
            there = os.fstat(descriptor)
            self._numbers.pop((there.st_ino, there.st_dev), None)  # of a file that is gone
            number = self._number(descriptor)
            self._add(Operation("name", number, name=os.path.basename(path)))
        elif flags & os.O_TRUNC:
            self._add(Operation("truncate", self._number(descriptor), size=0))
        return descriptor

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        done: int = REAL["pwrite"](descriptor, data, offset)
        written = bytes(memoryview(data).cast("B")[:done])
        self._add(Operation("write", self._number(descriptor), offset, written))
        return done

    def ftruncate(self, descriptor: int, size: int) -> None:
        REAL["ftruncate"](descriptor, size)
        self._add(Operation("truncate", self._number(descriptor), size=size))

    def posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
        REAL["posix_fallocate"](descriptor, offset, size)
        self._add(Operation("grow", self._number(descriptor), size=offset + size))

    def fsync(self, descriptor: int) -> None:
        path = _path(descriptor)
        if os.path.isdir(path):
            if self._fails():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self._add(Operation("sync names"))
            return
        self._catch_up(descriptor, path)
        number = self._number(descriptor)
        if self._fails():
            self._add(Operation("sync failed", number))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._add(Operation("sync", number))

    fdatasync = fsync

    def _catch_up(self, descriptor: int, path: str) -> None:
        """Write down what HDF5's own driver has written to a file that is being compacted.

        Raises:
            AssertionError: any other file was written past the recorder.
        """
        number, size = self._number(descriptor), os.fstat(descriptor).st_size
        reader = REAL["open"](f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        try:
            now = os.pread(reader, size, 0)
        finally:
            os.close(reader)
        known = bytes(self._shadow.files.get(number, b""))
        if now == known:
            return
        assert "-new-" in path, f"{path} was written past the recorder"
        if len(now) != len(known):
            self._add(Operation("truncate", number, size=len(now)))
        for start in range(0, len(now), PAGE):
            page = now[start : start + PAGE]
            if page != known[start : start + PAGE].ljust(len(page), b"\0"):
                self._add(Operation("write", number, start, page))

    def link(self, source: Any, target: Any, **options: Any) -> None:
        REAL["link"](source, target, **options)
        number = self._shadow.names[os.path.basename(source)]
        self._add(Operation("name", number, name=os.path.basename(target)))

    def rename(self, source: Any, target: Any, **options: Any) -> None:
        REAL["replace"](source, target, **options)
        names = os.path.basename(source), os.path.basename(target)
        self._add(Operation("rename", name=names[0], target=names[1]))

    replace = rename

    def unlink(self, path: Any, **options: Any) -> None:
        REAL["unlink"](path, **options)
        self._add(Operation("unlink", name=os.path.basename(path)))

    def require_all_seen(self) -> None:
        """Require that what was written down makes just what is there."""
        found = {name: _read(os.path.join(self.folder, name)) for name in os.listdir(self.folder)}
        shadow = self._shadow
        assert found.keys() == shadow.names.keys(), (found.keys(), shadow.names)
        for name, number in shadow.names.items():
            assert found[name] == shadow.files.get(number, b""), name


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@attrs.define
class Image:
    """Names and contents of a folder."""

    files: dict[int, bytearray] = attrs.field(factory=dict)
    names: dict[str, int] = attrs.field(factory=dict)

    def do(self, operation: Operation) -> None:
        """Carry out one operation."""
        data = self.files.setdefault(operation.file, bytearray()) if operation.file else bytearray()
        if operation.kind == "write":
            end = operation.offset + len(operation.data)
            if len(data) < end:
                data.extend(bytes(end - len(data)))
            data[operation.offset : end] = operation.data
        elif operation.kind in {"truncate", "grow"}:
            if len(data) < operation.size:
                data.extend(bytes(operation.size - len(data)))
            elif operation.kind == "truncate":
                del data[operation.size :]
        elif operation.kind == "name":
            self.names[operation.name] = operation.file
        elif operation.kind == "rename":
            if operation.name in self.names:
                self.names[operation.target] = self.names.pop(operation.name)
        elif operation.kind == "unlink":
            self.names.pop(operation.name, None)

    def copy(self, also: Iterable[int] = ()) -> Image:
        """One that is changed apart; files without a name are gone, but for those of `also`."""
        held = {*self.names.values(), *also}
        files = {n: bytearray(data) for n, data in self.files.items() if n in held}
        return Image(files, dict(self.names))

    def write_to(self, folder: str) -> None:
        """Make the folder hold just this."""
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        for name, file in self.names.items():
            with open(os.path.join(folder, name), "wb") as stream:
                stream.write(self.files.get(file, b""))


NAMES = {"name", "rename", "unlink"}
"""Operations on the folder."""


def torn(operation: Operation, chance: random.Random, unit: int = 1) -> Operation:
    """A part of a write: what a cut in its middle leaves.

    Args:
        operation: the write.
        chance: where it is cut.
        unit: at multiples of that in the file.
    """
    length = chance.randrange(len(operation.data)) if operation.data else 0
    end = (operation.offset + length) // unit * unit
    return attrs.evolve(operation, data=operation.data[: max(0, end - operation.offset)])


def pieces(write: Operation, unit: int) -> Iterator[Operation]:
    """The parts of a write that reach the disk each by itself."""
    start, end = write.offset, write.offset + len(write.data)
    while start < end:
        after = min(end, (start // unit + 1) * unit)
        part = write.data[start - write.offset : after - write.offset]
        yield attrs.evolve(write, offset=start, data=part)
        start = after


def survivors(waiting: list[Operation], chance: random.Random) -> list[Operation]:
    """Some of the operations since the last sync, as a loss of power leaves them.

    Each page, or each sector, of a write may have reached the disk or not; names keep their order.
    """
    kept: list[Operation] = []
    share = chance.choice([0.0, 0.2, 0.5, 0.8, 1.0])
    unit = chance.choice([SECTOR, PAGE, PAGE])
    names_end = chance.randrange(len(waiting) + 1)
    for index, operation in enumerate(waiting):
        if operation.kind in NAMES:
            if index < names_end:
                kept.append(operation)
        elif operation.kind != "write":
            if chance.random() < share:
                kept.append(operation)
        else:
            kept += [part for part in pieces(operation, unit) if chance.random() < share]
    return kept

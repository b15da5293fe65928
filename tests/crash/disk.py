"""A disk that remembers: every operation that changes a file, and images of what a cut leaves."""

from __future__ import annotations

import os
import random
from typing import Any

import attrs


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


class Recorder:
    """Stands in for the module `os` in the modules that write: does it, and writes it down."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.log: list[Any] = []
        self._files: dict[tuple[int, int], int] = {}
        self._caught: dict[int, bytes] = {}
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def mark(self, kind: str, state: int) -> None:
        """Write down that a state was returned (to survive a kill) or is durable."""
        self.log.append((kind, state))

    def _id(self, descriptor: int) -> int:
        stat = os.fstat(descriptor)
        key = (stat.st_ino, stat.st_dev)
        if key not in self._files:
            self._count += 1
            self._files[key] = self._count
        return self._files[key]

    def open(self, name: str, flags: int, mode: int = 0o777) -> int:
        new = not os.path.exists(name)
        descriptor = os.open(name, flags, mode)
        if new and flags & os.O_CREAT:
            self._files.pop((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_dev), None)
            self.log.append(Operation("name", self._id(descriptor), name=os.path.basename(name)))
        elif flags & os.O_TRUNC:
            self.log.append(Operation("truncate", self._id(descriptor), size=0))
        return descriptor

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        done = os.pwrite(descriptor, data, offset)
        self.log.append(Operation("write", self._id(descriptor), offset, bytes(data[:done])))
        return done

    def ftruncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)
        self.log.append(Operation("truncate", self._id(descriptor), size=size))

    def posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
        os.posix_fallocate(descriptor, offset, size)
        self.log.append(Operation("grow", self._id(descriptor), size=offset + size))

    def fsync(self, descriptor: int) -> None:
        kind = "sync names" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync"
        if kind == "sync":
            self._catch_up(os.readlink(f"/proc/self/fd/{descriptor}"))
        self.log.append(Operation(kind, 0 if kind != "sync" else self._id(descriptor)))

    def _catch_up(self, name: str) -> None:
        """Write down what HDF5's own driver has written to a new file beside its place."""
        if name.endswith("-new"):
            descriptor = os.open(name, os.O_RDONLY)
            if not self._caught:  # its number may be that of a file that is gone
                self._files.pop((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_dev), None)
            number, data = self._id(descriptor), os.pread(descriptor, 2**30, 0)
            os.close(descriptor)
            if self._caught.get(number) != data:
                self._caught[number] = data
                self.log.append(Operation("name", number, name=os.path.basename(name)))
                self.log.append(Operation("truncate", number, size=0))
                self.log.append(Operation("write", number, 0, data))

    fdatasync = fsync

    def replace(self, source: str, target: str) -> None:
        self._catch_up(source)
        self._caught.clear()
        os.replace(source, target)
        self.log.append(
            Operation("rename", name=os.path.basename(source), target=os.path.basename(target))
        )

    def unlink(self, name: str) -> None:
        os.unlink(name)
        self.log.append(Operation("unlink", name=os.path.basename(name)))


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
            self.names[operation.target] = self.names.pop(operation.name)
        elif operation.kind == "unlink":
            self.names.pop(operation.name, None)

    def copy(self) -> Image:
        return Image({n: bytearray(d) for n, d in self.files.items()}, dict(self.names))

    def write_to(self, folder: str) -> None:
        """Make the folder hold just this."""
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        for name, file in self.names.items():
            with open(os.path.join(folder, name), "wb") as stream:
                stream.write(self.files.get(file, b""))


def torn(operation: Operation, chance: random.Random) -> Operation:
    """A part of a write: what a cut in its middle leaves."""
    length = chance.randrange(len(operation.data)) if operation.data else 0
    return attrs.evolve(operation, data=operation.data[:length])


def survivors(waiting: list[Operation], chance: random.Random) -> list[Operation]:
    """Some of the operations since the last sync, as a loss of power leaves them.

    Each page of a write may have reached the disk or not; names keep their order.
    """
    kept: list[Operation] = []
    share = chance.choice([0.0, 0.2, 0.5, 0.8, 1.0])
    names_end = chance.randrange(len(waiting) + 1)
    for index, operation in enumerate(waiting):
        if operation.kind in {"name", "rename", "unlink"}:
            if index < names_end:
                kept.append(operation)
        elif operation.kind != "write":
            if chance.random() < share:
                kept.append(operation)
        else:
            for start in range(0, len(operation.data), 4096):
                if chance.random() < share:
                    part = operation.data[start : start + 4096]
                    kept.append(attrs.evolve(operation, offset=operation.offset + start, data=part))
    return kept

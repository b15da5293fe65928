"""Calls of the system that fail without being carried out, and a disk that loses what was not synced.

Only calls that go through the module `os`, on files below one folder, are counted.
"""

from __future__ import annotations

import errno
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

PAGE = 4096
_REAL: dict[str, Any] = {
    name: getattr(os, name)
    for names in (
        ("pwrite", "pwritev", "write", "writev", "fsync", "fdatasync", "ftruncate", "truncate"),
        ("posix_fallocate", "open", "unlink", "remove", "rename", "replace", "link", "symlink"),
        ("fchmod", "fchown", "preadv", "pread", "stat", "fstat", "listdir", "readlink", "close"),
    )
    for name in names
    if hasattr(os, name)
}
KINDS: dict[str, tuple[str, ...]] = {
    "write": ("pwrite", "pwritev", "write", "writev"),
    "sync": ("fsync", "fdatasync"),
    "truncate": ("ftruncate", "truncate"),
    "reserve": ("posix_fallocate",),
    "open": ("open",),
    "unlink": ("unlink", "remove"),
    "rename": ("rename", "replace"),
    "link": ("link", "symlink"),
    "rights": ("fchmod", "fchown"),
    "read": ("preadv", "pread"),
}
"""Kind of a call -> the functions of `os` that make it."""
CHANGES = ("write", "sync", "truncate", "reserve", "open", "unlink", "rename", "link")
"""Those that an engine may see fail at any time; the rest has to be asked for."""
_BY_PATH = {"open", "unlink", "remove", "rename", "replace", "link", "symlink"}
_TWO_PATHS = {"rename", "replace", "link", "symlink"}


def _absolute(path: Any, folder: int | None = None) -> str:
    if isinstance(path, int):
        return _of_descriptor(path)
    text = os.fsdecode(os.fspath(path))
    if folder is not None and not text.startswith("/"):
        text = os.path.join(_of_descriptor(folder), text)
    return os.path.abspath(text)


def _of_descriptor(descriptor: int) -> str:
    try:
        return _REAL["readlink"](f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")
    except OSError:
        return ""


class Calls:
    """While it is entered, counts the calls on files below a folder, and lets some of them fail.

    Args:
        folder: below it, calls count.
        disk: is told of what was done.
    """

    def __init__(self, folder: Any, *, disk: Disk | None = None) -> None:
        self.folder = os.path.realpath(folder)
        self.disk = disk
        self.count = self.failed = 0
        self.last = ""
        """The function that failed last, and the name of its file."""
        self.log: list[str] = []
        self._kinds: tuple[str, ...] = ()
        self._range = range(0)
        self._number = errno.EIO
        self._name = ""
        self._act: Callable[[], None] | None = None
        self._lock = threading.RLock()
        self._inside = self._acts = False
        self.watch(CHANGES)

    def watch(self, kinds: Iterable[str] = CHANGES) -> None:
        """Count calls of these kinds from now on; none fails."""
        self.fail(kinds, first=0, times=0)

    off = watch

    def fail(
        self,
        kinds: Iterable[str] = CHANGES,
        *,
        first: int = 0,
        times: int = 1,
        number: int = errno.EIO,
        name: str = "",
        act: Callable[[], None] | None = None,
    ) -> None:
        """Count calls of these kinds anew; number `first`, and those after it, fail.

        Args:
            kinds: of `KINDS`.
            first: of the calls from now on, from 0.
            times: how many fail.
            number: their errno.
            name: only calls on files whose name ends so count.
            act: is called instead of letting the call fail.
        """
        self._kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        self._range = range(first, first + times)
        self._number, self._name, self._act = number, name, act
        self.count = self.failed = 0

    def __enter__(self) -> Calls:
        for kind, names in KINDS.items():
            for name in names:
                if name in _REAL:
                    setattr(os, name, self._stand_in(kind, name))
        return self

    def __exit__(self, *_: object) -> None:
        for names in KINDS.values():
            for name in names:
                if name in _REAL:
                    setattr(os, name, _REAL[name])
        if self.disk is not None:
            self.disk.close()

    def _stand_in(self, kind: str, name: str) -> Callable[..., Any]:
        real = _REAL[name]

        def call(*args: Any, **options: Any) -> Any:
            places = self._places(name, args, options)
            if self._inside or not any(map(self._counts, places)):
                return real(*args, **options)
            with self._lock:
                self._inside = True
                try:
                    self._before(kind, name, places, args)
                    return self._done(kind, name, places, args, real(*args, **options))
                finally:
                    self._inside = False

        return call

    def _places(self, name: str, args: Any, options: Any) -> list[str]:
        if name not in _BY_PATH:
            return [_absolute(args[0])]
        if name in _TWO_PATHS:
            folders = (options.get("src_dir_fd"), options.get("dst_dir_fd"))
            return [_absolute(path, folder) for path, folder in zip(args, folders, strict=False)]
        return [_absolute(args[0], options.get("dir_fd"))]

    def _counts(self, place: str) -> bool:
        return place == self.folder or place.startswith(self.folder + "/")

    def _before(self, kind: str, name: str, places: list[str], args: Any) -> None:
        if self._acts or kind not in self._kinds or not places[-1].endswith(self._name):
            return
        self.count += 1
        if self.count - 1 not in self._range:
            return
        self.failed += 1
        self.last = f"{name} {os.path.basename(places[-1])}"
        if self._act is not None:
            self._inside, self._acts = False, True
            try:
                self._act()
            finally:
                self._acts = False
            return
        if self.disk is not None and kind == "sync":
            self.disk.not_synced(places[0], args[0])
        path = (os.fspath(args[0]),) if name in _BY_PATH else ()
        raise OSError(self._number, os.strerror(self._number), *path)

    def _done(self, kind: str, name: str, places: list[str], args: Any, result: Any) -> Any:
        self.log.append(f"{name} {os.path.basename(places[-1])}")
        if self.disk is not None:
            if name == "pwrite":
                self.disk.written(args[0], args[2], result)
            elif kind == "sync":
                self.disk.synced(places[0], args[0])
            elif name in _BY_PATH:
                self.disk.look()
            self.disk.changed()
        return result


class Disk:
    """What of a folder is on the disk: bytes of files by their sync, names by that of the folder.

    A sync that fails takes the pages for clean, as Linux does: what was written before, and is not
    written anew, never reaches the disk.

    Args:
        folder: what is in it now is on the disk.
        unsynced: but for these names.
        at_change: is called after each change.
    """

    def __init__(
        self,
        folder: Any,
        *,
        unsynced: Iterable[str] = (),
        at_change: Callable[[Disk], None] | None = None,
    ) -> None:
        self.folder = os.path.realpath(folder)
        self._held: dict[int, int] = {}
        self._safe: dict[int, bytearray] = {}
        self._lost: dict[int, dict[int, bytes]] = {}
        self._at_change = at_change
        self.look()
        away = set(unsynced)
        self._names = {name: node for name, node in self._now().items() if name not in away}
        for node in self._names.values():
            self._safe[node] = bytearray(self._bytes(node))

    def _now(self) -> dict[str, int]:
        found = {}
        for name in _REAL["listdir"](self.folder):
            path = os.path.join(self.folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                found[name] = _REAL["stat"](path).st_ino
        return found

    def look(self) -> None:
        """Hold the files that have names, so that no other file gets their numbers."""
        for name, node in self._now().items():
            if node not in self._held:
                self._held[node] = _REAL["open"](os.path.join(self.folder, name), os.O_RDONLY)

    def close(self) -> None:
        """Let all files go."""
        for descriptor in self._held.values():
            _REAL["close"](descriptor)
        self._held.clear()

    def _bytes(self, node: int) -> bytes:
        descriptor = self._held[node]
        return _REAL["pread"](descriptor, _REAL["fstat"](descriptor).st_size, 0)

    def _node(self, descriptor: int) -> int:
        node = _REAL["fstat"](descriptor).st_ino
        if node not in self._held:
            self._held[node] = _REAL["open"](f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        return node

    def written(self, descriptor: int, offset: int, length: int) -> None:
        """Bytes of a file were written: its pages are dirty, whatever they were."""
        lost = self._lost.get(self._node(descriptor), {})
        for page in range(offset // PAGE, (offset + length - 1) // PAGE + 1):
            lost.pop(page, None)

    def synced(self, place: str, descriptor: int) -> None:
        """A sync of a file, or of the folder, has come to its end."""
        if place == self.folder:
            self._names = self._now()
            self.look()
            return
        node = self._node(descriptor)
        now, old, lost = self._bytes(node), self._safe.get(node, bytearray()), self._lost.get(node)
        if lost:
            data = bytearray(now)
            for page, content in lost.items():
                start, end = page * PAGE, min((page + 1) * PAGE, len(now))
                if now[start:end] == content[: end - start]:
                    data[start:end] = (bytes(old[start:end]) + bytes(PAGE))[: max(0, end - start)]
            now = bytes(data)
        self._safe[node] = bytearray(now)

    def not_synced(self, place: str, descriptor: int) -> None:
        """A sync has failed: what was dirty is clean now, and on no disk."""
        if place == self.folder:
            return
        node = self._node(descriptor)
        now, old = self._bytes(node), self._safe.get(node, bytearray())
        lost = self._lost.setdefault(node, {})
        for page in range(-(-len(now) // PAGE)):
            start, end = page * PAGE, (page + 1) * PAGE
            if now[start:end] != bytes(old[start:end]):
                lost[page] = now[start:end]

    def changed(self) -> None:
        """Tell of a change."""
        if self._at_change is not None:
            self._at_change(self)

    def image(self, *, names: bool = False, data: str = "safe", seed: int = 0) -> dict[str, bytes]:
        """What a loss of power leaves now.

        Args:
            names: all names have reached the disk, and not only those that were synced.
            data: ``safe``: only what was synced has; ``now``: all; ``some``: some pages.
            seed: which.
        """
        chance, found = random.Random(seed), {}
        for name, node in (self._now() if names else self._names).items():
            if node not in self._held:
                self.look()
            safe, now = bytes(self._safe.get(node, b"")), self._bytes(node)
            if data == "some":
                length = len(chance.choice((safe, now)))
                parts = [
                    (chance.choice((safe, now))[at : at + PAGE] + bytes(PAGE))[:PAGE]
                    for at in range(0, length, PAGE)
                ]
                found[name] = b"".join(parts)[:length]
            else:
                found[name] = now if data == "now" else safe
        return found

    def images(self, seed: int = 0) -> Iterator[dict[str, bytes]]:
        """Several of these: with and without the unsynced names and bytes, and in between."""
        for names in (False, True):
            for data in ("safe", "now", "some"):
                yield self.image(names=names, data=data, seed=seed)


def put_image(image: dict[str, bytes], folder: Path) -> Path:
    """Make a folder hold an image."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in image.items():
        (folder / name).write_bytes(data)
    return folder

"""Verification: reading everything, to report which keys are intact."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from .backends.base import Session
from .backends.meter import Progress
from .errors import (
    HdfchkError,
    MissingExtraError,
    NestingError,
    TransactionError,
    UnknownTypeError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from .keys import MAX_PATH, Path, join
from .location import Location

__all__ = ["Report", "verify"]


@attrs.frozen
class Report:
    """The result of `verify`.

    Args:
        whole: the key paths of all intact values, in the order of the file.
        damaged: the key paths of damaged values, each with its error.
        unread: the key paths of values that were not verified, each with the reason: the value is
            in another file, needs a class or library that is not available or far more memory than
            the file has bytes, is nested too deeply, or its class uses the store to restore it,
            which is not possible meanwhile. Also the key paths of objects that are not values
            (references, types without an equivalent in NumPy), whose bytes HDF5 could read.
    """

    whole: tuple[str, ...]
    damaged: dict[str, HdfchkError]
    unread: dict[str, HdfchkError]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged

    def __repr__(self) -> str:
        """Return the numbers of keys, not the keys."""
        return f"<Report: {self._counts()}>"

    def summary(self, most: int | None = 20) -> str:
        """Return the report as text: the numbers, and the damaged and unread keys with the reasons.

        Args:
            most: the maximum number of keys of each kind in the text; None for all.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["a"] = {"b": [1, 2], "c": 3}
            >>> print(chk.verify().summary())
            2 values: 2 whole, 0 damaged, 0 not read
        """
        total = len(self.whole) + len(self.damaged) + len(self.unread)
        lines = [f"{total} value{'' if total == 1 else 's'}: {self._counts()}"]
        for title, found in (("damaged", self.damaged), ("not read", self.unread)):
            if found:
                lines.append(f"{title}:")
                lines += [
                    f"  {key}: {error.problem}" + (f"; {error.hint}" if error.hint else "")
                    for key, error in list(found.items())[:most]
                ]
                if most is not None and len(found) > most:
                    lines.append(f"  and {len(found) - most} more")
        return "\n".join(lines)

    def _counts(self) -> str:
        counts = len(self.whole), len(self.damaged), len(self.unread)
        return "{} whole, {} damaged, {} not read".format(*counts)


_NOT_READ = (
    UnsupportedStoredError,
    UnsafeFileError,
    UnknownTypeError,
    MissingExtraError,
    NestingError,
    TransactionError,
)
_Level = tuple[Session, Path, Iterator[str]]
"""A session whose root is a group, the path of the group, and its names not yet visited."""
_Note = Callable[[Path, HdfchkError], None]


def verify(location: Location, progress: Progress | None = None) -> Report:
    """Read every value and every attribute of a store, and check all checksums.

    Args:
        location: the location of the store.
        progress: called with the number of values read.
    """
    with location.handle.reading() as session:
        return _Verifier(location, session, progress).run()


MOST_LEVELS = MAX_PATH
"""The maximum number of levels: deeper objects have no valid key, and are not visited."""


class _Verifier:
    def __init__(self, location: Location, session: Session, progress: Progress | None) -> None:
        self._location = location
        self._session = session
        self._progress = progress
        self._whole: list[str] = []
        self._damaged: dict[str, HdfchkError] = {}
        self._unread: dict[str, HdfchkError] = {}

    def run(self) -> Report:
        total = 0
        if self._progress is not None:
            total = sum(1 for _ in self._values(self._ignore))
        for count, (session, inner, path) in enumerate(self._values(self._note), 1):
            try:
                self._value(session, inner, path)
                self._whole.append(join(path))
            except HdfchkError as error:
                self._note(path, error)
            if self._progress is not None:
                self._progress(count, max(count, total))
        return Report(tuple(self._whole), self._damaged, self._unread)

    def _note(self, path: Path, error: HdfchkError) -> None:
        error.file = error.file or self._location.file
        place = join(path) or "/"
        if not (error.key or "").startswith(place):
            error.key = place  # the group that contains it has reported it
        found = self._unread if isinstance(error, _NOT_READ) else self._damaged
        found[place] = error

    @staticmethod
    def _ignore(path: Path, error: HdfchkError) -> None:
        """The first pass only counts the values."""

    def _values(self, note: _Note) -> Iterator[tuple[Session, Path, Path]]:
        """Iterate over all values: a session, the path in it, and the path from the root.

        Each group is visited once, even if several links lead to it, by a session on its parent:
        with paths from the root, HDF5 would traverse all levels for each object.
        """
        seen: set[Any] = set()
        first = self._enter(self._session, (), (), seen, note)
        if first is None:
            yield self._session, (), ()
        todo = [first] if first else []
        while todo:
            session, path, names = todo[-1]
            below = None
            for name in names:
                below = self._enter(session, (name,), (*path, name), seen, note)
                if below is None:
                    yield session, (name,), (*path, name)
                elif below:
                    break
            if below:
                todo.append(below)
            else:
                todo.pop()

    def _enter(
        self, session: Session, inner: Path, path: Path, seen: set[Any], note: _Note
    ) -> _Level | tuple[()] | None:
        """Return the dict at a path, to be visited; nothing if it was visited; None for a value."""
        try:
            stat = session.stat(inner)
            if stat is None or not stat.is_dict:
                return None
            identity = session.identity(inner)
            if identity in seen:
                return ()
            seen.add(identity)
            if len(path) >= MOST_LEVELS:
                raise NestingError(
                    f"groups nested more than {MOST_LEVELS} levels deep are not verified",
                    hint="read them with plain h5py",
                )
            if note == self._note:
                self._attributes_of_group(session, inner, path)
            below = session.at(inner) if inner else session
            return below, path, iter(below.names(()))
        except HdfchkError as error:
            note(path, error)
            return ()

    def _attributes_of_group(self, session: Session, inner: Path, path: Path) -> None:
        try:
            self._attributes(session, inner)
        except HdfchkError as error:
            self._note(path, error)

    def _attributes(self, session: Session, path: Path) -> None:
        for name in session.attribute_names(path):
            with contextlib.suppress(UnsupportedStoredError):  # for example a reference
                session.read_attribute(path, name)

    def _value(self, session: Session, inner: Path, path: Path) -> None:
        try:
            node = session.read_value(inner)
        except UnsupportedStoredError:
            session.verify(inner, has_value=False)
            raise
        session.verify(inner)
        self._attributes(session, inner)
        if node is not None:
            self._location.decode(node, path)

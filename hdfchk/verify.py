"""Reading everything, to tell which keys are whole."""

from __future__ import annotations

import attrs

from .backends.base import Session
from .backends.meter import Progress
from .context import Context
from .errors import (
    HdfchkError,
    MissingExtraError,
    UnknownTypeError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from .keys import Path, join

__all__ = ["Report", "verify"]


@attrs.frozen
class Report:
    """What `verify` found.

    Args:
        whole: the key paths of all values that read, in the order of the file.
        damaged: the key paths of those that do not, each with its error.
        unread: the key paths of what was not looked at: it is no value (a reference, say), lies in
            another file, or needs a class or library that is not here.
    """

    whole: tuple[str, ...]
    damaged: dict[str, HdfchkError]
    unread: dict[str, HdfchkError]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged


_NOT_READ = (UnsupportedStoredError, UnsafeFileError, UnknownTypeError, MissingExtraError)


def verify(context: Context, progress: Progress | None = None) -> Report:
    """Read every value of a store, and every attribute, and look at all checksums.

    Args:
        context: of the store.
        progress: is told how many values are read.
    """
    with context.handle.reading() as session:
        return _Verifier(context, session, progress).run()


class _Verifier:
    def __init__(self, context: Context, session: Session, progress: Progress | None) -> None:
        self._context = context
        self._session = session
        self._progress = progress
        self._whole: list[str] = []
        self._damaged: dict[str, HdfchkError] = {}
        self._unread: dict[str, HdfchkError] = {}

    def run(self) -> Report:
        leaves = self._leaves()
        for count, path in enumerate(leaves, 1):
            try:
                self._value(path)
                self._whole.append(join(path))
            except HdfchkError as error:
                self._note(path, error)
            if self._progress is not None:
                self._progress(count, len(leaves))
        return Report(tuple(self._whole), self._damaged, self._unread)

    def _note(self, path: Path, error: HdfchkError) -> None:
        error.file = error.file or self._context.handle.backend.address
        place = self._unread if isinstance(error, _NOT_READ) else self._damaged
        place[join(path) or "/"] = error

    def _leaves(self) -> list[Path]:
        """The paths of all values. Each group is entered once, whatever leads to it."""
        found: list[Path] = []
        seen = set()
        todo: list[Path] = [()]
        while todo:
            path = todo.pop()
            try:
                stat = self._session.stat(path)
                if stat is None or not stat.is_dict:
                    found.append(path)
                    continue
                self._attributes(path)
                identity = self._session.identity(path)
                if identity not in seen:
                    seen.add(identity)
                    names = self._session.names(path)
                    todo += [(*path, name) for name in reversed(names)]
            except HdfchkError as error:
                self._note(path, error)
        return found

    def _attributes(self, path: Path) -> None:
        for name in self._session.attribute_names(path):
            self._session.read_attribute(path, name)

    def _value(self, path: Path) -> None:
        self._attributes(path)
        node = self._session.read_value(path)
        self._session.verify(path)
        if node is not None:
            self._context.decode(node, path)

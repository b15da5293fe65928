"""`Location`: a path in a store, held by groups, arrays and attributes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import attrs

from .backends.base import Session
from .codecs.portable import Capabilities
from .connection.handle import Handle
from .connection.patience import impatient
from .errors import CheckpointerKeyError, HdfchkError
from .keys import Path, join, missing
from .tree import Node
from .views import access
from .views.key_filter import Filters, Verdict

__all__ = ["Codecs", "Location", "Placed"]


GLANCE_SECONDS = 0.2
"""The maximum time, in seconds, for which a representation waits for other users of the file."""


class Codecs(Protocol):
    """Converts values to trees and back: a `CodecRegistry` or a replacement."""

    def encode(self, value: Any, capabilities: Capabilities) -> Node:
        """Convert a value to a tree."""

    def decode(self, node: Node, *, allow_pickle: bool = False) -> Any:
        """Convert a tree to a value."""


@attrs.define(on_setattr=attrs.setters.frozen, repr=False)
class Location:
    """A path in a store.

    Args:
        handle: opens and closes the storage.
        codecs: convert values to trees and back.
        allow_pickle: unpickle what the older checkpointer pickled.
        mmap: large arrays are mapped instead of read, if possible.
        path: the path, from the root of the store.
        filters: determine which keys are visible.
        leaves_out: values that cannot be stored are left out, with a warning.
        frozen: arrays that are read are read-only.
    """

    handle: Handle
    codecs: Codecs
    allow_pickle: bool = False
    mmap: bool = False
    path: Path = ()
    filters: Filters = attrs.field(factory=Filters)
    leaves_out: bool = False
    frozen: bool = False

    def at(self, path: Path, filters: Filters | None = None) -> Location:
        """Return another location in the store.

        Args:
            path: its path, from the root of the store.
            filters: its filters; by default those of this location.
        """
        return Location(
            self.handle,
            self.codecs,
            self.allow_pickle,
            self.mmap,
            path,
            self.filters if filters is None else filters,
            self.leaves_out,
            self.frozen,
        )

    @property
    def file(self) -> str:
        """The name of the store in messages."""
        return self.handle.backend.address

    # -- values ----------------------------------------------------------------------------------

    def encode(self, value: Any, path: Path) -> Any:
        """Convert a value, to be stored at `path`, to a tree."""
        __tracebackhide__ = True
        try:
            return self.codecs.encode(value, self.handle.backend.capabilities)
        except HdfchkError as error:
            raise self._named(error, path) from error.__cause__

    def decode(self, node: Node, path: Path) -> Any:
        """Convert the tree stored at `path` to a value."""
        __tracebackhide__ = True
        try:
            if not self.frozen:
                return self.codecs.decode(node, allow_pickle=self.allow_pickle)
            from .freezing import freeze, freeze_leaves

            freeze_leaves(node)
            value = self.codecs.decode(node, allow_pickle=self.allow_pickle)
        except HdfchkError as error:
            raise self._named(error, path) from error.__cause__
        freeze(value)
        return value

    def _named(self, error: HdfchkError, path: Path) -> HdfchkError:
        error.file = error.file or self.file
        if path:
            error.under(join(path))
        return error

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Context whose errors name the key and the file."""
        try:
            yield
        except HdfchkError as error:
            error.key = error.key or join(self.path)
            error.file = error.file or self.file
            raise

    @contextmanager
    def glance(self) -> Iterator[None]:
        """Context for representations: it does not wait long, and never creates a file."""
        begins = self.handle.mode in {"w", "x"}
        with impatient(GLANCE_SECONDS), nullcontext() if begins else self.handle.held():
            yield

    # -- filters ---------------------------------------------------------------------------------

    def check_visible(self) -> None:
        """Raise an error if the filters hide this location."""
        with self.naming():
            access.check_visible(self.filters, self.path)

    def check_whole(self) -> None:
        """Raise an error if the filters allow only a dict here, or hide this location."""
        with self.naming():
            if access.check_visible(self.filters, self.path) is not Verdict.FULL:
                raise access.refused(self.path, "the key filter lets only a dict stand at this key")

    def has(self, path: Path) -> bool:
        """Whether something is stored at a path that the filters accept."""
        if self.filters.verdict(path) is Verdict.NONE:
            return False
        with self.handle.reading() as session:
            stat = session.stat(path)
            return stat is not None and self.filters.wants(path, stat.is_dict)

    def suggesting(
        self, error: CheckpointerKeyError, session: Session, path: Path
    ) -> CheckpointerKeyError:
        """Extend an error for a missing key by a suggestion of the nearest existing one."""
        if session.last_name(()) is None and not self.handle.backend.exists():
            error.file = self.file
            error.hint = "the file does not exist, or is empty: check its path"
            return error
        return access.suggesting(error, session, self.filters, self.path, path)

    def missing(self, session: Session, path: Path) -> CheckpointerKeyError:
        """Return the error for a missing key; it suggests the nearest existing one."""
        return self.suggesting(missing(path), session, path)


class Placed(ABC):
    """A live object: it holds a location, never data."""

    _location: Location

    @abstractmethod
    def _loaded(self) -> Any:
        """Return the whole contents as a plain value."""

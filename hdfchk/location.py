"""Where something is in a store: what groups, arrays and attributes hold."""

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
"""So long what is shown unasked waits for others that use the file."""


class Codecs(Protocol):
    """Turns values into trees and back: a `CodecRegistry`, or what takes its place."""

    def encode(self, value: Any, capabilities: Capabilities) -> Node:
        """The tree of a value."""

    def decode(self, node: Node, *, allow_pickle: bool = False) -> Any:
        """The value of a tree."""


@attrs.define(on_setattr=attrs.setters.frozen, repr=False)
class Location:
    """A place in a store.

    Args:
        handle: opens and closes the storage.
        codecs: values to trees and back.
        allow_pickle: unpickle what the older checkpointer pickled.
        mmap: large arrays are mapped, where they can be, and not read.
        path: the place, from the root of the store.
        filters: what of the store may be seen.
        leaves_out: values that cannot be kept are left out, with a warning.
        frozen: arrays that are read cannot be written to.
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
        """Another place in the store.

        Args:
            path: from its root.
            filters: what may be seen from there; by default what may be seen from here.
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
        """How messages call the store."""
        return self.handle.backend.address

    # -- values ----------------------------------------------------------------------------------

    def encode(self, value: Any, path: Path) -> Any:
        """The tree of `value`, which is to be put at `path`."""
        __tracebackhide__ = True
        try:
            return self.codecs.encode(value, self.handle.backend.capabilities)
        except HdfchkError as error:
            raise self._named(error, path) from error.__cause__

    def decode(self, node: Node, path: Path) -> Any:
        """The value of the tree that is stored at `path`."""
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
        """A block whose errors get the key and the file."""
        try:
            yield
        except HdfchkError as error:
            error.key = error.key or join(self.path)
            error.file = error.file or self.file
            raise

    @contextmanager
    def glance(self) -> Iterator[None]:
        """A block for what is shown unasked: it waits for nobody, and begins no new file."""
        begins = self.handle.mode in {"w", "x"}
        with impatient(GLANCE_SECONDS), nullcontext() if begins else self.handle.held():
            yield

    # -- what the filters say --------------------------------------------------------------------

    def check_visible(self) -> None:
        """Refuse a place that the filters hide.

        Raises:
            CheckpointerKeyError: they do.
        """
        with self.naming():
            access.check_visible(self.filters, self.path)

    def check_whole(self) -> None:
        """Refuse a place at which the filters let only a dict be stored.

        Raises:
            CheckpointerKeyError: they do, or they hide it.
        """
        with self.naming():
            if access.check_visible(self.filters, self.path) is not Verdict.FULL:
                raise access.refused(self.path, "the key filter lets only a dict stand at this key")

    def has(self, path: Path) -> bool:
        """Whether something is stored at a path that the filters let through."""
        if self.filters.verdict(path) is Verdict.NONE:
            return False
        with self.handle.reading() as session:
            stat = session.stat(path)
            return stat is not None and self.filters.wants(path, stat.is_dict)

    def suggesting(
        self, error: CheckpointerKeyError, session: Session, path: Path
    ) -> CheckpointerKeyError:
        """The error for a key below this place that does not exist, with the nearest one."""
        if session.last_name(()) is None and not self.handle.backend.exists():
            error.file = self.file
            error.hint = "the file does not exist, or is empty: check its path"
            return error
        return access.suggesting(error, session, self.filters, self.path, path)

    def missing(self, session: Session, path: Path) -> CheckpointerKeyError:
        """The error for a key below this place that does not exist; it names the nearest one."""
        return self.suggesting(missing(path), session, path)


class Placed(ABC):
    """A live object over what is stored at a place: it has the place, and never the data."""

    _location: Location

    @abstractmethod
    def _loaded(self) -> Any:
        """All that is stored there, as a plain value."""

"""A dict used in place, and a store that stores nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from ..codecs.portable import NATIVE, Capabilities
from ..keys import problem_of_name
from ..tree import Branch, Leaf
from .base import Change, Session, Storage
from .layout import Layout
from .memory import MemoryBackend, MemorySession, MemoryStorage
from .meter import Meter

__all__ = ["DictBackend", "NullBackend"]


class _Plain:
    """The codecs of a dict used in place: values are stored as the objects themselves."""

    def encode(self, value: Any, _: Capabilities = NATIVE) -> Leaf | Branch:
        """Convert nested dicts to branches, everything else to a leaf."""
        if type(value) is dict and all(
            type(key) is str and problem_of_name(key) is None for key in value
        ):
            return Branch({name: self.encode(item) for name, item in value.items()})
        return Leaf(value)

    def decode(self, node: Any, *, allow_pickle: bool = False) -> Any:
        """Invert `encode`."""
        if isinstance(node, Branch):
            return {
                name: self.decode(child, allow_pickle=allow_pickle)
                for name, child in node.children.items()
            }
        return node.data


@attrs.define(eq=False)
class DictBackend(MemoryBackend):
    """A dict of the caller's, used in place: it holds the assigned objects themselves."""

    codecs: Any = attrs.field(factory=_Plain)
    kind: ClassVar[str] = "dict"

    @property
    def address(self) -> str:
        """The name in messages."""
        return "a dict"

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> Storage:
        """Return storage over the dict."""
        if mode == "w":
            self.root.clear()
        return MemoryStorage(self.root, self.notes, raw=True)


class _NullSession(MemorySession):
    """Accepts all changes and stores nothing."""

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
        *,
        replace: bool = False,
        parts: bool = False,
    ) -> None:
        """Discard the changes."""
        if meter is not None:
            meter.finish()


@attrs.define(eq=False)
class NullBackend(DictBackend):
    """A store that stores nothing, with which a script can turn checkpointing off."""

    @property
    def address(self) -> str:
        """The name in messages."""
        return "a store that keeps nothing"

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> Storage:
        """Return empty storage each time."""
        return MemoryStorage({}, {}, raw=True)

    def session(self, storage: Storage) -> Session:
        """Return a session that discards all changes."""
        assert isinstance(storage, MemoryStorage)  # noqa: S101  it opens no other
        return _NullSession(storage)

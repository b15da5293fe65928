"""What a store, its groups, arrays and views have in common: the handle and the codecs."""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from .codecs.portable import Capabilities
from .connection.handle import Handle
from .errors import HdfchkError
from .keys import Path, join
from .tree import Node

__all__ = ["Codecs", "Context"]


class Codecs(Protocol):
    """Turns values into trees and back: a `CodecRegistry`, or what takes its place."""

    def encode(self, value: Any, capabilities: Capabilities) -> Node:
        """The tree of a value."""

    def decode(self, node: Node, *, allow_pickle: bool = False) -> Any:
        """The value of a tree."""


@attrs.frozen
class Context:
    """The shared part of one store.

    Args:
        handle: opens and closes the storage.
        codecs: values to trees and back.
        allow_pickle: unpickle what the older checkpointer pickled.
        mmap: large arrays are mapped, where they can be, and not read.
    """

    handle: Handle
    codecs: Codecs
    allow_pickle: bool = False
    mmap: bool = False

    def encode(self, value: Any, path: Path) -> Any:
        """The tree of `value`, which is to stand at `path`."""
        try:
            return self.codecs.encode(value, self.handle.backend.capabilities)
        except HdfchkError as error:
            raise self._at(error, path) from error.__cause__

    def decode(self, node: Node, path: Path) -> Any:
        """The value of the tree that stands at `path`."""
        try:
            return self.codecs.decode(node, allow_pickle=self.allow_pickle)
        except HdfchkError as error:
            raise self._at(error, path) from error.__cause__

    def _at(self, error: HdfchkError, path: Path) -> HdfchkError:
        error.file = error.file or self.handle.backend.address
        if path:
            error.under(join(path))
        return error

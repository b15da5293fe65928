"""What backends without a log have in common."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ..info import Info
    from .base import Storage

__all__ = ["BackendDefaults"]


class BackendDefaults:
    """The methods of a backend whose storage has one name, and no log."""

    __slots__ = ()
    codecs: Any = None
    kind: ClassVar[str] = "memory"

    def is_same(self, key: Hashable, name: Hashable) -> bool:
        """Return True: an object has one name."""
        return True

    def nothing(self) -> Storage:
        """Return empty read-only storage."""
        from .memory import MemoryStorage

        return MemoryStorage({}, {}, writable=False)

    def waits_for(self, storage: Storage, mode: str) -> bool:
        """Return False: there are no locks."""
        return False

    def join(self, storage: Storage) -> None:
        """Do nothing: there is no durability to adjust."""

    def checkpoint_pending(self) -> None:
        """Do nothing: there is no log."""

    def info(self) -> Info:
        """Return the name, and whether there is anything."""
        from ..info import Info

        backend: Any = self
        return Info(backend.address, exists=backend.exists())

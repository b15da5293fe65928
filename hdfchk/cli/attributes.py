"""The HDF5 attributes of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["attributes_of"]


def attributes_of(store: Any, entry: Description) -> dict[str, Any]:
    """All attributes of the user's at a key, by name."""
    if not entry.attributes:
        return {}
    return dict(store.attrs_of(entry.key) if entry.key else store.attrs)

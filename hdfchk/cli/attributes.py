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
    if not entry.key:
        return dict(store.attrs)
    if hasattr(store, "attrs_of"):
        return dict(store.attrs_of(entry.key))
    if entry.kind == "value":
        return {}
    place = store.group(entry.key) if entry.kind == "group" else store.array(entry.key)
    return dict(place.attrs)

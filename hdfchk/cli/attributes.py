"""The HDF5 attributes of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .escapes import escaped

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["Unreadable", "attribute_text", "attributes_of"]


class Unreadable(str):
    """The reason why an attribute cannot be read, in place of its value."""

    __slots__ = ()


def attributes_of(store: Any, entry: Description) -> dict[str, Any]:
    """Return the user's attributes of a key, by name.

    An attribute that cannot be read, for example a reference, is an `Unreadable`.
    """
    if not entry.attributes:
        return {}
    import hdfchk

    place = store.attrs_of(entry.key) if entry.key else store.attrs
    found: dict[str, Any] = {}
    for name in place:
        try:
            found[name] = place[name]
        except hdfchk.HdfchkError as error:
            found[name] = Unreadable(error.problem.removeprefix(f"attribute {name!r}: "))
    return found


def attribute_text(name: str, value: Any) -> str:
    """Return an attribute as one line."""
    if isinstance(value, Unreadable):
        return escaped(f"@{name}: ! {value}")
    return escaped(f"@{name} = {' '.join(repr(value).split())}")

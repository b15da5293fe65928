"""The HDF5 attributes of a group or array, as a mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from .codecs.packing import mark_from_text, mark_to_text
from .errors import (
    CheckpointerKeyError,
    HdfchkError,
    InvalidKeyError,
    InvalidKeyTypeError,
    UnsupportedTypeError,
)
from .keys import join
from .left_out import leaving_out
from .location import Location
from .tree import Leaf

__all__ = ["Attributes"]

_PREFIX = "hdfchk"
_MARK_PREFIX = "hdfchk:mark:"
MOST_SHOWN = 100
"""The maximum number of attributes shown in a notebook."""


class Attributes(MutableMapping[str, Any]):
    """Attributes of a key, for example its units, a comment or its origin.

    Each is an HDF5 attribute, which every HDF5 tool shows. Values are numbers, strings, arrays and
    short lists; their types are preserved. hdfchk's own marks (all names that begin with
    ``hdfchk``) are hidden, and cannot be set.

    Guarantees:
        Setting or deleting one attribute is one commit.

    Example:
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk["energy"] = -76.4
        >>> chk.group("params", create=True).attrs["units"] = "hartree"
        >>> dict(chk.group("params").attrs)
        {'units': 'hartree'}
    """

    def __init__(self, location: Location, check: Callable[[], None]) -> None:
        self._location = location
        self._check = check

    def __repr__(self) -> str:
        """Return the location and the first names."""
        from .display.texts import keys_of, problem_of

        try:
            with self._location.glance():
                names = self._names()
            told = keys_of(len(names), names, "attribute")
        except Exception as error:  # a debugger also shows locked, damaged and removed files
            told = problem_of(error)
        return f"<Attributes of {join(self._location.path)!r} in {self._location.file}: {told}>"

    def _repr_html_(self) -> str:
        from .display import html
        from .display.texts import count_of, near, problem_of

        kind, file = "Attributes", near(self._location.file)
        place = f"{join(self._location.path)!r} in {file}"
        try:
            with self._location.glance():
                names = self._names()
                pairs = [(name, self._told(name)) for name in names[:MOST_SHOWN]]
            more = len(names) - len(pairs)
            rest = html.note(f"… {count_of(more, 'more attribute')}") if more else ""
            notes = "" if names else "none"
            return html.box(kind, place, notes, html.properties(pairs), rest)
        except Exception as error:
            return html.box(kind, place, "", html.problem(problem_of(error)))

    def _told(self, name: str) -> str:
        from .display.texts import problem_of, short

        try:
            return short(self[name])
        except (HdfchkError, OSError) as error:
            return problem_of(error)

    def __getitem__(self, name: str) -> Any:
        """Return the value of an attribute.

        Raises:
            CheckpointerKeyError: there is none of this name (a `KeyError`).
        """
        self._check()
        if not _is_name(name):
            raise self._missing(name)
        with self._location.handle.reading() as session:
            leaf = session.read_attribute(self._location.path, name)
            note = session.read_attribute(self._location.path, _MARK_PREFIX + name)
        if leaf is None:
            raise self._missing(name)
        if note is not None and isinstance(note.data, str):
            leaf = Leaf(leaf.data, mark_from_text(note.data))
        return self._location.decode(leaf, self._location.path)

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an attribute.

        Raises:
            InvalidKeyError: the name is empty, contains a NUL, or is reserved.
            UnsupportedTypeError: an attribute cannot hold the value (for example, a dict).
        """
        self._check()
        if type(name) is not str:
            raise InvalidKeyTypeError(f"the name of an attribute is a str, not {name!r}")
        if not _is_name(name):
            raise InvalidKeyError(
                f"{name!r} cannot be the name of an attribute",
                key=join(self._location.path),
                hint="names that begin with 'hdfchk' belong to the library",
            )
        with leaving_out(self._location, f"{join(self._location.path)} (attribute {name!r})"):
            self._set(name, value)

    def _set(self, name: str, value: Any) -> None:
        node = self._location.encode(value, self._location.path)
        if not isinstance(node, Leaf):
            raise UnsupportedTypeError(
                f"attribute {name!r}: a {type(value).__qualname__} needs more than one HDF5 object",
                key=join(self._location.path),
                hint="store it under a key of its own",
            )
        note = None if node.mark is None else Leaf(mark_to_text(node.mark))
        with self._location.handle.writing() as session:
            session.write_attributes(
                self._location.path, {name: Leaf(node.data), _MARK_PREFIX + name: note}
            )

    def __delitem__(self, name: str) -> None:
        """Delete an attribute.

        Raises:
            CheckpointerKeyError: there is none of this name (a `KeyError`).
        """
        self._check()
        if name not in self:
            raise self._missing(name)
        with self._location.handle.writing() as session:
            session.write_attributes(self._location.path, {name: None, _MARK_PREFIX + name: None})

    def __contains__(self, name: object) -> bool:
        """Whether there is an attribute of this name."""
        return name in self._names()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._names())

    def __len__(self) -> int:
        """Return the number of attributes."""
        return len(self._names())

    def _names(self) -> list[str]:
        self._check()
        with self._location.handle.reading() as session:
            found = session.attribute_names(self._location.path)
        return [name for name in found if not name.startswith(_PREFIX)]

    def _missing(self, name: object) -> CheckpointerKeyError:
        return CheckpointerKeyError(
            f"no attribute {name!r}",
            file=self._location.file,
            key=join(self._location.path),
            hint="see list(attrs)",
        )


def _is_name(name: object) -> bool:
    """Whether a user attribute can have this name."""
    return (
        isinstance(name, str) and bool(name) and "\0" not in name and not name.startswith(_PREFIX)
    )

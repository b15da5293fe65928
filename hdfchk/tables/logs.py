"""Logs of several values: a row for each key of a dict, all of them as one commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..arrays import creation
from ..arrays.creation import FirstRow
from ..errors import InvalidOptionError, UnsupportedTypeError
from ..keys import join, parse, require_names
from ..location import Location
from ..tree import Branch
from ..views import access
from .group_form import GroupForm

__all__ = ["append_dict"]


def append_dict(location: Location, row: Mapping[Any, Any]) -> None:
    """Append a row, or rows, to each key of the dict at a location; the first row creates it.

    If a structured array is stored there, a dict is one of its rows.

    Raises:
        InvalidOptionError: the keys differ from those of the stored dict, or the values differ in
            their numbers of rows (a `ValueError`).
        UnsupportedTypeError: a value does not fit its array, or is a dict.
        UnsupportedStoredError: the stored value is not a dict of arrays of equal length.
    """
    location.check_whole()
    handle, path = location.handle, location.path
    with handle.turn():
        if handle.table_form(path) is not None:
            GroupForm(location).append(row, widens=True)
            return
        with handle.writing_alone():
            with handle.reading() as session:
                stat = session.stat(path)
                is_dict = stat is not None and stat.is_dict
                is_empty = is_dict and not session.names(path)
            if stat is None or is_empty:
                _begin(location, row)
            elif is_dict:
                GroupForm(location).append(row, widens=True)
            else:
                creation.append(location, row)


def _begin(location: Location, row: Mapping[Any, Any]) -> None:
    """Create a dict of arrays with one row each."""
    handle, path = location.handle, location.path
    require_names(row.items(), location.file, path)
    if not row:
        raise InvalidOptionError(
            "a row without values", file=location.file, key=join(path), hint="name its values"
        )
    first = {name: _first_row(location, name, value) for name, value in row.items()}
    with handle.writing() as session:
        drafts: dict[str, Any] = {
            name: made.draft(session, (*path, name)) for name, made in first.items()
        }
        node: Any = Branch(drafts)
        handle.touch([path])
        session.apply(access.replacements(session, location.filters, [(path, node)]))


def _first_row(location: Location, name: Any, value: Any) -> FirstRow:
    here = location.at(location.path + parse((name,)))
    with here.naming():
        here.check_whole()
        if isinstance(value, Mapping):
            raise UnsupportedTypeError(
                "a value of a row is a number, a text or an array, not a dict",
                hint=f"append to it by itself: chk.append({join(here.path)!r}, {{…}})",
            )
        return FirstRow.of(here, value)

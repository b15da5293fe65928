"""One column of a stored DataFrame, without the others."""

from __future__ import annotations

from typing import Any

from ..codecs.frames import closed, series
from ..errors import CheckpointerKeyError, UnsupportedStoredError
from ..keys import Path, join
from ..location import Location
from ..tree import Branch

__all__ = ["column"]


def column(location: Location, path: Path, name: Any) -> Any:
    """The column `name` of the DataFrame at `path`, below the group at `location`, as a Series.

    Raises:
        CheckpointerKeyError: there is none.
        UnsupportedStoredError: what stands there is not a DataFrame.
    """
    with location.handle.reading() as session:
        stat = session.stat(path)
        if stat is None:
            raise location.missing(session, path)
        if stat.mark is None or stat.mark.name != "pandas.DataFrame":
            raise UnsupportedStoredError(
                "the value is not a DataFrame", key=join(path), hint="read it by chk[key]"
            )

        def part(field: str) -> Any:
            return location.decode(session.read((*path, field)), (*path, field))

        names = part("columns")
        try:
            place = names.get_loc(name)
        except KeyError as error:
            raise CheckpointerKeyError(
                f"there is no column {name!r}", key=join(path), hint=f"it has {list(names)[:20]}"
            ) from error
        if names.nlevels > 1 and (not isinstance(name, tuple) or len(name) < names.nlevels):
            raise CheckpointerKeyError(
                f"{name!r} is a part of the name of a column",
                key=join(path),
                hint=f"give all {names.nlevels} levels, as {names[0]!r}",
            )
        number = place if isinstance(place, int) else _first(place)
        values = part(f"column{number}")
        node = session.read((*path, "index"))
        if isinstance(node, Branch):
            node = closed(node, len(values))
        index = location.decode(node, (*path, "index"))
    return series(values, index, names[number])


def _first(place: Any) -> int:
    """The first of several columns of one name: pandas gives a slice, or a mask."""
    if isinstance(place, slice):
        return int(place.start)
    return int(place.argmax())

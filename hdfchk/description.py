"""`Description`: the description of a key, as `Group.describe` returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from .errors import CheckpointerKeyError, HdfchkError, InvalidOptionError
from .keys import join
from .tree import Leaf
from .views import access
from .views.key_filter import Verdict

if TYPE_CHECKING:
    import numpy as np

    from .backends.entries import Entry
    from .keys import Path
    from .location import Location

__all__ = ["Description", "describe"]


@attrs.frozen
class Description:
    """The description of one key, without its value.

    Args:
        key: the key path, relative to the described group; empty for the group itself.
        kind: ``"group"``: a dict, whose keys are keys of the store; ``"array"``: an array, also
            masked or sparse; ``"value"``: anything else, whatever it is stored as.
        type: the Python type in words: ``"dict"``, ``"list of int"``, ``"DataFrame 20 × 3"``; the
            name of a registered class.
        length: the number of visible keys of a dict; the `len` of another value, if known without
            reading it.
        shape: the lengths of the axes of an array, or the numbers of rows and columns of a table;
            otherwise None.
        dtype: the dtype of an array, or of a NumPy scalar; otherwise None.
        nbytes: the size of the elements in memory, in bytes; None if unknown without reading it.
        stored: the size of the elements in the file, in bytes; None for a dict.
        layout: the layout of a value stored as one HDF5 dataset: ``"contiguous"``, ``"chunked"`` or
            ``"compact"``; ``"virtual"`` or ``"external"`` if its elements are in other files.
            Otherwise None.
        chunks: the shape of a chunk.
        compression: the name of the filter that compresses the chunks.
        attributes: the number of user attributes.
        value: the value, if it is small and was requested; see `has_value`.
        has_value: whether `value` is the value.
        problem: what is wrong, in one line: the value is damaged, has a type that cannot be read,
            or is a link that is not followed. None if no problem is known.

    Example:
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk["params"] = {"steps": 500, "method": "euler"}
        >>> [(d.key, d.type, d.value) for d in chk.describe("params", values=True)]
        [('params/steps', 'int', 500), ('params/method', 'str', 'euler')]
    """

    key: str
    kind: Literal["group", "array", "value"]
    type: str
    length: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[Any] | None = None
    nbytes: int | None = None
    stored: int | None = None
    layout: str | None = None
    chunks: tuple[int, ...] | None = None
    compression: str | None = None
    attributes: int = 0
    value: Any = None
    has_value: bool = False
    problem: str | None = None


def describe(
    location: Location, path: Path, *, depth: int | None, limit: int | None, values: bool
) -> list[Description]:
    """Describe what is stored at and below a path.

    Args:
        location: the location of the described group.
        path: from the root of the store.
        depth: the number of levels below it; None for all, 0 for the path itself.
        limit: the maximum number of descriptions.
        values: include small values.
    """
    for name, number in (("depth", depth), ("limit", limit)):
        if number is not None and number < 0:
            raise InvalidOptionError(f"{name}={number!r}", hint="it is 0 or more, or None for all")
    filters = location.filters
    with location.handle.reading() as session:
        verdict = access.check_visible(filters, path)
        select = None if filters.is_whole(path) else filters.wants
        try:
            found = session.entries(path, depth=depth, limit=limit, select=select, values=values)
        except CheckpointerKeyError as error:
            if error.key != join(path):
                raise
            raise location.missing(session, path) from error
    if verdict is Verdict.PART and found and found[0].key == "" and found[0].kind != "group":
        raise access.refused(path)
    above = "/".join(path[len(location.path) :])
    return [_description(location, entry, above) for entry in found]


def _description(location: Location, entry: Entry, above: str) -> Description:
    value, has_value = None, False
    if entry.leaf is not None:
        value, has_value = _decoded(location, entry.leaf)
    key = f"{above}/{entry.key}" if above and entry.key else above or entry.key
    return Description(
        key, entry.kind, entry.type, entry.length, entry.shape, entry.dtype,
        entry.nbytes, entry.stored, entry.layout, entry.chunks, entry.compression,
        entry.attributes, value, has_value, entry.problem,
    )  # fmt: skip


def _decoded(location: Location, leaf: Leaf) -> tuple[Any, bool]:
    """Decode a leaf; without a value if its class or library is not available."""
    try:
        return location.codecs.decode(leaf), True
    except HdfchkError:
        return None, False

"""`Description`: what `Group.describe` tells of each key."""

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
    """What a store tells of one key without reading its value.

    Args:
        key: the key path from the group that was asked; empty for that itself.
        kind: ``"group"``: a dict, whose keys are keys of the store; ``"array"``: an array, also
            masked or sparse; ``"value"``: anything else, whatever it is stored as.
        type: the type in Python, as a person says it: ``"dict"``, ``"list of int"``,
            ``"DataFrame 20 × 3"``; of a registered class its name.
        length: the number of keys of a dict that can be seen; the `len` of another value, if that
            is known without reading it.
        shape: the lengths of the axes of an array, or the rows and columns of a table; else None.
        dtype: the dtype of an array, or of a scalar of NumPy; else None.
        nbytes: bytes in memory, of the elements; None if that is not known without reading it.
        stored: bytes in the file, of the elements; None for a dict.
        layout: of one HDF5 dataset: ``"contiguous"``, ``"chunked"``, ``"compact"``; ``"virtual"``
            or ``"external"`` if its elements are elsewhere. None for what is stored otherwise.
        chunks: the shape of a chunk.
        compression: the name of the filter that compresses the chunks.
        attributes: the number of HDF5 attributes of the user's.
        value: the value, if it is small and was asked for; see `has_value`.
        has_value: whether `value` is the value.
        problem: what is wrong with it, as one line: it is damaged, of a type that cannot be read,
            or a link that is not followed. None if nothing is known to be wrong.

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
        location: the group that was asked.
        path: from the root of the store.
        depth: the number of levels below it; None for all, 0 for what stands there itself.
        limit: the maximum number of descriptions.
        values: give small values, too.
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
    """The value of a leaf; nothing where its class or library is not here."""
    try:
        return location.codecs.decode(leaf), True
    except HdfchkError:
        return None, False

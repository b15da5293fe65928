"""What tests of files by others share: a fingerprint of a file, and reading all that is in it."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from hdfchk import Group, HdfchkError

STAMP = "hdfchk:stamp"


def fingerprint(path: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """What plain h5py sees of every object: type, layout, filters, attributes and raw data.

    Args:
        path: the file.
        but: keys of the first level to leave out.
    """
    seen: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        for name in list(file):
            if name not in but:
                _look(file, name, seen)
        seen["/"] = _attributes(file)
        stamp = seen["/"].pop(STAMP, None)  # all that a writer of ours adds to the root
        assert stamp is None or file.attrs[STAMP].dtype == "i8" and file.attrs[STAMP].shape == ()
    return seen


def _look(parent: h5py.Group, name: str, seen: dict[str, Any]) -> None:
    where = f"{parent.name.rstrip('/')}/{name}"
    link = parent.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        seen[where] = (type(link).__name__, link.path)
        return
    item = parent[name]
    key = h5py.h5o.get_info(item.id).addr
    if isinstance(item, h5py.Datatype):
        seen[where] = (key, repr(item.dtype))
    elif isinstance(item, h5py.Group):
        seen[where] = (key, list(item), _attributes(item))
        for inner in list(item):
            _look(item, inner, seen)
    else:
        plist = item.id.get_create_plist()
        filters = [plist.get_filter(i)[:3] for i in range(plist.get_nfilters())]
        outside = (plist.get_layout(), filters, item.shape, item.maxshape, item.chunks)
        seen[where] = (key, *outside, item.id.get_type().encode(), _data(item), _attributes(item))


def _attributes(item: Any) -> dict[str, Any]:
    found = {}
    for name in list(item.attrs):
        aid = item.attrs.get_id(name)
        value = None if aid.shape is None or aid.dtype.hasobject else repr(item.attrs[name])
        found[name] = (aid.shape, aid.get_type().encode(), value)
    return found


def _data(item: h5py.Dataset) -> Any:
    if item.shape is None or item.id.get_type().get_class() == h5py.h5t.TIME:
        return None
    if item.size is not None and item.size > 10**6:
        return item.id.get_storage_size()
    try:
        return repr(np.asarray(item[()]).tolist())
    except (OSError, TypeError) as error:
        return type(error).__name__


def read_all(group: Group) -> tuple[dict[str, Any], dict[str, HdfchkError]]:
    """All values of a store by their paths, and the errors of those that cannot be read.

    Every way to look at a key is taken; only our own errors may come.
    """
    values: dict[str, Any] = {}
    errors: dict[str, HdfchkError] = {}
    for name in group:
        try:
            value = group[name]
        except HdfchkError as error:
            errors[name] = error
            continue
        if isinstance(value, Group):
            _read_attributes(value.attrs)
            inner, failed = read_all(value)
            values.update({f"{name}/{key}": item for key, item in inner.items()})
            errors.update({f"{name}/{key}": item for key, item in failed.items()})
            if not inner and not failed:
                values[name] = {}
        else:
            values[name] = value
    return values, errors


def _read_attributes(attributes: Any) -> None:
    """Read each attribute; one that cannot be read says which it is, and where."""
    for name in attributes:
        try:
            attributes[name]
        except HdfchkError as error:
            assert error.key is not None and error.file is not None and name in str(error)

"""Files as the older checkpointer wrote them, made with plain h5py."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

PROTOCOL = 1


def write(parent: h5py.Group, name: str, value: Any) -> None:
    """Store a value as the older checkpointer did: one dataset for each value in a container."""
    if isinstance(value, Mapping):
        group = parent.create_group(name)
        for key, item in value.items():
            write(group, key, item)
    elif isinstance(value, (list, tuple)):
        write_list(parent, name, value)
    elif value is None:
        parent.create_dataset(name, data=h5py.Empty("i"))
    elif isinstance(value, str):
        parent.create_dataset(name, data=np.array(value.encode("ascii") or b"\0", "S"))
    else:
        parent.create_dataset(name, data=np.asarray(value))


def write_list(parent: h5py.Group, name: str, items: Iterable[Any]) -> None:
    """Store a list that is not an array as a group with one member per item, and their number."""
    group = parent.create_group(name)
    count = 0
    for count, item in enumerate(items, 1):
        write(group, f"_list_item_{count - 1}", item)
    group.create_dataset("_list_numitems", data=np.array(count))


def write_pickle(
    parent: h5py.Group, name: str, value: Any, *, protocol: int | None = None
) -> h5py.Group:
    """Store an object as a pickle in base64."""
    return write_raw_pickle(parent, name, pickle.dumps(value, protocol))


def write_raw_pickle(parent: h5py.Group, name: str, raw: bytes) -> h5py.Group:
    """Store the bytes of a pickle in base64."""
    group = parent.create_group(name)
    group.create_dataset("pseudopickle_protocol", data=PROTOCOL)
    group.create_dataset("pickle_data", data=np.array(base64.b64encode(raw), "S"))
    return group


def write_object(
    parent: h5py.Group, name: str, cls: type | bytes, state: Any, *, protocol: int | None = None
) -> h5py.Group:
    """Store an object as its pickled class and its state."""
    group = parent.create_group(name)
    group.create_dataset("pseudopickle_protocol", data=PROTOCOL)
    if isinstance(cls, bytes):
        write_raw_pickle(group, "class", cls)
    else:
        write_pickle(group, "class", cls, protocol=protocol)
    write(group, "state", state)
    return group

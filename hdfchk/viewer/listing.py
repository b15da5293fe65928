"""What is told of the keys of a group."""
from __future__ import annotations
from typing import Any
import attrs
import numpy as np
from itertools import islice
from ..group import Group
from ..errors import HdfchkError

@attrs.frozen
class Entry:
    key: str
    kind: str
    type: str
    length: int | None = None
    shape: tuple[int, ...] | None = None
    nbytes: int | None = None
    attributes: int = 0
    value: Any = None
    has_value: bool = False
    is_record: bool = False
    problem: str | None = None

def entries_of(group: Group, limit: int | None = None, only: str | None = None) -> list[Entry]:
    names = [only] if only is not None else list(islice(group, limit))
    return [_entry(group, name) for name in names]

def _entry(group: Group, name: str) -> Entry:
    try:
        value = group[name]
        if isinstance(value, Group):
            return Entry(name, "group", "dict", len(value))
        try:
            array = group.array(name)
            return Entry(name, "array", type(value).__name__, array.shape[0] if array.shape else None, array.shape, attributes=1)
        except HdfchkError:
            pass
        t = type(value).__qualname__
        if t.startswith(("csr", "csc", "coo")):
            return Entry(name, "array", t, None, value.shape)
        small = isinstance(value, (bool, int, float, str, type(None), complex))
        return Entry(name, "value", t, value=value if small else None, has_value=small)
    except HdfchkError as error:
        try:
            group.group(name)
            return Entry(name, "value", "Water", is_record=True)
        except HdfchkError: pass
        return Entry(name, "value", "unknown", problem=str(error))

"""One adapter a library: how its users save and load. What one can not do, it leaves out."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from . import diskcache_adapter, h5py_adapter, hdfchk_adapter, sqlitedict_adapter

__all__ = ["ADAPTERS", "BASELINE", "Adapter"]

Adapter = Any
"""An object with a `name` and what the cases call: ten lines.

* ``save(path, tree)``: write a nested dict to a new file;
* ``load(path)``: read a whole file as a nested dict;
* ``read(path, key)``: open a file and read the value at one key;
* ``update(path, tree)``: set all keys of a dict in a file that is there;
* ``overwrite(path, values)``: in one open file, set the keys of each dict in turn;
* ``setter(path)``: a context that gives ``set(key, value)`` on an open file.
"""

BASELINE = "h5py"
ADAPTERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        h5py_adapter.Adapter(),
        h5py_adapter.Synced(),
        hdfchk_adapter.Adapter(),
        hdfchk_adapter.Adapter("hdfchk, no fsync", durable=False),
        sqlitedict_adapter.Adapter(),
        diskcache_adapter.Adapter(),
    )
    if find_spec(adapter.module) is not None
}

"""One adapter per library: how its users save and load. It omits what the library cannot do."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from . import (
    anndata_adapter,
    diskcache_adapter,
    h5io_adapter,
    h5py_adapter,
    hdfchk_adapter,
    hickle_adapter,
    jaxon_adapter,
    joblib_adapter,
    pandas_adapter,
    pickle_adapter,
    safetensors_adapter,
    savez_adapter,
    shelve_adapter,
    silx_adapter,
    sqlitedict_adapter,
    zarr_adapter,
)
from .trees import CannotError

__all__ = ["ADAPTERS", "BASELINE", "LACKS", "Adapter", "CannotError"]

Adapter = Any
"""An object with a `name`, the `module` it needs, a line `about` how it is used, and those of these
methods that its library supports:

* ``save(path, tree)``: write a nested dict to a new file or folder;
* ``save_compressed(path, tree)``: the same with compression, described in ``compressed_with``;
* ``load(path)``: read everything as a nested dict;
* ``read(path, key)``: open a file and read the value at one key;
* ``count(path)``: open a file and return the number of its keys;
* ``rows(path, key, start, stop)``: open a file and read some rows of an array;
* ``map(path, key)``: open a file and map an array into memory;
* ``update(path, tree)``: set all keys of a dict in an existing file;
* ``setter(path)``: a context that returns ``set(key, value)`` for an open file;
* ``append(path, key, count)``: in one open file, append the numbers up to a count one by one;
* ``frame(path, key)``: open a file and read a DataFrame;
* ``columns(path, key, names)``: open a file and read some columns of one;
* ``append_frames(path, key, frame, count)``: in one open file, append its rows ``count`` times;
* ``copy(path, source, target)``: copy an array from one key to another.

A `variant` takes part in the cases whose methods it has; in others, the page does not list it.
"""

LACKS = {
    "save_compressed": "does not compress",
    "read": "reads only all at once",
    "count": "does not count keys",
    "rows": "reads only whole values",
    "update": "writes only all at once",
    "setter": "writes only all at once",
    "append": "cannot append",
    "frame": "stores no DataFrames",
    "columns": "reads only whole DataFrames",
    "append_frames": "cannot append to DataFrames",
    "copy": "copies only by way of memory",
}
"""The text of the table for a library without a method."""

BASELINE = "h5py"
ADAPTERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        h5py_adapter.Adapter(),
        h5py_adapter.Synced(),
        h5py_adapter.Fast(),
        hdfchk_adapter.Adapter(
            "hdfchk", "`HDF5Checkpointer(path)`: `update`, `load()`, `chk[key]`; waits for the disk"
        ),
        hdfchk_adapter.Adapter("hdfchk, no fsync", "the same with `durable=False`", durable=False),
        hickle_adapter.Adapter(),
        silx_adapter.Adapter(),
        h5io_adapter.Adapter(),
        jaxon_adapter.Adapter(),
        anndata_adapter.Adapter(),
        zarr_adapter.Adapter(),
        safetensors_adapter.Adapter(),
        joblib_adapter.Adapter(),
        pickle_adapter.Adapter(),
        savez_adapter.Adapter(),
        shelve_adapter.Adapter(),
        diskcache_adapter.Adapter(),
        sqlitedict_adapter.Adapter(),
        pandas_adapter.Fixed(),
        pandas_adapter.Table(),
    )
    if find_spec(adapter.module) is not None
}

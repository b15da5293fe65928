"""The readers that are Python libraries: ``python child.py LIBRARY JOBS`` reads the files of JOBS.

It stands alone, so that it runs in any environment that has the library, whichever has this project.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def say(word: str, text: Any = "") -> None:
    """A line of the report (see `tests.readers.reports`)."""
    sys.stdout.write(f"{word} {text}\n")
    sys.stdout.flush()


def tell(item: Any) -> None:
    """The leaves of a value, in C order."""
    if item is None:
        return
    if item is np.ma.masked:
        say("N", "masked")
        return
    if isinstance(item, np.ma.MaskedArray):
        item = item.filled()
    if isinstance(item, np.ndarray) and item.dtype.kind in "iufb":
        for one in item.ravel():
            say("N", number(one))
    elif isinstance(item, np.ndarray):
        for one in item.reshape(-1):  # keeps records
            tell(one)
    elif isinstance(item, np.void) and item.dtype.names:
        for name in item.dtype.names:
            tell(item[name])
    elif isinstance(item, np.void):
        for byte in bytes(item):
            say("N", byte)
    elif isinstance(item, list | tuple):
        for one in item:
            tell(one)
    elif isinstance(item, bytes):
        say("S", item.hex())
    elif isinstance(item, str):
        say("S", item.encode("utf-8", "surrogatepass").hex())
    elif isinstance(item, complex | np.complexfloating):
        say("N", number(item.real))
        say("N", number(item.imag))
    elif isinstance(item, bool | int | float | np.number | np.bool_):
        say("N", number(item))
    else:
        raise TypeError(f"a {type(item).__name__}")


def number(item: Any) -> str:
    """A number with all its digits."""
    if isinstance(item, bool | np.bool_):
        return str(int(item))
    if isinstance(item, int | np.integer):
        return str(int(item))
    return repr(float(item))


class H5py:
    """The base of the readers, and the one that uses h5py."""

    def open(self, path: str) -> Any:
        import h5py

        return h5py.File(path, "r")

    def read(self, file: Any, key: str) -> Any:
        import h5py

        item = file[key]
        if item.shape is None:
            return None
        return item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]

    def attributes(self, file: Any, key: str) -> Any:
        return list(file[key].attrs.values())

    def close(self, file: Any) -> None:
        file.close()


class Plugins(H5py):
    """h5py with the filters that hdf5plugin brings."""

    def open(self, path: str) -> Any:
        import hdf5plugin  # noqa: F401

        return super().open(path)


class NetCDF4(H5py):
    def open(self, path: str) -> Any:
        import netCDF4

        return netCDF4.Dataset(path)

    def read(self, file: Any, key: str) -> Any:
        return file[key][...]

    def attributes(self, file: Any, key: str) -> Any:
        item = file[key]
        return [item.getncattr(name) for name in item.ncattrs()]


class Xarray(H5py):
    """Each group is a dataset, which is opened at its first key."""

    def open(self, path: str) -> Any:
        import xarray

        return path, {"": xarray.open_dataset(path)}

    def variable(self, file: Any, key: str) -> Any:
        import xarray

        path, opened = file
        group, _, name = key.rpartition("/")
        if group not in opened:
            opened[group] = xarray.open_dataset(path, group=group)
        return opened[group][name]

    def read(self, file: Any, key: str) -> Any:
        return self.variable(file, key).values

    def attributes(self, file: Any, key: str) -> Any:
        return list(self.variable(file, key).attrs.values())

    def close(self, file: Any) -> None:
        for dataset in file[1].values():
            dataset.close()


class H5netcdf(H5py):
    def open(self, path: str) -> Any:
        import h5netcdf

        return h5netcdf.File(path, "r", phony_dims="sort")

    def read(self, file: Any, key: str) -> Any:
        return file[key][...]

    def attributes(self, file: Any, key: str) -> Any:
        return list(dict(file[key].attrs).values())


class PyTables(H5py):
    def open(self, path: str) -> Any:
        import tables

        return tables.open_file(path, "r")

    def read(self, file: Any, key: str) -> Any:
        return self.node(file, key).read()

    def attributes(self, file: Any, key: str) -> Any:
        attributes = self.node(file, key)._v_attrs
        return [attributes[name] for name in attributes._f_list("user")]

    def node(self, file: Any, key: str) -> Any:
        import tables

        node = file.get_node(f"/{key}")
        if isinstance(node, tables.UnImplemented):
            raise TypeError("PyTables has no node for this type (UnImplemented)")
        return node


class Pyfive(H5py):
    def open(self, path: str) -> Any:
        import pyfive

        return pyfive.File(path)

    def read(self, file: Any, key: str) -> Any:
        return file[key][()]

    def attributes(self, file: Any, key: str) -> Any:
        return list(dict(file[key].attrs).values())


READERS = {
    "h5py": H5py,
    "hdf5plugin": Plugins,
    "netCDF4": NetCDF4,
    "xarray": Xarray,
    "h5netcdf": H5netcdf,
    "tables": PyTables,
    "pyfive": Pyfive,
}


@contextmanager
def failures() -> Iterator[None]:
    """A block whose exception is a line of the report."""
    try:
        yield
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        say("ERR", text[:300])


def main(library: str, jobs: str) -> None:
    """Read all jobs."""
    warnings.simplefilter("ignore")
    reader = READERS[library]()
    with open(jobs, encoding="utf-8") as stream:
        for line in stream:
            number, path, *keys = line.rstrip("\n").split("\t")
            say("FILE", number)
            with failures():
                file = reader.open(path)
                for key in keys:
                    say("KEY", key)
                    with failures():
                        tell(reader.read(file, key))
                        say("OK")
                    say("KEY", f"{key}@")
                    with failures():
                        reader.attributes(file, key)
                        say("OK")
                reader.close(file)
            say("END")


if __name__ == "__main__":
    main(*sys.argv[1:])

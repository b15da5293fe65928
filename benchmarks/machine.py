"""The machine that runs the benchmarks, without its name and paths."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version

import h5py
import numpy as np

from .adapters import Adapter

__all__ = ["describe", "version_of"]


def describe() -> dict[str, str]:
    """Return processor, memory, file system, and the versions that all libraries share."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "file system": f"{_file_system(tempfile.gettempdir())}, of the temporary folder",
        "system": f"{platform.system()} on {platform.machine()}",
        "Python": platform.python_version(),
        "HDF5": h5py.version.hdf5_version,
        "NumPy": np.__version__,
    }


def version_of(adapter: Adapter) -> str:
    """Return the version of an adapter's library."""
    try:
        return version(adapter.module)
    except PackageNotFoundError:
        return f"Python {platform.python_version()}"


def _field(path: str, name: str) -> str:
    """Return the value of a line ``name : value`` in a file of the kernel."""
    try:
        with open(path) as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        pass
    return ""


def _processor() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.processor() or "unknown"


def _memory() -> str:
    kib = _field("/proc/meminfo", "MemTotal").split()
    return f"{int(kib[0]) / 2**20:.1f} GiB" if kib else "unknown"


def _file_system(folder: str) -> str:
    """Return the type of the file system that contains a folder."""
    real, best, kind = os.path.realpath(folder), "", "unknown"
    try:
        with open("/proc/self/mounts") as mounts:
            for line in mounts:
                _, point, found, *_ = line.split()
                inside = real == point or real.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(best):
                    best, kind = point, found
    except OSError:
        pass
    return kind

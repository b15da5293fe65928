"""The local backend: HDF5 files, on h5py's low-level API."""

from .backend import FileBackend, ObjectBackend, StreamBackend

__all__ = ["FileBackend", "ObjectBackend", "StreamBackend"]

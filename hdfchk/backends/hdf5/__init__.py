"""The local backend: HDF5 files, on h5py's low-level API."""

from .backends import FileBackend, ObjectBackend, StreamBackend

__all__ = ["FileBackend", "ObjectBackend", "StreamBackend"]

"""The local backend: HDF5 files, on h5py's low-level API."""

from ...runtime.process_hooks import run_first
from .backends import FileBackend, ObjectBackend, StreamBackend

__all__ = ["FileBackend", "ObjectBackend", "StreamBackend"]

run_first()  # h5py has registered a hook of its own

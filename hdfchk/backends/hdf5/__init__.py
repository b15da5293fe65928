"""The HDF5 backend, on h5py's low-level API."""

from ...runtime.process_hooks import run_first
from .backends import FileBackend, ObjectBackend, StreamBackend

__all__ = ["FileBackend", "ObjectBackend", "StreamBackend"]

run_first()  # before the hook that h5py has registered

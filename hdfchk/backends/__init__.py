"""Backends: trees to storage and back, one file a backend. Only here HDF5 is imported."""

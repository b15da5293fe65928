"""Backends convert trees to storage and back, one module each. Only this package imports HDF5."""

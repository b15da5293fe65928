"""Tests of `hdfchk.backends.hdf5`."""

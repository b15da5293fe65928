"""Tests of `hdfchk.backends.hdf5.data`."""

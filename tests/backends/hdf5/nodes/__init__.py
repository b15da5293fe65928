"""Tests of `hdfchk.backends.hdf5.nodes`."""

"""Tests of `hdfchk.backends.hdf5.h5`."""

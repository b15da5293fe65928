"""Tests of `hdfchk.connection`."""

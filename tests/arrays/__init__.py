"""Tests of `hdfchk.arrays`."""

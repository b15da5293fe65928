"""Tests of `hdfchk.backends`."""

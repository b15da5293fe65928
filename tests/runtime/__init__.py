"""Tests of `hdfchk.runtime`."""

"""Tests of `hdfchk.views`."""

"""Tests of `hdfchk.codecs`."""

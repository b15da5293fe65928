"""Tests of the command ``hdfchk``."""

"""Benchmarks: hdfchk compared with its alternatives, in one run."""

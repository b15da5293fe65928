"""Benchmarks: hdfchk beside what people would use instead, in one run."""

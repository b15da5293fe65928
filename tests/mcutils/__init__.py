"""Tests of `hdfchk.mcutils`: the checkpointers of the older toolbox, under their names."""

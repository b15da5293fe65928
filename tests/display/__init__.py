"""Tests of `hdfchk/display`: what is seen in Python, in IPython and in notebooks."""

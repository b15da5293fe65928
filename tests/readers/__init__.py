"""Who reads what: one small file for each stored form, and every HDF5 tool that is there.

``python -m tests.readers --markdown docs/readers.md`` makes the table. A *form* (`forms`) is a value
with the plain data that others must find in its file. A *reader* is a child process that reads files
and prints what it found (`reports`); `readers` has those that are scripts (`child.py` for Python,
``scripts`` for R, Octave and Node), `programs` those that print text (h5dump, h5repack, ncdump).
`verdicts` compares, `page` writes the table.
"""

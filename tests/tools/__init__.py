"""Files that other tools have made are edited by us and read by them again.

`tool` has the class of a tool and the edits that are tried on the file of each; `netcdf`, `pydata`,
`lab` and `programs` have the tools; `test_edits` tries every edit with every tool.
"""

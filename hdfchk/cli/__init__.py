"""The command ``hdfchk``: show and change the contents of a file from a shell.

There is one module per command or family of commands; ``program`` contains the table of them. They
use only the public names of hdfchk, which are imported when a command runs, not before.
"""

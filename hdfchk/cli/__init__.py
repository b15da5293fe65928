"""The command ``hdfchk``: what is in a file, and changes to it, from a shell.

One module a command, or a family of commands; ``program`` has the table of them. They use the
public names of hdfchk alone, which are imported when a command runs, not before.
"""

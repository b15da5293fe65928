"""Damaged files and such as are made to do harm: values or errors, in bounded memory and time."""

"""Copying all that is whole out of a damaged file."""

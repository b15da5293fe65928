"""Copying everything intact out of a damaged file."""

"""Kills, losses of power and calls that fail: one committed state is there after each."""

"""Opening and closing of the storage of stores, turns on it, and transactions."""

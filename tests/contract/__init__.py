"""The mapping as a whole: what holds for every kind of store, of value and of size."""

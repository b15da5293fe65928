"""Trees to HDF5 objects and back."""

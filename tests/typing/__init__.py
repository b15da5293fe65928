"""Types of h5py for mypy: what the package uses of it."""

"""Types of h5py for mypy, as far as the package uses it; and what checkers say of code of users."""

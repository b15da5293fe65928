"""HDF5's types, links, attributes and errors, and hdfchk's marks."""

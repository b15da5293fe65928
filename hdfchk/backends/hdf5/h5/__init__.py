"""HDF5's own things: types, links, attributes, marks, errors."""

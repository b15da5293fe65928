"""The write-ahead log of a file: its format, the file object under HDF5, locks and replay."""

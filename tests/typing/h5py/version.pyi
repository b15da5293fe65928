version: str
hdf5_version: str

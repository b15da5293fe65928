SEC2: int
fileobj_driver: int

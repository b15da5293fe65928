class CacheConfig:
    set_initial_size: bool
    initial_size: int
    min_size: int
    max_size: int

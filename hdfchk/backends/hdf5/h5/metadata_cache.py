"""The size of HDF5's metadata cache: small, except for work on many objects."""

from __future__ import annotations

from h5py import h5i

from .ids import CacheConfig, ObjectID

__all__ = ["MetadataCache", "steady"]

OBJECT_BYTES = 400
"""The approximate size that each object needs in the cache: headers, links, their indices."""
MOST_BYTES = 2**25
"""HDF5's default maximum."""
FLASH_THRESHOLD = 0.1
"""An entry larger than this fraction of the cache enlarges it; HDF5 allows no smaller value."""


def steady(config: CacheConfig, size: int) -> CacheConfig:
    """Return the configuration of a cache that grows only for large entries.

    The free-space table of a file is one entry, of about ten bytes per gap. If it is larger than
    the cache, HDF5 (2.0 and before) evicts it while using it, which corrupts memory.

    Args:
        config: the present configuration, which is changed.
        size: the size of the cache in bytes, without such entries.
    """
    config.set_initial_size = True
    config.initial_size = config.min_size = size
    config.max_size = max(size, MOST_BYTES)
    config.incr_mode = config.decr_mode = 0
    config.flash_incr_mode = 1
    config.flash_multiple = 2.0
    config.flash_threshold = FLASH_THRESHOLD
    return config


class MetadataCache:
    """The metadata cache of an open file.

    At each commit HDF5 iterates over the whole cache, so a small one is best for small commits. A
    commit of more objects than fit reads the same metadata again and again.

    Args:
        oid: an object of the file.
    """

    def __init__(self, oid: ObjectID) -> None:
        self._oid = oid
        self._before = 0
        self._bytes = 0

    def hold(self, count: int) -> None:
        """Enlarge the cache, if necessary, for `count` objects."""
        wanted = min(MOST_BYTES, OBJECT_BYTES * count)
        if wanted <= self._bytes:
            return
        fid = h5i.get_file_id(self._oid)
        config = fid.get_mdc_config()
        if config.incr_mode:  # HDF5 resizes it
            self._bytes = config.max_size
            if config.max_size >= wanted:
                return
        size = fid.get_mdc_size()[0]
        self._bytes = max(size, min(MOST_BYTES, 2 * wanted))
        if size >= wanted:
            return
        self._before = self._before or size
        fid.set_mdc_config(steady(config, self._bytes))

    def shrink(self) -> None:
        """Restore the size of the cache; HDF5 must have just flushed it.

        Otherwise HDF5 would have to evict dirty entries while writing, which fails.
        """
        before, self._before = self._before, 0
        self._bytes = 0
        if before:
            fid = h5i.get_file_id(self._oid)
            fid.set_mdc_config(steady(fid.get_mdc_config(), before))

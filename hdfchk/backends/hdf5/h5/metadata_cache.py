"""HDF5's cache of metadata, which is small, but for work on many objects."""

from __future__ import annotations

from h5py import h5i

from .ids import CacheConfig, ObjectID

__all__ = ["MetadataCache", "steady"]

OBJECT_BYTES = 400
"""About so much of it is used for each object: headers, links, their indices."""
MOST_BYTES = 2**25
"""HDF5's own limit."""
FLASH_THRESHOLD = 0.1
"""The least share of the cache that HDF5 lets an entry have before it makes the cache larger."""


def steady(config: CacheConfig, size: int) -> CacheConfig:
    """The configuration of a cache that grows for large entries alone.

    The table of a file's free space is one entry, of some ten bytes for each gap. Where it is
    larger than the cache, HDF5 (2.0 and before) makes room while it is using the table, frees what
    is in use, and damages its memory.

    Args:
        config: the configuration as it is, which is changed.
        size: of the cache in bytes, without such entries.
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
    """The cache of metadata of an open file.

    At each commit HDF5 goes through all that is in it, so that a small one is best for small
    commits. A commit of more objects than it has room for reads the same metadata again and again.

    Args:
        oid: an object of the file.
    """

    def __init__(self, oid: ObjectID) -> None:
        self._oid = oid
        self._before = 0
        self._bytes = 0

    def hold(self, count: int) -> None:
        """Make it large enough for so many objects; it never gets smaller by this."""
        wanted = min(MOST_BYTES, OBJECT_BYTES * count)
        if wanted <= self._bytes:
            return
        fid = h5i.get_file_id(self._oid)
        config = fid.get_mdc_config()
        if config.incr_mode:  # it grows by itself
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
        """Let it be as large as it was: HDF5 has just written what is in it.

        If it had not, it would have to make room in the middle of writing, where it fails.
        """
        before, self._before = self._before, 0
        self._bytes = 0
        if before:
            fid = h5i.get_file_id(self._oid)
            fid.set_mdc_config(steady(fid.get_mdc_config(), before))

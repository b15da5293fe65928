"""HDF5's cache of metadata, which is small, but for work on many objects."""

from __future__ import annotations

from h5py import h5i

from .ids import CacheConfig, ObjectID

__all__ = ["MetadataCache"]

OBJECT_BYTES = 400
"""About so much of it is used for each object: headers, links, their indices."""
MOST_BYTES = 2**25
"""HDF5's own limit."""


class MetadataCache:
    """The cache of metadata of an open file.

    At each commit HDF5 goes through all that is in it, so that a small one is best for small
    commits. A commit of more objects than it has room for reads the same metadata again and again.

    Args:
        oid: an object of the file.
    """

    def __init__(self, oid: ObjectID) -> None:
        self._oid = oid
        self._before: CacheConfig | None = None
        self._bytes = 0

    def hold(self, count: int) -> None:
        """Make it large enough for so many objects; it never gets smaller by this."""
        wanted = min(MOST_BYTES, OBJECT_BYTES * count)
        if wanted <= self._bytes:
            return
        fid = h5i.get_file_id(self._oid)
        config = fid.get_mdc_config()
        self._bytes = max(config.max_size, min(MOST_BYTES, 2 * wanted))
        if config.max_size >= wanted:  # it may grow by itself
            return
        if self._before is None:
            self._before = fid.get_mdc_config()
        config.set_initial_size = True
        config.initial_size = config.min_size = config.max_size = self._bytes
        fid.set_mdc_config(config)

    def shrink(self) -> None:
        """Let it be as large as it was: HDF5 has just written what is in it.

        If it had not, it would have to make room in the middle of writing, where it fails.
        """
        before, self._before = self._before, None
        self._bytes = 0
        if before is not None:
            h5i.get_file_id(self._oid).set_mdc_config(before)

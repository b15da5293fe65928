"""What the file objects of ours under HDF5 (its ``fileobj`` driver in h5py) have in common."""

from __future__ import annotations

import os

__all__ = ["FileObject"]


class FileObject:
    """A position and a length."""

    _position: int
    _size: int

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        if whence == os.SEEK_SET:
            self._position = offset
        else:
            self._position = offset + (self._size if whence == os.SEEK_END else self._position)
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def flush(self) -> None:
        """Nothing waits."""

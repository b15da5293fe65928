"""The dicts to which small values can be assigned without reading the file."""

from __future__ import annotations

from ....keys import Path

__all__ = ["KnownDicts"]


class KnownDicts:
    """The dicts known to exist, because only small assignments were made since they were found."""

    def __init__(self) -> None:
        self._dicts: set[Path] = set()
        self._small: set[Path] = set()
        """The paths of small values assigned since then."""

    def begin(self, above: set[Path] | None) -> None:
        """Forget everything, as HDF5 is about to change the file.

        Args:
            above: the paths of the dicts that will exist afterwards.
        """
        self._dicts.clear()
        self._small.clear()
        if above is not None:
            self._dicts |= above

    def has_above(self, path: Path) -> bool:
        """Return whether the parent of a path is known to be a dict."""
        return len(path) == 1 or path[:-1] in self._dicts

    def note_put(self, path: Path) -> None:
        """Record the assignment of a small value."""
        if path not in self._small:
            # It may have replaced a dict, to which other paths may lead by links.
            self._dicts &= {path[:depth] for depth in range(1, len(path))}
            self._small.add(path)

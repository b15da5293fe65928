"""Where dicts are in which the log alone can put small values, without a look into the file."""

from __future__ import annotations

from ....keys import Path

__all__ = ["KnownDicts"]


class KnownDicts:
    """The dicts that are known to be there, since nothing but small assignments was done."""

    def __init__(self) -> None:
        self._dicts: set[Path] = set()
        self._small: set[Path] = set()
        """Where small values are that were put there since."""

    def begin(self, above: set[Path] | None) -> None:
        """HDF5 is about to change the file.

        Args:
            above: where dicts will be after that.
        """
        self._dicts.clear()
        self._small.clear()
        if above is not None:
            self._dicts |= above

    def has_above(self, path: Path) -> bool:
        """Whether what is above a path is known to be a dict."""
        return len(path) == 1 or path[:-1] in self._dicts

    def note_put(self, path: Path) -> None:
        """A small value was put at a path."""
        if path not in self._small:
            # It may have taken the place of a dict, to which links may lead by other paths.
            self._dicts &= {path[:depth] for depth in range(1, len(path))}
            self._small.add(path)

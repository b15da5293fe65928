"""Warnings about commits that stay in a log: once for a file, whatever its name."""

from __future__ import annotations

import os
from pathlib import Path

from hdfchk.backends.hdf5.displaced import is_told, pending_warning


def test_a_file_is_known_by_any_name(tmp_path: Path) -> None:
    """A hard link is the same file; another file that gets its inode number is not."""
    first, other = tmp_path / "a.hdf5", tmp_path / "b.hdf5"
    first.write_bytes(b"")
    there = os.stat(first)
    assert not is_told(str(first), there)
    assert str(first) in str(pending_warning(str(first), there, 1))
    os.link(first, other)
    assert is_told(str(first), there) and is_told(str(other), there)
    first.unlink()
    assert not is_told(str(other), there)


def test_one_commit_is_it(tmp_path: Path) -> None:
    """The numbers agree."""
    path = tmp_path / "a.hdf5"
    path.write_bytes(b"")
    one, two = (str(pending_warning(str(path), os.stat(path), count)) for count in (1, 2))
    assert "1 commit stays" in one and "sees it" in one and "checkpoints it" in one
    assert "2 commits stay" in two and "sees them" in two and "checkpoints them" in two

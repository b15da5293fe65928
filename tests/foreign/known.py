"""What fails today: the edits that find faults, and in which files of the corpus.

A test fails where one fails that is not here, and where one that is here does not.
"""

from __future__ import annotations

FAILS: dict[str, tuple[str, ...]] = {}
"""An edit -> the files of the corpus in which it finds faults."""


def fails(name: str, edit: str) -> bool:
    """Whether an edit of a file of the corpus is known to fail."""
    return name in FAILS.get(edit, ())

"""What fails today: the names of files of the corpus, each with the edits that find faults in it."""

from __future__ import annotations

FAILS: dict[str, set[str]] = {}

"""Completion of keys in a shell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["completions"]

_MOST = 200
"""The maximum number of full keys offered; if more match, only the next level is offered."""


def completions(file: str, incomplete: str) -> list[CompletionItem]:
    """Return the keys of a file that begin with a text; none if the file cannot be read.

    Shells put a blank after a completion. Therefore full keys are offered, and the keys of the next
    level, with dicts, only if there are too many.
    """
    from click.shell_completion import CompletionItem

    try:
        found = _keys(file, incomplete.lstrip("/"))
    except Exception:
        return []
    return [CompletionItem(key, help=text) for key, text in found if key.isprintable()]


def _keys(file: str, begin: str) -> list[tuple[str, str]]:
    from hdfchk import HDF5Checkpointer

    file = os.path.expanduser(file)
    if not os.path.isfile(file):
        return []
    store = HDF5Checkpointer(file, mode="r")
    parent = begin.rpartition("/")[0] or None
    level = [entry for entry in store.describe(parent, depth=1) if entry.key.startswith(begin)]
    found: list[tuple[str, str]] = []
    for entry in level:
        found.append((entry.key, entry.type))
        if entry.kind == "group" and len(found) <= _MOST:
            below = store.describe(entry.key, limit=_MOST + 1 - len(found))
            found += [(other.key, other.type) for other in below]
    if len(found) > _MOST:
        found = [(entry.key, entry.type) for entry in level]
    return found[:_MOST]

"""Help for libraries that know no nested dicts, and what a library says when it cannot."""

from __future__ import annotations

from typing import Any

__all__ = ["CannotError", "flatten", "nest", "set_each"]

SEPARATOR = "."


class CannotError(Exception):
    """What a library cannot do, in the few words that the table has room for."""


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of a nested dict, under their keys joined by a dot."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}{SEPARATOR}"))
        else:
            flat[prefix + key] = value
    return flat


def nest(flat: dict[str, Any]) -> dict[str, Any]:
    """The nested dict of joined keys."""
    tree: dict[str, Any] = {}
    for joined, value in flat.items():
        *groups, key = joined.split(SEPARATOR)
        level = tree
        for group in groups:
            level = level.setdefault(group, {})
        level[key] = value
    return tree


def set_each(adapter: Any, path: str, tree: dict[str, Any]) -> None:
    """In one open file, set the keys of a dict in turn."""
    with adapter.setter(path) as assign:
        for key, value in tree.items():
            assign(key, value)

"""Helpers for libraries without nested dicts, and the error for what a library cannot do."""

from __future__ import annotations

from typing import Any

__all__ = ["CannotError", "flatten", "nest", "set_each"]

SEPARATOR = "."


class CannotError(Exception):
    """A library cannot do something; the message is short enough for the table."""


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a nested dict, with their keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}{SEPARATOR}"))
        else:
            flat[prefix + key] = value
    return flat


def nest(flat: dict[str, Any]) -> dict[str, Any]:
    """Return the nested dict for joined keys."""
    tree: dict[str, Any] = {}
    for joined, value in flat.items():
        *groups, key = joined.split(SEPARATOR)
        level = tree
        for group in groups:
            level = level.setdefault(group, {})
        level[key] = value
    return tree


def set_each(adapter: Any, path: str, tree: dict[str, Any]) -> None:
    """Set the keys of a dict one by one in one open file."""
    with adapter.setter(path) as assign:
        for key, value in tree.items():
            assign(key, value)

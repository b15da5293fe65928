"""``ls`` and ``tree``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .arguments import FileCommand, KeyType, file_argument, json_option, key_argument
from .console import Line, Span, put_lines, put_text
from .describing import columns, describe, json_records, size_of, style_of, type_text, value_span
from .escapes import escaped
from .exits import NO, Failure
from .opening import read

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["ls_command", "tree_command"]


@click.command("ls", cls=FileCommand)
@file_argument
@key_argument()
@click.option("-l", "--long", is_flag=True, help="Show size, layout and attributes, too.")
@click.option("-1", "--names", is_flag=True, help="Print only the names.")
@click.option("-r", "--recursive", is_flag=True, help="List all keys below, with their paths.")
@json_option
def ls_command(
    file: str, key: str | None, long: bool, names: bool, recursive: bool, as_json: bool
) -> None:
    """List the keys of one level.

    For each: its name, its type with dtype and shape, and its value, if it is small and there are
    not more than 1,000 keys.
    """
    store, key = read(file), key or None
    depth = None if recursive else 1
    entries = store.describe(key, depth=depth) if names else describe(store, key, depth=depth)
    if as_json:
        put_text(json_records(entries))
        return
    base = "" if key is None else f"{key}/"
    if names:
        put_lines([[(_name(entry, base), style_of(entry))] for entry in entries])
        return
    put_lines(columns([_row(entry, base, long=long) for entry in entries]))


def _name(entry: Description, base: str) -> str:
    slash = "/" if entry.kind == "group" else ""
    return escaped(entry.key.removeprefix(base)) + slash


def _row(entry: Description, base: str, *, long: bool) -> list[Span]:
    row: list[Span] = [(_name(entry, base), style_of(entry)), (type_text(entry), "")]
    if long:
        layout = " ".join(filter(None, [entry.layout, entry.compression]))
        number = entry.attributes
        attributes = f"{number} attr{'' if number == 1 else 's'}" if number else ""
        row += [(size_of(entry), ""), (escaped(layout), "dim"), (attributes, "dim")]
    return [*row, value_span(entry)]


@click.command("tree", cls=FileCommand)
@file_argument
@click.argument("keys", type=KeyType(), nargs=-1, metavar="[KEY|GLOB]...")
@click.option("--depth", type=click.IntRange(min=1), help="Show only this many levels.")
@click.option("--attrs", is_flag=True, help="Show HDF5 attributes, too.")
@click.option("--all", "show_all", is_flag=True, help="Show more than 100 keys of a dict, too.")
@json_option
def tree_command(
    file: str, keys: tuple[str, ...], depth: int | None, attrs: bool, show_all: bool, as_json: bool
) -> None:
    """Show all keys as a tree.

    For each: its name, its type with dtype and shape, and its value if it is small. KEY shows what
    is below a key, GLOB the keys that match: * and ? within a level, ** for any number of levels.
    """
    globs = [key for key in keys if any(sign in key for sign in "*?[")]
    if globs:
        shown = _tree(read(file, allowed_keys=list(keys)), None, depth)
        shown = [(key, _without_idle(entries, keys)) for key, entries in shown]
        if not any(entries for _, entries in shown):
            raise Failure(f"no key matches {' '.join(keys)} (in {file}); see: hdfchk ls", NO)
    else:
        store = read(file)
        shown = [part for key in keys or (None,) for part in _tree(store, key, depth)]
    if as_json:
        entries = [entry for _, below in shown for entry in below]
        put_text(json_records(entries))
        return
    lines: list[Line] = []
    for key, entries in shown:
        title = escaped(file if key is None else f"{file}::{key}")
        lines.append([(title, "bold")])
        lines += _Drawing(
            entries, key, None if show_all else 100, read(file) if attrs else None
        ).lines()
    put_lines(lines)


def _tree(store: Any, key: str | None, depth: int | None) -> list[tuple[str | None, Any]]:
    return [(key or None, describe(store, key or None, depth=depth))]


def _without_idle(entries: list[Description], keys: tuple[str, ...]) -> list[Description]:
    """Return the entries without the dicts in which nothing matches."""
    from fnmatch import fnmatchcase

    parents: set[str] = set()
    kept = []
    for entry in reversed(entries):
        is_idle = entry.kind == "group" and entry.key not in parents
        if not is_idle or any(fnmatchcase(entry.key, key) for key in keys):
            kept.append(entry)
            parents.add(entry.key.rpartition("/")[0])
    return kept[::-1]


class _Drawing:
    """The lines of a tree."""

    def __init__(
        self,
        entries: list[Description],
        key: str | None,
        most: int | None,
        store: Any,
    ) -> None:
        self._base = "" if key is None else key
        self._most = most
        self._store = store
        self._below: dict[str, list[Description]] = {}
        for entry in entries:
            parent = entry.key.rpartition("/")[0] if entry.key != key else self._base
            self._below.setdefault(parent, []).append(entry)

    def lines(self) -> list[Line]:
        from .attributes import attribute_text, attributes_of

        found: list[Line] = []
        todo: list[tuple[str, Description | str, bool]] = self._level(self._base, "")
        while todo:
            indent, entry, is_last = todo.pop()
            stem = indent + ("└── " if is_last else "├── ")
            if isinstance(entry, str):
                found.append([(stem, "dim"), (entry, "dim")])
                continue
            name = escaped(entry.key.rpartition("/")[2])
            value, style = value_span(entry)
            found.append(
                [(stem, "dim"), (name, style_of(entry)), (f"  {type_text(entry)}", "dim")]
                + ([(f"  {value}", style)] if value else [])
            )
            inner = indent + ("    " if is_last else "│   ")
            if self._store is not None:
                found += [
                    [(inner, "dim"), (f"  {attribute_text(*pair)}", "yellow")]
                    for pair in attributes_of(self._store, entry).items()
                ]
            if entry.kind == "group":
                todo += self._level(entry.key, inner)
        return found

    def _level(self, key: str, indent: str) -> list[tuple[str, Description | str, bool]]:
        """Return the keys of a level, the last one first, and a line for those left out."""
        below: list[Description | str] = [*self._below.get(key, [])]
        if self._most is not None and len(below) > self._most:
            left = len(below) - self._most
            below = [*below[: self._most], f"… {left:,} more (--all)"]
        last = len(below) - 1
        return [(indent, entry, number == last) for number, entry in reversed([*enumerate(below)])]

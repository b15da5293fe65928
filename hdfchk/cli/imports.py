"""``import``."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote

import click

from .arguments import FileCommand, KeyType, file_argument, force_option, wait_option
from .console import progress
from .exits import NO, UNREADABLE, USAGE, Failure
from .formats import READERS, extension_of, read_value
from .merge import is_dict
from .opening import change

__all__ = ["import_command"]


@click.command("import", cls=FileCommand)
@file_argument
@click.argument("source", type=click.Path(readable=False))
@click.option("-k", "--key", type=KeyType(), help="The key for it; without one, the whole file.")
@force_option
@wait_option
def import_command(file: str, source: str, key: str | None, force: bool, wait: float) -> None:
    """Store what is in NumPy, JSON or CSV files, or in a folder of them.

    SOURCE is as export writes it. The columns of a .csv become arrays in a dict. What is there
    already is kept, and dicts are merged; a key that both have is an error without --force, and
    nothing is changed. It is one commit.
    """
    if not os.path.exists(source):
        raise Failure(f"no such file or folder: {source}", UNREADABLE)
    value = _folder(source) if os.path.isdir(source) else read_value(source)
    if key is None and type(value) is not dict:
        raise Failure(f"{source} holds one value; give its key with --key", USAGE)
    store = change(file, wait, create=True)
    with progress("import") as tell, store.transaction():
        todo = [((key or ""), value)]
        puts: list[tuple[str, Any]] = []
        while todo:
            path, item = todo.pop()
            if type(item) is dict and (not path or _goes_on(store, path, item)):
                todo += [
                    (_below(path, name, source), part) for name, part in reversed(item.items())
                ]
            elif path not in store or force:
                puts.append((path, item))
            else:
                raise Failure(
                    f"there is a value already (key {path!r} in {file}); use --force to replace it",
                    NO,
                )
        _refuse_overlaps([path for path, _ in puts], source)
        for count, (path, item) in enumerate(puts, 1):
            store[path] = item
            if tell is not None:
                tell(count, len(puts))


def _below(path: str, name: str, source: str) -> str:
    """Return the key of a name below a key."""
    name = name.strip("/")
    if not name:
        raise Failure(f"a name is empty, below {path or '/'!r}; rename it (in {source})", USAGE)
    return f"{path}/{name}" if path else name


def _refuse_overlaps(paths: list[str], source: str) -> None:
    """Refuse keys of which one would replace another, as names in a file may contain slashes."""
    taken: set[str] = set()
    for path in sorted(paths, key=lambda path: path.count("/")):
        names = path.split("/")
        for end in range(1, len(names) + 1):
            if (part := "/".join(names[:end])) in taken:
                raise Failure(
                    f"there are two values for one key: {path!r} and {part!r}; "
                    f"rename one (in {source})",
                    USAGE,
                )
        taken.add(path)


def _goes_on(store: Any, path: str, item: dict[Any, Any]) -> bool:
    """Whether a dict is stored key by key, because there is a dict at its key already."""
    return bool(item) and path in store and is_dict(store, path)


def _folder(path: str) -> dict[str, Any]:
    """Return the contents of a folder as nested dicts. Symbolic links are not followed."""
    found: dict[str, Any] = {}
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                found[unquote(entry.name)] = _folder(entry.path)
            elif entry.is_file(follow_symlinks=False) and extension_of(entry.name) in READERS:
                name = unquote(os.path.splitext(entry.name)[0])
                if name in found:
                    raise Failure(f"two files have the name {name!r} (in {path})", USAGE)
                found[name] = read_value(entry.path)
    return found

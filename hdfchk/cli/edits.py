"""``rm``, ``mv`` and ``cp``."""

from __future__ import annotations

from typing import Any

import click

from .arguments import (
    FileCommand,
    Place,
    PlaceType,
    file_argument,
    force_option,
    key_argument,
    wait_option,
)
from .exits import NO, USAGE, Failure
from .opening import change, read, refuse_existing

__all__ = ["cp_command", "mv_command", "rm_command"]


@click.command("rm", cls=FileCommand)
@file_argument
@key_argument(required=True, many=True)
@click.option(
    "-r", "--recursive", is_flag=True, help="Delete dicts, too, with all that is in them."
)
@click.option("-f", "--force", is_flag=True, help="No error if there is no such key.")
@wait_option
def rm_command(file: str, keys: tuple[str, ...], recursive: bool, force: bool, wait: float) -> None:
    """Delete keys.

    All of them are deleted as one commit, or after an error none.
    """
    store = change(file, wait)
    if force:
        keys = tuple(key for key in keys if key in store)
        if not keys:
            return
    if not recursive:
        for key in keys:
            _refuse_dict(store, key, file)
    with store.transaction():
        for key in keys:
            del store[key]


def _refuse_dict(store: Any, key: str, file: str) -> None:
    import hdfchk

    try:
        count = len(store.group(key))
    except hdfchk.NotAGroupError:
        return
    if count:
        raise Failure(f"a dict of {count} keys (key {key!r} in {file}); use -r to delete it", NO)


@click.command("mv", cls=FileCommand)
@file_argument
@key_argument(required=True)
@click.argument("to")
@force_option
@wait_option
def mv_command(file: str, key: str, to: str, force: bool, wait: float) -> None:
    """Move a value to another key of its file.

    Nothing is copied. With a slash at its end, TO is the dict that the value goes into.
    """
    store = change(file, wait)
    target = _inside(to, key)
    if key in store:
        refuse_existing(store, target, file, force=force)
    store.move(key, target, replace=force)


@click.command(
    "cp",
    cls=FileCommand,
    epilog="\b\nExamples:\n  hdfchk cp run.h5::params ::backup\n"
    "  hdfchk cp run.h5::params other.h5",
)
@click.argument("source", type=PlaceType(), metavar="FILE[::KEY]")
@click.argument("target", type=PlaceType(), metavar="[FILE][::KEY]")
@force_option
@wait_option
def cp_command(source: Place, target: Place, force: bool, wait: float) -> None:
    """Copy values, in one file or from file to file.

    Layout, compression and attributes stay as they are. Without a key of its own, TARGET gets the
    key of SOURCE; without any, all keys are copied. ::KEY alone is a key of the same file. Links to
    other files are copied as links.
    """
    file = target.file or source.file
    store = read(source.file)
    if source.key is None and source.file == file and target.key is None:
        raise Failure("source and target are the same file; give a key", USAGE)
    keys = [source.key] if source.key else list(store)
    goal = change(file, wait, create=True)
    with goal.transaction():
        for key in keys:
            to = _target(target.key, key, whole=source.key is None)
            if key in store:
                refuse_existing(goal, to, file, force=force)
            origin = goal if source.file == file else store
            origin.copy(key, goal, to, replace=force)


def _target(wanted: str | None, key: str, *, whole: bool) -> str:
    """Return the key of a copy: `wanted`, or below it for a whole file."""
    if wanted is None:
        return key
    return f"{wanted}/{key}" if whole else wanted


def _inside(to: str, key: str) -> str:
    return (
        f"{to.strip('/')}/{key.rpartition('/')[2]}".strip("/")
        if to.endswith("/")
        else to.strip("/")
    )

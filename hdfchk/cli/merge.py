"""``merge``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .arguments import FileCommand, Place, PlaceType, force_option, wait_option
from .console import progress
from .exits import NO, Failure
from .opening import change, read

if TYPE_CHECKING:
    from hdfchk import HDF5Checkpointer

__all__ = ["merge_command"]


@click.command("merge", cls=FileCommand)
@click.argument("target", type=PlaceType(), metavar="TARGET[::KEY]")
@click.argument("sources", type=PlaceType(), nargs=-1, required=True, metavar="SOURCE[::KEY]...")
@force_option
@wait_option
def merge_command(target: Place, sources: tuple[Place, ...], force: bool, wait: float) -> None:
    """Merge files into a file, level by level.

    Dicts that both have are merged; all other values of the SOURCEs are copied, as cp copies them.
    It is one commit. Without --force, a key that both have is an error, and nothing is changed.
    """
    goal = change(target.file, wait, create=True)
    readers = [(read(source.file), source) for source in sources]
    with progress("merge") as tell, goal.transaction():
        for store, source in readers:
            plan = _plan(goal, store, target.key or "", source.key or "")
            taken = [to for _, to, exists in plan if exists]
            if taken and not force:
                more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
                raise Failure(
                    f"there is a value already (key {taken[0]!r} in {target.file}){more}; "
                    "use --force to replace it",
                    NO,
                )
            for count, (key, to, exists) in enumerate(plan, 1):
                store.copy(key, goal, to, replace=exists)
                if tell is not None:
                    tell(count, len(plan))


def _plan(
    goal: HDF5Checkpointer, store: HDF5Checkpointer, to: str, key: str
) -> list[tuple[str, str, bool]]:
    """Return what to copy: the key, the key of the copy, and whether that exists already."""
    found: list[tuple[str, str, bool]] = []
    todo = [
        (f"{key}/{name}" if key else name, f"{to}/{name}" if to else name)
        for name in reversed(list(store.group(key) if key else store))
    ]
    while todo:
        key, to = todo.pop()
        if to not in goal:
            found.append((key, to, False))
        elif is_dict(goal, to) and is_dict(store, key):
            todo += [(f"{key}/{name}", f"{to}/{name}") for name in reversed(list(store.group(key)))]
        else:
            found.append((key, to, True))
    return found


def is_dict(store: HDF5Checkpointer, key: str) -> bool:
    """Whether the value at a key is a dict, not another type that is stored as a group."""
    return store.describe(key, depth=0)[0].kind == "group"

"""``diff``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from .arguments import FileCommand, Place, PlaceType, json_option
from .attributes import attributes_of
from .comparing import Tolerance, difference
from .console import Line, progress, put_lines
from .escapes import escaped
from .exits import NO, UNREADABLE
from .opening import read
from .values import json_line

__all__ = ["diff_command"]

_BLOCK_BYTES = 64 << 20
"""Larger arrays are compared block by block."""


class Change(NamedTuple):
    """A difference.

    Args:
        key: the key below the place that is compared.
        what: ``"removed"`` (only in the first file), ``"added"``, ``"type"``, ``"value"``,
            ``"attribute"`` or ``"unread"``.
        text: the difference in words.
    """

    key: str
    what: str
    text: str


_SIGNS = {"removed": ("-", "red"), "added": ("+", "green"), "unread": ("?", "red")}


@click.command("diff", cls=FileCommand)
@click.argument("left", type=PlaceType(), metavar="FILE[::KEY]")
@click.argument("right", type=PlaceType(), metavar="FILE[::KEY]")
@click.option("--rtol", type=float, default=0.0, help="Let numbers differ by this times the first.")
@click.option("--atol", type=float, default=0.0, help="Let numbers differ by this.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="GLOB",
    help="Leave out these keys: *, ? and [] within a level, ** for any number of levels.",
)
@click.option("--no-types", is_flag=True, help="Let types differ where values are equal.")
@click.option("--attrs", is_flag=True, help="Compare HDF5 attributes, too.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code tells.")
@json_option
@click.pass_context
def diff_command(
    ctx: click.Context,
    left: Place,
    right: Place,
    rtol: float,
    atol: float,
    ignore: tuple[str, ...],
    no_types: bool,
    attrs: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare two files, by value and type.

    The exit code is 0 if they are the same, 1 if not, and another one if they cannot be compared.
    NaN equals NaN; the order of keys does not matter. "-" is in the first file alone, "+" in the
    second, "~" differs, "?" cannot be read.
    """
    tolerance = Tolerance(rtol, atol, types=not no_types)
    seen: set[str] = set()
    lines: list[Line] = []
    with progress("compare") as tell:
        for change in _changes(left, right, tolerance, ignore, attrs=attrs, tell=tell):
            seen.add(change.what)
            if quiet and change.what == "unread":
                continue
            if quiet:
                break
            if as_json:
                click.echo(
                    json_line({"key": change.key, "change": change.what, "text": change.text})
                )
            else:
                sign, style = _SIGNS.get(change.what, ("~", "yellow"))
                key = escaped(change.key) or "/"
                lines.append([(f"{sign} {key}", style), (f"  {escaped(change.text)}", "")])
    put_lines(lines)
    if seen:
        ctx.exit(UNREADABLE if seen == {"unread"} else NO)


def _changes(
    left: Place,
    right: Place,
    tolerance: Tolerance,
    ignore: tuple[str, ...],
    *,
    attrs: bool,
    tell: Any,
) -> Iterator[Change]:
    stores = [read(place.file, omitted_keys=list(ignore) or None) for place in (left, right)]
    sides = [_entries(store, place.key) for store, place in zip(stores, (left, right), strict=True)]
    first, second = sides
    keys = [*first, *(key for key in second if key not in first)]
    gone: tuple[str, ...] = ()
    for count, key in enumerate(keys, 1):
        if tell is not None:
            tell(count, len(keys))
        if any(key.startswith(f"{parent}/") for parent in gone[-1:]):
            continue
        one, two = first.get(key), second.get(key)
        if one is None or two is None:
            gone = (key,)
            entry = one or two
            yield Change(key, "removed" if two is None else "added", entry.type)  # type: ignore[union-attr]
            continue
        found = _compared(stores, one, two, key, tolerance)
        if found is not None:
            yield found
            if one.kind != two.kind:
                gone = (key,)
        if attrs and (one.attributes or two.attributes):
            yield from _attributes(stores, one, two, key, tolerance)


def _entries(store: Any, key: str | None) -> dict[str, Any]:
    """Return the descriptions to compare, by the key below the place."""
    own = store.describe(key, depth=0)
    base = "" if key is None else f"{key}/"
    found = {} if key is None and own[0].kind == "group" else {"": own[0]}
    if own[0].kind == "group":
        found |= {entry.key.removeprefix(base): entry for entry in store.describe(key)}
    return found


def _compared(stores: Any, one: Any, two: Any, key: str, tolerance: Tolerance) -> Change | None:
    if "group" in {one.kind, two.kind}:
        if one.kind == two.kind:
            return None
        return Change(key, "type", f"{one.type} → {two.type}")
    if tolerance.types and (one.type, one.dtype) != (two.type, two.dtype):
        return Change(key, "type", f"{_named(one)} → {_named(two)}")
    import hdfchk

    try:
        text = _values(stores, one, two, tolerance)
    except hdfchk.HdfchkError as error:
        return Change(key, "unread", f"cannot be compared: {error}")
    return None if text is None else Change(key, "value", text)


def _named(entry: Any) -> str:
    dtype = str(entry.dtype) if entry.dtype is not None else ""
    return entry.type if not dtype or dtype in entry.type else f"{entry.type} ({dtype})"


def _values(stores: Any, one: Any, two: Any, tolerance: Tolerance) -> str | None:
    large = (one.nbytes or 0) > _BLOCK_BYTES and one.kind == two.kind == "array"
    if large and one.shape == two.shape and one.shape:
        start = 0
        first, second = stores[0].array(one.key), stores[1].array(two.key)
        step = max(1, _BLOCK_BYTES * one.shape[0] // one.nbytes)
        while start < one.shape[0]:
            rows = slice(start, start + step)
            text = difference(first[rows], second[rows], tolerance)
            if text is not None:
                return f"in rows {start} to {min(start + step, one.shape[0]) - 1}: {text}"
            start += step
        return None
    left, right = (
        store.load(entry.key or None) for store, entry in zip(stores, (one, two), strict=True)
    )
    return difference(left, right, tolerance)


def _attributes(
    stores: Any, one: Any, two: Any, key: str, tolerance: Tolerance
) -> Iterator[Change]:
    first, second = attributes_of(stores[0], one), attributes_of(stores[1], two)
    for name in [*first, *(name for name in second if name not in first)]:
        if name not in second or name not in first:
            side = "first" if name in first else "second"
            yield Change(key, "attribute", f"attribute {name!r} is in the {side} alone")
        elif text := difference(first[name], second[name], tolerance):
            yield Change(key, "attribute", f"attribute {name!r}: {text}")

"""``get``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from .arguments import FileCommand, file_argument, force_option, key_argument, slice_option
from .escapes import escaped_lines
from .exits import NO, USAGE, Failure
from .formats import write_value
from .opening import read
from .values import json_line

__all__ = ["get_command", "value_at"]


@click.command("get", cls=FileCommand)
@file_argument
@key_argument(required=True)
@slice_option
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="Write to this file: .npy, .npz, .json, .csv, "
    ".txt or .bin; - for the exact text or bytes on standard output.",
)
@force_option
def get_command(file: str, key: str, index: Any, output: str | None, force: bool) -> None:
    """Print a value, or write it to a file.

    Text is printed as it is, everything else as JSON, which set takes. Control characters are
    printed as escapes; with -o, values are exact.
    """
    if output not in {None, "-"} and os.path.exists(str(output)) and not force:
        raise Failure(f"there is a file already: {output}; use --force to replace it", NO)
    value = value_at(read(file), key, index)
    if output == "-":
        _put_exact(value)
    elif output is not None:
        write_value(output, value)
    elif isinstance(value, str):
        click.echo(escaped_lines(value))
    else:
        click.echo(json_line(value))


def _put_exact(value: Any) -> None:
    if sys.stdout.isatty():
        raise Failure("-o - does not write to a terminal; redirect it, or leave -o out", USAGE)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    elif not isinstance(value, bytes | bytearray):
        value = json_line(value).encode() + b"\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(value)


def value_at(store: Any, key: str | None, index: Any = None) -> Any:
    """Return a value, dicts as plain dicts; with an index, only that part, and only it is read.

    Without a key, or for the empty one, it is the whole file. Values that are not arrays are read
    completely. Rows and columns of pandas go by position,
    not by label; a dict has no positions.

    Raises:
        Failure: the index does not fit.
    """
    if index is None:
        return store.load(key or None)
    import hdfchk

    place = f"(key {key or '/'!r} in {store.checkpoint_file})"
    value: Any = {}
    try:
        if key:
            return store.array(key)[index]
    except hdfchk.UnsupportedStoredError:
        value = store.load(key)
    except (IndexError, TypeError, ValueError) as error:
        raise _not_fitting(error, place) from error
    if isinstance(value, Mapping):
        raise Failure(f"a dict has no elements to slice {place}; name a key", USAGE)
    try:
        value = getattr(value, "iloc", value)
        return value[index[0]] if len(index) == 1 else value[index]
    except Exception as error:  # each library has errors of its own for this
        raise _not_fitting(error, place) from error


def _not_fitting(error: Exception, place: str) -> Failure:
    why = f"there is no {error}" if isinstance(error, KeyError) else str(error)
    return Failure(f"the slice does not fit: {why or type(error).__name__} {place}", USAGE)

"""``export``."""

from __future__ import annotations

import errno
import os
import re
from typing import Any

import click

from .arguments import FileCommand, KeyType, file_argument, force_option
from .console import progress
from .escapes import escaped
from .exits import NO, UNREADABLE, USAGE, Failure, failure_of
from .formats import WRITERS, columns_of, extension_of, write_value
from .opening import read
from .sizes import count_text

__all__ = ["export_command", "file_name"]

_FORMS = (".npz", ".npy", ".json", ".csv")


@click.command("export", cls=FileCommand)
@file_argument
@click.argument("output", type=click.Path(readable=False))
@click.option("-k", "--key", type=KeyType(), help="Export only this key.")
@force_option
def export_command(file: str, output: str, key: str | None, force: bool) -> None:
    """Write values to NumPy, JSON or CSV files, or a folder.

    The extension of OUTPUT says how: .npz (arrays, numbers and text, with key paths for names),
    .npy, .json, .csv (a table: a DataFrame, a dict of columns, an array). Without an extension it
    is a folder: a dict becomes a folder, an array a .npy, a DataFrame a .csv, text a .txt, bytes a
    .bin, all else a .json file. This is for other programs: types that a form lacks are lost. To
    keep everything, use cp.
    """
    form = extension_of(output)
    if output == "-":
        raise Failure("export writes files; for standard output, use: hdfchk get FILE /", USAGE)
    if form and form not in _FORMS and not os.path.isdir(output):
        raise Failure(f"no form is known for {output}; use {', '.join(_FORMS)} or a folder", USAGE)
    store = read(file)
    if form in _FORMS:
        if os.path.exists(output) and not force:
            raise Failure(f"there is a file already: {output}; use --force to replace it", NO)
        with progress("export") as tell:
            value = store.load(key, progress=tell)
        write_value(output, value)
        return
    if os.path.isdir(output) and os.listdir(output) and not force:
        raise Failure(f"the folder is not empty: {output}; use --force to write into it", NO)
    failed = _export_folder(store, key, output)
    for name, error in failed.items():
        failure = error if isinstance(error, Failure) else failure_of(error)
        why = str(error) if failure is None else failure.message
        click.echo(f"hdfchk: left out: {escaped(name)}: {escaped(why)}", err=True)
    if failed:
        left = f"{count_text(len(failed), 'value')} left out"
        raise Failure(f"{left}; the others are in {output}", UNREADABLE)


def _export_folder(store: Any, key: str | None, folder: str) -> dict[str, Exception]:
    """Write each value to a separate file; each is read in its state at that moment.

    Returns:
        The errors of the values that could not be read or written, by key.
    """
    import hdfchk

    failed: dict[str, Exception] = {}
    entries = store.describe(key)
    is_value = [entry.key for entry in entries] == [key] and entries[0].kind != "group"
    base = "" if key is None else f"{key.rpartition('/')[0]}/" if is_value else f"{key}/"
    os.makedirs(folder, exist_ok=True)
    with progress("export") as tell:
        for count, entry in enumerate(entries, 1):
            names = entry.key.removeprefix(base).strip("/").split("/")
            path = os.path.join(folder, *map(file_name, names))
            if entry.kind == "group":
                os.makedirs(path, exist_ok=True)
            else:
                try:
                    _write(path, store.load(entry.key), entry.key)
                except (hdfchk.HdfchkError, OSError, Failure) as error:
                    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                        raise
                    failed[entry.key] = error
            if tell is not None:
                tell(count, len(entries))
    return failed


def _write(path: str, value: Any, key: str) -> None:
    import numpy as np

    if isinstance(value, np.ndarray) and type(value) is np.ndarray and not value.dtype.hasobject:
        form = ".npy"
    elif isinstance(value, str):
        form = ".txt"
    elif isinstance(value, bytes):
        form = ".bin"
    elif type(value).__name__ == "DataFrame" and columns_of(value):
        form = ".csv"
    else:
        form = ".json"
    try:
        write_value(path + form, value)
    except Failure as failure:
        raise Failure(f"{failure.message} (key {key!r})", failure.code) from failure


def file_name(name: str) -> str:
    r"""Return a name of a key as a safe file name, with unsafe characters escaped as ``%XX``.

    Example:
        >>> file_name("a b"), file_name(".."), file_name("x\\y:1%")
        ('a b', '%2E%2E', 'x%5Cy%3A1%25')
    """
    name = re.sub(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|%]|^\.|[. ]$', _encoded, name)
    known = os.path.splitext(name)
    return f"{known[0]}%2E{known[1][1:]}" if known[1].lower() in WRITERS else name


def _encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())

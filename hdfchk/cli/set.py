"""``set``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .arguments import FileCommand, file_argument, force_option, key_argument, wait_option
from .exits import USAGE, Failure
from .formats import extension_of, read_value
from .opening import change, refuse_existing

__all__ = ["set_command"]


@click.command(
    "set",
    cls=FileCommand,
    context_settings={"ignore_unknown_options": True},  # a negative number is a value
    epilog="\b\nExamples:\n"
    "  hdfchk set run.h5 params/steps 500 --force\n"
    "  hdfchk set run.h5 grid '[0.0, 0.5, 1.0]' --array\n"
    "  hdfchk set run.h5 frames @frames.npy",
)
@file_argument
@key_argument(required=True)
@click.argument("value")
@click.option("--str", "as_text", is_flag=True, help="Take VALUE as text, whatever it looks like.")
@click.option("--array", "as_array", is_flag=True, help="Store a list of numbers as an array.")
@force_option
@wait_option
def set_command(
    file: str, key: str, value: str, as_text: bool, as_array: bool, force: bool, wait: float
) -> None:
    """Store a value at a key.

    The file is made if there is none.
    VALUE is JSON, else text. @PATH is what is in a file (.npy, .npz, .json, .csv, .txt, .bin),
    and - what comes on standard input.
    """
    found = _value(value, as_text=as_text)
    if as_array:
        found = _array(found)
    store = change(file, wait, create=True)
    if force:
        store[key] = found
        return
    with store.transaction():
        refuse_existing(store, key, file, force=force)
        store[key] = found


def _value(text: str, *, as_text: bool) -> Any:
    if text.startswith("@") and not as_text:
        if not extension_of(text):
            raise Failure(f"{text!r} names no file with an extension; use --str for text", USAGE)
        return read_value(text[1:])
    if text == "-":
        text = sys.stdin.read()
    if as_text:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError as error:
        raise Failure("VALUE is nested too deeply; use --str for text", USAGE) from error


def _array(value: Any) -> Any:
    import numpy as np

    try:
        array = np.array(value)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "biufcU":
        raise Failure("--array takes a list of numbers, or lists of one length", USAGE)
    return array

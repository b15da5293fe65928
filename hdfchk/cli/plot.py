"""``plot``."""

from __future__ import annotations

import os
import shutil
import sys

import click

from .arguments import FileCommand, file_argument, force_option, key_argument
from .console import can_colour, progress
from .drawing import draw, save_picture
from .exits import NO, Failure
from .opening import read
from .series import to_plot

__all__ = ["plot_command"]


@click.command("plot", cls=FileCommand)
@file_argument
@key_argument(required=True, many=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(readable=False),
    help="Write a picture instead: .png, .svg, .pdf.",
)
@click.option("-x", "x_key", metavar="KEY", help="The key of the positions.")
@click.option("--log", "logarithmic", is_flag=True, help="A logarithmic axis of values.")
@click.option("--width", type=click.IntRange(20), help="In columns; by default the terminal's.")
@click.option("--height", type=click.IntRange(5), help="In lines.")
@force_option
def plot_command(
    file: str,
    keys: tuple[str, ...],
    output: str | None,
    x_key: str | None,
    logarithmic: bool,
    width: int | None,
    height: int | None,
    force: bool,
) -> None:
    """Plot arrays, in the terminal or to a picture.

    Arrays of one axis, columns of narrow arrays and of DataFrames, and the arrays of a dict are
    curves; other arrays of two axes are pictures. Long curves are thinned to the least and largest
    values of each part.
    """
    if output is not None and os.path.exists(output) and not force:
        raise Failure(f"there is a file already: {output}; use --force to replace it", NO)
    store = read(file)
    with progress("read"):
        parts = [part for key in keys for part in to_plot(store, key, over=x_key)]
    title = ", ".join(keys)
    if output is not None:
        save_picture(parts, output, logarithmic=logarithmic, title=title)
        return
    size = shutil.get_terminal_size()
    text = draw(
        parts,
        width or size.columns,
        height or max(10, min(size.lines - 2, 24)),
        colours=can_colour(sys.stdout),
        logarithmic=logarithmic,
        title=title,
    )
    click.echo(text)

"""``info``."""

from __future__ import annotations

import click

from .arguments import FileCommand, file_argument, json_option
from .escapes import escaped_lines
from .exits import UNREADABLE
from .opening import read
from .values import json_line

__all__ = ["info_command"]


@click.command("info", cls=FileCommand)
@file_argument
@json_option
@click.pass_context
def info_command(ctx: click.Context, file: str, as_json: bool) -> None:
    """Show size, free space, journal and writer of a file.

    It does not wait for other processes, nor they for it. The exit code is 3 if the file cannot be
    opened.
    """
    found = read(file).info()
    if as_json:
        import attrs

        click.echo(json_line(attrs.asdict(found)))
    else:
        click.echo(escaped_lines(str(found)))
        if found.is_written and found.readers:
            click.echo("note: while others have it open for reading, the journal grows")
    if found.problem is not None:
        ctx.exit(UNREADABLE)

"""``verify``, ``compact`` and ``recover``."""

from __future__ import annotations

import os
from typing import Literal

import click

from .arguments import FileCommand, file_argument, json_option, wait_option
from .console import progress
from .escapes import escaped, escaped_lines
from .exits import NO, UNREADABLE, Failure, advise
from .opening import change, read
from .sizes import size_text
from .values import json_line

__all__ = ["compact_command", "recover_command", "verify_command"]


@click.command("verify", cls=FileCommand)
@file_argument
@json_option
@click.pass_context
def verify_command(ctx: click.Context, file: str, as_json: bool) -> None:
    """Read all values and report damage.

    The exit code is 1 if something is damaged. What could not be looked at, for example as its
    library is not installed, is listed, and does not count as damage.
    """
    with progress("verify") as tell:
        report = read(file).verify(tell)
    found = [("damaged", report.damaged), ("not read", report.unread)]
    for _, errors in found:
        for error in errors.values():
            advise(error)
    if as_json:
        for what, errors in found:
            for key, error in errors.items():
                click.echo(json_line({"key": key, "state": what, "problem": error.problem}))
        summary = {"whole": len(report.whole)} | {w.replace(" ", "_"): len(e) for w, e in found}
        click.echo(json_line({"file": file, "ok": report.ok} | summary))
    else:
        click.echo(escaped_lines(report.summary(None)))
        if not report.ok:
            click.echo("copy what is whole to a new file with hdfchk.salvage(file, to)")
    if not report.ok:
        ctx.exit(NO)


@click.command("compact", cls=FileCommand)
@file_argument
@click.option(
    "--libver",
    type=click.Choice(["earliest"]),
    help="Write a file that HDF5 1.8 (MATLAB up to R2021a, IDL, LabVIEW) reads.",
)
@wait_option
def compact_command(file: str, libver: Literal["earliest"] | None, wait: float) -> None:
    """Give unused space back to the file system.

    The file is written anew beside the old one, compared with it, and takes its place.
    """
    with progress("compact") as tell:
        count = change(file, wait).compact(tell, libver=libver)
    if count >= 0:
        click.echo(f"{size_text(count)} given back")
    else:
        click.echo(f"the file has grown by {size_text(-count)}")


@click.command("recover", cls=FileCommand)
@file_argument
@click.option(
    "--discard",
    is_flag=True,
    help="Set a journal aside that does not match the file, and leave the file as it is.",
)
@click.option(
    "--into", type=click.Path(readable=False), help="Write file and journal to a new file instead."
)
@wait_option
def recover_command(file: str, discard: bool, into: str | None, wait: float) -> None:
    """Transfer the commits of a killed writer from the journal.

    hdfchk reads such a file as it is, and its next writer does this, too; other HDF5 programs see
    the state of the last checkpoint until then.
    """
    if into is not None and os.path.exists(into):
        raise Failure(f"there is a file already: {into}; name another one", NO)
    with progress("recover") as tell:
        found = change(file, wait).recover(tell, discard=discard, into=into)
    if not found:
        problem = read(file).info().problem
        if problem is not None:
            raise Failure(f"there is nothing to recover, and {problem} (in {file})", UNREADABLE)
        click.echo("there is nothing to recover")
    elif discard:
        click.echo("the journal was set aside")
    else:
        click.echo(f"the journal was written into {escaped(into or file)}")

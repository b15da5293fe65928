"""``browse``."""

from __future__ import annotations

import sys

import click

from .arguments import FileCommand, file_argument, key_argument
from .console import is_terminal
from .exits import INTERRUPTED, USAGE, Failure
from .opening import read

__all__ = ["browse_command"]


@click.command("browse", cls=FileCommand)
@file_argument
@key_argument()
@click.pass_context
def browse_command(ctx: click.Context, file: str, key: str | None) -> None:
    """Browse a file, full screen.

    Left all keys, which unfold; right what is at a key: type, layout, attributes, elements, and
    the curve of numbers. It follows a running job: curves grow with its commits. The file is
    opened for a moment each time, never held. Keys: arrows and Enter, / to find, p for the plot,
    l for a logarithmic axis, r to read again, q to quit.
    """
    read(file)
    try:
        from .browser import Browser
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise Failure(
            "browse needs textual, which is not installed; "
            "install it with: pip install 'hdfchk[tui]'",
            USAGE,
        ) from error
    if not (is_terminal(sys.stdout) and sys.stdin.isatty()):
        raise Failure("browse needs a terminal; see: hdfchk tree", USAGE)
    read(file).describe(key or None, depth=0)  # report errors as one line, before the full screen
    browser = Browser(file, key or None)
    browser.run()
    code = browser.return_code  # None: a SIGINT cancelled it, which asyncio.run did not raise
    ctx.exit(INTERRUPTED if code is None else code)

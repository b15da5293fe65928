"""``view``."""

from __future__ import annotations

import click

from .arguments import FileCommand, file_argument, key_argument
from .exits import USAGE, Failure
from .opening import read

__all__ = ["view_command"]


@click.command("view", cls=FileCommand)
@file_argument
@key_argument()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port; a free one by default."
)
@click.option("--browser/--no-browser", default=True, help="Open a browser, where there is one.")
def view_command(file: str, key: str | None, port: int, browser: bool) -> int:
    """Show a file in the browser.

    It shows the tree, plots, images and tables. The page follows a running job: it shows each
    commit within seconds. The file is opened for a moment for each request, never held, and never
    written. The address, which has a secret in it, is valid on this machine until Ctrl-C; what it
    prints says how to reach it over SSH.
    """
    import hdfchk

    from ..viewer import view
    from .escapes import escaped

    read(file)
    try:
        return view(
            file,
            key=key or None,
            port=port,
            browser=browser,
            say=lambda text: click.echo("\n".join(map(escaped, text.splitlines()))),
        )
    except hdfchk.MissingExtraError as error:
        raise Failure(str(error), USAGE) from error

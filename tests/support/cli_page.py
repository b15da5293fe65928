"""The help of all commands in the docs: ``python -m tests.support.cli_page`` rewrites it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hdfchk.cli.program import COMMANDS, program

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN = "<!-- made by: python -m tests.support.cli_page -->\n"


def helps() -> str:
    """Return the help of the program, and of each command, as blocks of text."""
    top = click.Context(program, info_name="hdfchk", terminal_width=80, **_settings())
    parts = ["## All commands\n", _block(program.get_help(top))]
    for name in COMMANDS:
        command = program.get_command(top, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=top, terminal_width=80)
        parts += [f"### {name}\n", _block(command.get_help(context))]
    return "\n".join(parts)


def _settings() -> dict[str, Any]:
    return {k: v for k, v in program.context_settings.items() if k != "max_content_width"}


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


def page() -> str:
    """Return the page with the present help."""
    written = PAGE.read_text(encoding="utf-8")
    return written[: written.index(BEGIN) + len(BEGIN)] + "\n" + helps()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

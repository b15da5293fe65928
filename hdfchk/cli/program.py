"""The program: its table of commands, which are imported when they are called, and its errors."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from .exits import CLOSED_PIPE, INTERRUPTED, USAGE, Failure, close_quietly, failure_of, for_a_shell

__all__ = ["COMMANDS", "Program", "program", "run"]

COMMANDS = {
    "ls": ("listing", "List the keys of one level."),
    "tree": ("listing", "Show all keys as a tree."),
    "show": ("show", "Show a value: its type, its layout, its elements."),
    "get": ("get", "Print a value, or write it to a file."),
    "set": ("set", "Store a value at a key."),
    "rm": ("edits", "Delete keys."),
    "mv": ("edits", "Move a value to another key of its file."),
    "cp": ("edits", "Copy values, in one file or from file to file."),
    "merge": ("merge", "Merge files into a file, level by level."),
    "diff": ("diff", "Compare two files, by value and type."),
    "export": ("export", "Write values to NumPy, JSON or CSV files, or a folder."),
    "import": ("imports", "Store what is in NumPy, JSON or CSV files, or in a folder of them."),
    "info": ("info", "Show size, free space, journal and writer of a file."),
    "verify": ("upkeep", "Read all values and report damage."),
    "compact": ("upkeep", "Give unused space back to the file system."),
    "recover": ("upkeep", "Transfer the commits of a killed writer from the journal."),
    "plot": ("plot", "Plot arrays, in the terminal or to a picture."),
    "watch": ("watch", "Show what a running job writes."),
    "browse": ("browse", "Browse a file, full screen."),
    "view": ("view", "Show a file in the browser."),
}
"""For each command, its module in this package, and its short help."""


class Program(click.Group):
    """The group of all commands. Its help needs none of their modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in the order of the table."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command by name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Return the names of commands; files if none match: a file alone is shown as a tree."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        found = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found or [CompletionItem(incomplete, type="file")]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; ``tree`` for a file alone."""
        first = args[0]
        if first in COMMANDS:
            return super().resolve_command(ctx, args)
        if os.path.exists(first) or "." in first or os.sep in first:
            return super().resolve_command(ctx, ["tree", *args])
        import difflib

        near = difflib.get_close_matches(first, COMMANDS, 1)
        hint = f"did you mean {near[0]!r}?" if near else "see: hdfchk --help"
        raise click.UsageError(f"there is no command and no file {first!r}; {hint}", ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; errors of hdfchk and the system end it with one line and an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            close_quietly()
            ctx.exit(CLOSED_PIPE)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except click.UsageError as error:
            raise _wrong_usage(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            failure = None if ctx.meta.get("hdfchk.debug") else failure_of(error)
            if failure is None:
                raise
            raise failure from error
        return result


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="FILE alone is short for: tree FILE. Exit codes: 0; 1 no (a difference, damage, no such "
    "key); 2 wrong usage; 3 cannot be read or written; 4 locked; 130 Ctrl-C.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    help="Show the version.",
    callback=lambda ctx, _, value: _show_version(ctx) if value else None,
)
def program() -> None:
    """Show and change HDF5 files: any HDF5 file, also while a job writes it."""


def _show_version(ctx: click.Context) -> None:
    import hdfchk

    click.echo(f"hdfchk {hdfchk.__version__}")
    ctx.exit()


def run(args: Sequence[str] | None) -> int:
    """Run the program, and return its exit code."""
    if "_HDFCHK_COMPLETE" in os.environ:
        from .bash import register

        register()
    shown = warnings.showwarning
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        code = program.main(
            None if args is None else list(args), prog_name="hdfchk", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.UsageError as error:
        _wrong_usage(error).show()
        return USAGE
    except Failure as failure:
        failure.show()
        return failure.code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    finally:
        warnings.showwarning = shown
    return code if isinstance(code, int) else 0


def _wrong_usage(error: click.UsageError) -> Failure:
    """Return the line for an error in the arguments; it names the help to read."""
    text = error.format_message().removesuffix(".")
    hint = f"see: {error.ctx.command_path if error.ctx is not None else 'hdfchk'} --help"
    if hint not in text:
        text += f" {hint.capitalize()}" if text.endswith("?") else f"; {hint}"
    return Failure(text, USAGE)


def _show_warning(message: Warning | str, *place: Any) -> None:
    """Print a warning as one line."""
    from .escapes import escaped

    click.echo(f"hdfchk: warning: {escaped(for_a_shell(str(message)))}", err=True)

"""Arguments and options that commands share: files, keys, places, slices."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

__all__ = [
    "FileCommand",
    "KeyType",
    "Place",
    "PlaceType",
    "SliceType",
    "as_key",
    "file_argument",
    "force_option",
    "json_option",
    "key_argument",
    "slice_option",
    "wait_option",
]

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:  # click before 8.4 has it without parameters
    ParamType = click.ParamType


class FileCommand(click.Command):
    """A command with the option ``--debug``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                help="Show the traceback of an error.",
                callback=_set_debug,
            )
        )


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["hdfchk.debug"] = True


def as_key(text: str | None) -> str | None:
    """Return the key for a text such as ``/a/b``; None for the whole file."""
    return (text or "").strip("/") or None


class KeyType(ParamType):
    """A key of the file given by the argument before it; shells complete it."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the key without leading and trailing slashes."""
        return value.strip("/") if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        """Return the keys of the file that begin with the incomplete text."""
        from .completion import completions

        file = ctx.params.get("file")
        return completions(file, incomplete) if isinstance(file, str) else []


class Place(NamedTuple):
    """A file and a key in it.

    Args:
        file: the path of the file; empty for the file of the place before.
        key: the key; None for the whole file.
    """

    file: str
    key: str | None


class PlaceType(ParamType):
    """``FILE``, ``FILE::KEY``, or ``::KEY`` in the file of the place before."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the place."""
        if isinstance(value, Place):
            return value
        if os.path.exists(value) or "::" not in value:
            return Place(value, None)
        file, _, key = value.rpartition("::")
        return Place(file, as_key(key))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        """Return files, or keys after ``::``."""
        from click.shell_completion import CompletionItem

        from .completion import completions

        if "::" not in incomplete:
            return [CompletionItem(incomplete, type="file")]
        file, _, key = incomplete.rpartition("::")
        given = ctx.params.values()
        before = file or next((place.file for place in given if isinstance(place, Place)), "")
        return [
            CompletionItem(f"{file}::{item.value}", help=item.help)
            for item in completions(before, key)
        ]


class SliceType(ParamType):
    """Slices as NumPy writes them: ``0:10,3``, with or without brackets."""

    name = "slice"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the index."""
        if not isinstance(value, str):
            return value
        text = value.strip().removeprefix("[").removesuffix("]")
        try:
            return tuple(_part(part.strip()) for part in text.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a slice; write one as 0:10,3 or ::2,...,-1", param, ctx)


def _part(text: str) -> Any:
    if text == "...":
        return ...
    if ":" not in text:
        return int(text)
    bounds = [int(bound) if bound.strip() else None for bound in text.split(":")]
    if len(bounds) > 3:
        raise ValueError(text)
    return slice(*bounds)


def file_argument(func: F) -> F:
    """Add the argument ``FILE`` to a command."""
    return click.argument("file", type=click.Path(readable=False))(func)


def key_argument(*, required: bool = False, many: bool = False) -> Callable[[F], F]:
    """Return a decorator that adds the argument ``KEY`` to a command."""
    name, count = ("keys", -1) if many else ("key", 1)
    return click.argument(
        name,
        type=KeyType(),
        required=required,
        nargs=count,
        metavar=(
            ("KEY..." if required else "[KEY]...") if many else "KEY" if required else "[KEY]"
        ),
    )


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line."
)
force_option = click.option("--force", is_flag=True, help="Replace what is there.")
wait_option = click.option(
    "--wait",
    type=float,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another process that has the file open.",
)
slice_option = click.option(
    "-s",
    "--slice",
    "index",
    type=SliceType(),
    metavar="SLICE",
    help="Read only these elements, for example -s 0:10,3.",
)

"""``watch``."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from .arguments import FileCommand, file_argument, json_option, key_argument
from .changes import Stamp, stamp_of
from .console import Line, is_terminal, put_lines
from .describing import as_record, columns, describe, style_of, type_text, value_text
from .drawing import sparkline
from .escapes import escaped
from .exits import USAGE, Failure, message_of
from .opening import MissingFile, read
from .series import is_plottable, numbers
from .values import json_line

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["watch_command"]

_CURVE_POINTS = 240
_MOST_ROWS = 30
_NO_FILE = "there is no file yet"


@click.command("watch", cls=FileCommand)
@file_argument
@key_argument(many=True)
@click.option(
    "--every",
    type=click.FloatRange(0.01),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="The time between two looks.",
)
@click.option(
    "--until", metavar="KEY>=N", help="End when a number, or a number of rows, reaches N."
)
@click.option("--count", type=click.IntRange(1), help="End after this many looks.")
@json_option
def watch_command(
    file: str,
    keys: tuple[str, ...],
    every: float,
    until: str | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show what a running job writes.

    First it shows what is there ("="), then with each commit the keys that are new ("+") and the
    values that have changed ("~"): of an array by how many rows it has grown, its curve and its
    last value. KEYs may be globs. The file is opened for a moment each time, never held. It ends
    with Ctrl-C (exit code 130), or as --until and --count say.
    """
    goal = None if until is None else _Goal(until)
    watch = _Watch(file, keys)
    screen = _Screen() if is_terminal(sys.stdout) and not as_json else None
    looks = 0
    try:
        while True:
            changed = watch.look()
            looks += 1
            if screen is not None:
                screen.show(watch)
            elif as_json:
                for entry in changed:
                    click.echo(json_line({"time": watch.clock} | as_record(entry)))
            else:
                put_lines([watch.line(entry) for entry in changed])
            if screen is None and looks == 1 and (why := watch.waits_for()):
                click.echo(f"hdfchk: {escaped(why)}", err=True)
            sys.stdout.flush()
            if (goal is not None and goal.is_reached(watch.entries)) or looks == count:
                return
            time.sleep(every)
    finally:
        if screen is not None:
            screen.stop()


class _Watch:
    """The state of a file at the last look, and what has changed since the look before.

    Attributes:
        entries: the descriptions at the last look, by key.
        clock: the time of the last look, as text.
    """

    def __init__(self, file: str, keys: tuple[str, ...]) -> None:
        self.entries: dict[str, Description] = {}
        self.clock = ""
        self.file = file
        self.problem = ""
        self._keys = keys
        self._stamp: Stamp | None = None
        self._before: dict[str, Description] = {}
        self._curves: dict[str, str] = {}

    def waits_for(self) -> str:
        """Return why there is nothing to show, perhaps a mistyped name; otherwise ""."""
        if self.entries:
            return ""
        if self.problem:
            return f"waits for the file {self.file}: {self.problem}"
        return f"waits for {'these keys' if self._keys else 'a key'} in {self.file}: it has none"

    def look(self) -> list[Description]:
        """Look again, and return the keys that are new or have changed."""
        self.clock = time.strftime("%H:%M:%S")
        stamp = stamp_of(self.file)
        if stamp == self._stamp:
            return []
        if stamp[0] is None:
            self.problem = _NO_FILE
            return []
        found = self._read()
        if found is None:
            return []
        self._stamp = stamp
        self._before, self.entries = self.entries, found
        return [
            e
            for key, e in found.items()
            if key not in self._before or _differs(e, self._before[key])
        ]

    def _read(self) -> dict[str, Description] | None:
        """Return the present keys; None if the file cannot be read at this moment."""
        import hdfchk

        try:
            store = read(self.file, allowed_keys=list(self._keys) or None)
            found = {e.key: e for e in describe(store, None) if e.kind != "group" or e.length == 0}
            self._curves = {
                key: curve
                for key, e in found.items()
                if e.kind == "array"
                and is_plottable(e)
                and len(e.shape or ()) == 1
                and len(found) <= 200
                and (curve := _curve(store, e, self._curves_of(e)))
            }
        except (MissingFile, FileNotFoundError):  # it went after its stamp was taken
            self.problem = _NO_FILE
            return None
        except (hdfchk.LockedError, hdfchk.CorruptFileError, OSError, Failure) as error:
            if not self.entries:
                raise
            self.problem = message_of(error)
            return None
        self.problem = ""
        return found

    def _curves_of(self, entry: Description) -> str | None:
        """Return the curve of the last look, if the array has not changed."""
        before = self.entries.get(entry.key)
        return (
            self._curves.get(entry.key)
            if before is not None and not _differs(entry, before)
            else None
        )

    def line(self, entry: Description) -> Line:
        """Return a line about a key that has changed."""
        before = self._before.get(entry.key)
        sign = "~" if before is not None else "+" if self._before else "="
        parts = [self.clock, sign, escaped(entry.key), type_text(entry)]
        if before is not None and entry.length is not None and before.length is not None:
            parts.append(f"({entry.length - before.length:+,})")
        parts += [self.detail(entry)]
        return [("  ".join(filter(None, parts)), "")]

    def detail(self, entry: Description) -> str:
        """Return a small value, or the curve of an array."""
        return value_text(entry, 40) or self._curves.get(entry.key, "")

    def rows(self) -> list[Line]:
        """Return a table of the first keys, with those that have changed highlighted."""
        rows = []
        for key, entry in list(self.entries.items())[:_MOST_ROWS]:
            before = self._before.get(key)
            is_new = bool(self._before) and (before is None or _differs(entry, before))
            style = "bold yellow" if is_new else style_of(entry)
            rows.append(
                [(escaped(key), style), (type_text(entry), "dim"), (self.detail(entry), "green")]
            )
        return columns(rows)


def _differs(entry: Description, before: Description) -> bool:
    if entry.has_value and before.has_value:
        return repr(entry.value) != repr(before.value) or entry.type != before.type
    return (entry.type, entry.shape, entry.length, entry.stored, entry.problem) != (
        before.type,
        before.shape,
        before.length,
        before.stored,
        before.problem,
    )


def _curve(store: Any, entry: Description, before: str | None) -> str:
    """Return the end of an array as a line of blocks, and its last value."""
    if before is not None:
        return before
    import hdfchk

    length = (entry.shape or (0,))[0]
    try:
        values = numbers(store.array(entry.key)[max(0, length - _CURVE_POINTS) : length])
    except (hdfchk.UnsupportedStoredError, hdfchk.UnsafeFileError, hdfchk.CheckpointerKeyError):
        return ""
    if not len(values):
        return ""
    return f"{sparkline(values)} {values[-1]:.6g}"


class _Goal:
    """A condition that ends the watch."""

    def __init__(self, text: str) -> None:
        found = re.fullmatch(r"(.+?)\s*>=\s*([-+0-9.eE]+)", text)
        try:
            if found is None:
                raise ValueError(text)
            self._key, self._bound = found[1].strip("/"), float(found[2])
        except ValueError:
            raise Failure(
                f"--until {text!r} is not a condition; write one as step>=500", USAGE
            ) from None

    def is_reached(self, entries: dict[str, Description]) -> bool:
        """Whether the number at the key, or the length of its value, is large enough."""
        entry = entries.get(self._key)
        if entry is None:
            return False
        if entry.has_value and isinstance(entry.value, int | float):
            return bool(entry.value >= self._bound)
        return entry.length is not None and entry.length >= self._bound


class _Screen:
    """A table that is updated in place on the terminal."""

    def __init__(self) -> None:
        from rich.live import Live

        from .console import console

        self._live = Live(console=console(), auto_refresh=False, transient=False)
        self._live.start()

    def show(self, watch: _Watch) -> None:
        """Show the state of a file."""
        from rich.text import Text

        lines = watch.rows()
        more = len(watch.entries) - _MOST_ROWS
        title = f"{watch.clock}  {escaped(os.path.basename(watch.file))}  (Ctrl-C ends)"
        text = Text("\n").join(
            [Text(title, style="dim"), *(Text.assemble(*line) for line in lines)]
            + ([Text(f"… {more:,} more: give their keys", style="dim")] if more > 0 else [])
            + ([Text(escaped(watch.problem), style="red")] if watch.problem else [])
        )
        text.no_wrap, text.overflow = True, "ellipsis"
        self._live.update(text, refresh=True)

    def stop(self) -> None:
        """Stop updating, and leave the table on the terminal."""
        self._live.stop()

"""The code blocks of a page: they are run in order, and their output is compared with the page."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
NOTE = re.compile(r"<!-- (not run|file|needs|library): (.+?) -->", re.DOTALL)
FENCE = re.compile(r"^( *)(`{3,})([^`\n]*)$")
FENCED = re.compile(r"^ *(`{3,}).*?^ *\1$", re.DOTALL | re.MULTILINE)
"""A code block as a whole."""
PROGRAMS = {"python", "sh", "r", "c", "julia", "matlab", "octave"}
"""Languages whose blocks run, are saved, or say why not. Others are data and output."""


@attrs.frozen
class Block:
    """A code block.

    Args:
        language: the first word after the fence.
        text: the code.
        line: the line of the page on which the code begins, from 1.
        reason: why it does not run, from ``<!-- not run: … -->`` before it, or "".
        file: the name under which it is saved and not run, from ``<!-- file: … -->``, or "".
        needs: a command that succeeds where the block can run, from ``<!-- needs: … -->``, or "".
        library: a module that it imports, from ``<!-- library: … -->``, or "".
        shown: its output according to the ``text`` block that follows it, or None.
    """

    language: str
    text: str
    line: int
    reason: str
    file: str
    needs: str
    library: str
    shown: str | None

    @property
    def program(self) -> str:
        """The program or library that it needs, or ""."""
        return shlex.split(self.needs)[0] if self.needs else self.library


def _fenced(text: str) -> Iterator[tuple[str, str, int, str]]:
    """Yield language, code, line, and the text since the previous block, of each fenced block."""
    lines = text.splitlines(keepends=True)
    before: list[str] = []
    at = 0
    while at < len(lines):
        begin = FENCE.match(lines[at].rstrip("\n"))
        if begin is None:
            before.append(lines[at])
            at += 1
            continue
        indent, ticks, language = begin.groups()
        end = next(n for n in range(at + 1, len(lines)) if lines[n].strip() == ticks)
        code = "".join(line.removeprefix(indent) for line in lines[at + 1 : end])
        yield language.strip(), code, at + 2, "".join(before)
        before = []
        at = end + 1


def blocks_of(text: str) -> list[Block]:
    """Return the code blocks of a page, without the ``text`` blocks that show output."""
    found: list[Block] = []
    for language, code, line, before in _fenced(text):
        follows = found and not before.strip()
        if language == "text" and follows and found[-1].shown is None and not found[-1].file:
            found[-1] = attrs.evolve(found[-1], shown=code)
            continue
        # Only notes directly before the block apply to it.
        tail = re.search(r"(?:<!--(?:(?!-->).)*-->\s*)*\Z", before, re.DOTALL)
        notes = dict(NOTE.findall(tail[0] if tail else ""))
        found.append(
            Block(
                language,
                code,
                line,
                notes.get("not run", ""),
                notes.get("file", ""),
                notes.get("needs", ""),
                notes.get("library", ""),
                None,
            )
        )
    return found


class Runner:
    """Runs the blocks of one page in one folder: Python in one namespace, shell code in bash.

    Args:
        page: the page.
        folder: an empty folder, the working directory.
    """

    def __init__(self, page: Path, folder: Path) -> None:
        self._page = page
        self._folder = folder
        self.module = types.ModuleType("__main__")  # as in a script: classes have this module

    def run(self, block: Block) -> None:
        """Run or save a block, and compare its output with the page."""
        if block.reason:
            return
        if block.file:
            (self._folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            self._compare(block, self._python(block))
        elif block.language == "sh":
            self._compare(block, self._shell(block))
        elif block.language == "toml":
            tomllib.loads(block.text)

    def _python(self, block: Block) -> str:
        padded = "\n" * (block.line - 1) + block.text  # tracebacks have the line of the page
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(padded, str(self._page), "exec"), vars(self.module))
        return printed.getvalue()

    def _shell(self, block: Block) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=self._folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # as a terminal shows it
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{self._page}, line {block.line}: {done.stdout}"
        return done.stdout

    def _compare(self, block: Block, printed: str) -> None:
        place = f"{self._page}, line {block.line}"
        printed = _clean(printed)
        if block.shown is None:
            assert not printed, f"{place}: the page does not show that this prints\n{printed}"
            return
        same = doctest.OutputChecker().check_output(_clean(block.shown), printed, doctest.ELLIPSIS)
        assert same, f"{place}: the page shows\n{block.shown}\nit prints\n{printed}"


def _clean(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


def environment() -> dict[str, str]:
    """Return the environment of shell blocks: this Python first, and this tree's package."""
    own = os.path.dirname(sys.executable)
    path = os.pathsep.join([own, os.environ.get("PATH", "")])
    # Variables that this user has set for Python, such as unbuffered output, must have no effect.
    others = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return others | {
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "100",
    }


def can_run(needs: str) -> bool:
    """Whether the command that a block needs succeeds."""
    try:
        done = subprocess.run(shlex.split(needs), capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0

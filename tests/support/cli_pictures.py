"""The pictures of the command in the docs: ``python -m tests.support.cli_pictures`` draws them."""

from __future__ import annotations

import asyncio
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from hdfchk import HDF5Checkpointer
from hdfchk.cli import console as cli_console
from hdfchk.cli.browser import Browser
from hdfchk.cli.program import program

DOCS = Path(__file__).parents[2] / "docs"


def make(path: Path) -> None:
    """Create a file such as a run writes."""
    steps = np.arange(300)
    chk = HDF5Checkpointer(path)
    chk.update(
        {
            "params": {"steps": 300, "method": "euler", "tol": 1e-8, "restart": None},
            "loss": np.exp(-steps / 60) + np.random.default_rng(0).normal(0, 0.01, 300),
            "accuracy": 1 - np.exp(-steps / 40),
            "started": np.datetime64("2026-11-26T22:15", "m").item(),
            "labels": ["train", "test"],
        }
    )
    chk.put("frames", np.zeros((300, 50, 3), "f4"), compression="gzip")
    chk.array("loss").attrs["units"] = "hartree"


def tree(path: Path) -> str:
    """Return the output of ``tree`` as SVG."""
    recorded = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
    with _replaced(recorded):
        program.main(["tree", str(path), "--attrs"], standalone_mode=False)
    return recorded.export_svg(title=f"hdfchk tree {path} --attrs")


class _replaced:  # noqa: N801  a context
    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> None:
        self._before: Any = cli_console.console, cli_console.is_terminal
        cli_console.console = lambda: self._console
        cli_console.is_terminal = lambda stream: True

    def __exit__(self, *error: object) -> None:
        cli_console.console, cli_console.is_terminal = self._before


async def browse(path: Path) -> str:
    """Return the screen of ``browse`` as SVG."""
    app = Browser(path.name, "loss")
    async with app.run_test(size=(110, 30)) as pilot:
        for part in ("facts", "plot", "elements"):
            while not str(app.query_one(f"#{part}").render()):
                await pilot.pause(0.1)
        await pilot.pause()
        return app.export_screenshot(title=f"hdfchk browse {path} loss")


def pictures() -> dict[str, str]:
    """Return all pictures by name, without remote fonts. The working directory must be empty."""
    path = Path("run.h5")
    make(path)
    made = {"cli-tree.svg": tree(path), "cli-browse.svg": asyncio.run(browse(path))}
    return {
        name: re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
        for name, picture in made.items()
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, picture in pictures().items():
            (DOCS / name).write_text(picture, encoding="utf-8")
        os.chdir(DOCS)

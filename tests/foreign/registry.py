"""The corpus: functions that make one small file each, by name."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

BUILDERS: dict[str, Callable[[str], None]] = {}
"""The name of a file of the corpus, ``family/what``, and what makes it at a path."""
HELPERS = {"__init__", "__main__", "registry", "making", "reading", "describe", "compare"}
HELPERS |= {"edits", "driver", "known", "values"}


def foreign(name: str, **options: Any) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register a function that fills a new file.

    Args:
        name: of the file.
        options: with which h5py makes the file (`libver`, `userblock_size`, `track_order`, …).
    """

    def register(fill: Callable[[Any], None]) -> Callable[[Any], None]:
        def build(path: str) -> None:
            with h5py.File(path, "w", **options) as file:
                fill(file)

        return _add(name, build, fill)

    return register


def foreign_path(name: str) -> Callable[[Callable[[str], None]], Callable[[str], None]]:
    """Register a function that makes a file, and what is beside it, at a path."""

    def register(build: Callable[[str], None]) -> Callable[[str], None]:
        return _add(name, build, build)

    return register


def _add(name: str, build: Callable[[str], None], made_by: Any) -> Any:
    assert name not in BUILDERS, name
    BUILDERS[name] = build
    return made_by


def names() -> list[str]:
    """The names of all files of the corpus."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in HELPERS and not path.stem.startswith("test_"):
            importlib.import_module(f"{__package__}.{path.stem}")
    return list(BUILDERS)


def build(name: str, folder: str) -> str:
    """Make one file of the corpus in a folder of its own below `folder`; its path."""
    names()
    place = os.path.join(folder, name.replace("/", "-"))
    os.makedirs(place)
    path = os.path.join(place, "file.h5")
    BUILDERS[name](path)
    return path

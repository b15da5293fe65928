"""What a store, a fresh reader, and whoever finds the files after a kill see: one state."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from hdfchk import HDF5Checkpointer, HdfchkError, HdfchkWarning
from tests.support.exact import differs

ALLOWED = (OSError, HdfchkError)
"""What a call may raise when the system fails."""
TRIES = 5
"""An error of the past is told once, by the next call; up to four calls fail in a row."""


def again(work: Callable[[], Any]) -> Any:
    """Do something that may first tell of errors that came before it."""
    for left in reversed(range(TRIES)):
        try:
            return work()
        except ALLOWED:
            if not left:
                raise
    return None


def view(path: Any, **options: Any) -> dict[str, Any]:
    """What a fresh reader sees."""
    return HDF5Checkpointer(path, mode="r", **options).load()


def copied(path: Path, folder: Path) -> Path:
    """A copy of all files in the folder of a store, as a kill would leave them: its path there."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(path.parent, folder)
    return folder / path.name


def after_a_kill(path: Path, folder: Path) -> dict[str, Any]:
    """What a reader and then a writer find in a copy of the files; they must find the same."""
    copy = copied(path, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HdfchkWarning)
        read = view(copy)
        with HDF5Checkpointer(copy) as chk:
            chk["written by who came after"] = 1
            del chk["written by who came after"]
            found = chk.load()
    assert differs(read, found) is None, differs(read, found)
    with h5py.File(copy, "r") as file:
        assert set(file) == set(found)
    return found


def agreed(chk: Any, path: Path, *allowed: dict[str, Any]) -> dict[str, Any]:
    """The state that store, reader and a killed store's finder see, which is one of these."""
    found = again(chk.load)
    assert any(differs(state, found) is None for state in allowed), (
        "no allowed state",
        [differs(state, found) for state in allowed],
    )
    # The calls of this look may be among those that fail.
    reader = again(lambda: view(path)) if path.exists() else {}
    assert differs(found, reader) is None, ("store and reader", differs(found, reader))
    if path.exists():
        image = after_a_kill(path, path.parent.parent / "image")
        assert differs(found, image) is None, ("store and image", differs(found, image))
    return found


def is_clean(path: Path, state: dict[str, Any]) -> None:
    """A file at rest holds a state, alone, for every program."""
    HDF5Checkpointer(path)["the next write"] = 1
    del HDF5Checkpointer(path)["the next write"]
    found = view(path)
    assert differs(state, found) is None, differs(state, found)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with h5py.File(path, "r") as file:
        assert set(file) == set(state)

"""Errors as one line: their advice is for a shell."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from hdfchk import LockedError
from hdfchk.cli.exits import Failure, failure_of, message_of
from tests.support.command import invoke


@pytest.mark.parametrize("command", [["get"], ["show"], ["ls"], ["rm"], ["plot"], ["export"]])
def test_no_such_key(demo: Path, command: list[str]) -> None:
    """It says how to see what there is, not which method to call."""
    more = ["-k", "nope"] if command == ["export"] else ["nope"]
    output = [demo.parent / "out.json"] if command == ["export"] else []
    result = invoke(*command, demo, *output, *more)
    assert result.code == 1 and "no such key" in result.err
    assert "hdfchk ls" in result.err and "keys()" not in result.err and "=True" not in result.err


def test_locked() -> None:
    """The option that waits longer is named as it is here."""
    error = LockedError("it is being written", file="x.h5", hint="wait, or raise lock_timeout")
    failure = failure_of(error)
    assert failure is not None and failure.code == 4
    assert "--wait" in failure.message and "lock_timeout" not in failure.message


def test_messages() -> None:
    """Programs that go on after an error show what a command would end with."""
    error = LockedError("it is being written", file="x.h5", hint="wait, or raise lock_timeout")
    assert "--wait" in message_of(error)
    assert message_of(FileNotFoundError(2, "gone", "x.h5")) == "no such file or folder: x.h5"
    assert message_of(Failure("no such file: x.h5", 3)) == "no such file: x.h5"
    assert message_of(ValueError("another")) == "another"


def test_links_to_other_files(tmp_path: Path) -> None:
    """There is no option that trusts a file."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "/x")
    result = invoke("get", tmp_path / "a.h5", "x")
    assert result.code == 3 and "open that file" in result.err and "trust=" not in result.err


def test_missing_folder(demo: Path) -> None:
    """It is named, and the file that was asked for, not the one that is written first."""
    folder = demo.parent / "none"
    result = invoke("get", demo, "tol", "-o", folder / "x.json")
    assert result.code == 3 and f"no such folder: {folder}, for {folder / 'x.json'};" in result.err


@pytest.mark.parametrize("command", ["ls", "tree", "show", "get", "plot", "rm", "cp", "diff"])
def test_a_mistyped_key(demo: Path, command: str) -> None:
    """The nearest key is named."""
    args = {"cp": [f"{demo}::stpes", "::x"], "diff": [f"{demo}::stpes", demo]}
    result = invoke(command, *args.get(command, [demo, "stpes"]))
    assert result.code == 1 and "did you mean 'steps'?" in result.err and str(demo) in result.err

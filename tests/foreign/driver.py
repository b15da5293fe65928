"""All edits on one file, each in a child process that may die, and what came of it.

A file that HDF5 itself cannot read is only looked at: hdfchk must tell that by an error of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hdfchk import HDF5Checkpointer, HdfchkError, HdfchkWarning

from .describe import FAILS
from .edits import Run

ROOT = Path(__file__).parents[2]
LOOK = "look"
"""Not an edit: the file is described by plain HDF5, and nothing else is done."""


class Result:
    """What came of one file.

    Args:
        path: the file.

    Attributes:
        counts: the name of an edit -> how many steps were done, were refused, and how many faults.
        faults: edit, key and what is not as it should be.
        note: why it was not edited.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.counts: dict[str, tuple[int, int, int]] = {}
        self.faults: list[tuple[str, str, str]] = []
        self.note = ""

    def take(self, line: dict[str, Any]) -> None:
        """Take what a child says of one edit."""
        if "note" in line:
            self.note = line["note"]
        faults = line.get("faults", [])
        self.faults += [(line["edit"], key, what) for key, what in faults]
        if "done" in line:
            self.counts[line["edit"]] = (line["done"], line["refused"], len(faults))


def examine(path: str, edits: list[str], most: int, *, alone: bool) -> Iterator[dict[str, Any]]:
    """Do edits one by one, each on a copy of its own, in this process.

    Args:
        path: the file, which is left alone.
        edits: their names.
        most: how many keys each tries.
        alone: what is beside the file is not copied.

    Yields:
        What came of each, for `Result.take`.
    """
    warnings.simplefilter("error", HdfchkWarning)
    with tempfile.TemporaryDirectory(prefix="hdfchk-foreign-") as folder:
        for edit in edits:
            yield {"edit": edit}
            try:
                run = Run(path, os.path.join(folder, edit), edit, most, alone=alone)
            except FAILS as error:
                yield {**_damaged(path), "note": f"HDF5 cannot read it: {str(error)[:80]}"}
                return
            if edit != LOOK:
                run.run()
                faults = [(fault.key, fault.what) for fault in run.faults]
                yield {"edit": edit, "done": run.done, "refused": run.refused, "faults": faults}


def _damaged(path: str) -> dict[str, Any]:
    """Read what HDF5 cannot: it has to be an error of ours."""
    chk, faults = HDF5Checkpointer(path, mode="r"), []
    for name, look in (
        ("keys()", lambda: list(chk)),
        ("load()", chk.load),
        ("verify()", chk.verify),
    ):
        try:
            look()
        except HdfchkError:
            continue
        except Exception as error:
            faults.append(("/", f"{name} raises {type(error).__name__}: {error}"))
    return {"edit": "read", "faults": faults}


def in_child(
    path: str, edits: list[str], most: int, seconds: float, *, alone: bool = True
) -> Result:
    """Do edits in a child process, which may die of what is in the file.

    Args:
        path: the file.
        edits: their names.
        most: how many keys each tries.
        seconds: how long it may take.
        alone: what is beside the file is not copied.
    """
    result = Result(path)
    last, end = _run(result, path, edits, most, seconds, alone=alone)
    if end and last != LOOK:
        _, plain = _run(result, path, [LOOK], most, seconds, alone=alone)
        if plain:
            result.note = f"HDF5 itself: {plain}"
        else:
            result.faults.append((last, "/", end))
    return result


def _run(
    result: Result, path: str, edits: list[str], most: int, seconds: float, *, alone: bool
) -> tuple[str, str]:
    """Run one child; the last edit that it began, and how it ended if it was not to."""
    task = json.dumps({"path": os.path.abspath(path), "edits": edits, "most": most, "alone": alone})
    command = [sys.executable, "-m", __package__, "--child", task]
    end = ""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        out = done.stdout
        if done.returncode:
            tail = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            end = f"the process ended with {done.returncode} {' '.join(tail)[:200]}"
    except subprocess.TimeoutExpired as error:
        out, end = error.stdout or b"", f"it took more than {seconds:g} seconds"
    last = edits[0]
    for line in out.decode(errors="replace").splitlines():
        try:
            told = json.loads(line)
        except ValueError:  # it was cut off, or is HDF5's
            continue
        last = told["edit"]
        result.take(told)
    return last, end


def child(task: str) -> None:
    """What a child process does: edit one file, and tell a line of JSON for each edit."""
    options = json.loads(task)
    told = examine(options["path"], options["edits"], options["most"], alone=options["alone"])
    for line in told:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def is_hdf5(path: str) -> bool:
    """Whether HDF5's signature is where it can be: at 0, 512, and each power of two beyond."""
    try:
        size, place = os.path.getsize(path), 0
        with open(path, "rb") as stream:
            while place + 8 <= size:
                stream.seek(place)
                if stream.read(8) == b"\x89HDF\r\n\x1a\n":
                    return True
                place = max(512, 2 * place)
    except OSError:
        return False
    return False


def files_below(folder: str) -> list[str]:
    """The HDF5 files in a folder and all below it; symbolic links are not followed."""
    found = []
    for place, _, names in sorted(os.walk(folder)):
        paths = [os.path.join(place, name) for name in sorted(names)]
        found += [one for one in paths if not os.path.islink(one) and is_hdf5(one)]
    return found


def table(results: list[Result], base: str, edits: list[str]) -> list[str]:
    """The lines of a table: a file a line, for each edit what was done, refused, and wrong."""
    names = [os.path.relpath(result.path, base) for result in results]
    wide = max([4, *map(len, names)])
    lines = [f"{'file':{wide}} " + " ".join(f"{edit:>11}" for edit in edits)]
    for name, result in zip(names, results, strict=True):
        cells = [f"{_cell(result.counts.get(edit)):>11}" for edit in edits]
        lines.append(f"{name:{wide}} " + " ".join(cells) + f"  {result.note}".rstrip())
    sums = [
        tuple(sum(result.counts.get(edit, (0, 0, 0))[i] for result in results) for i in range(3))
        for edit in edits
    ]
    lines.append(f"{'all':{wide}} " + " ".join(f"{_cell(one):>11}" for one in sums))
    return lines


def _cell(counts: Any) -> str:
    if counts is None:
        return "·"
    done, refused, faults = counts
    return f"{done}" + (f" -{refused}" if refused else "") + (f" !{faults}" if faults else "")

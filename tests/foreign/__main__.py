"""``python -m tests.foreign [FOLDER]``: edit copies of HDF5 files, and compare all that is in them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from .driver import LOOK, Result, child, files_below, in_child, table
from .edits import EDITS
from .registry import build, names


def options() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.foreign", description=__doc__)
    parser.add_argument("folder", nargs="?", help="of real files; without it, the corpus")
    parser.add_argument("--edit", action="append", choices=list(EDITS), help="only this (again)")
    parser.add_argument("--only", default="", help="files whose path contains this")
    parser.add_argument("--most", type=int, default=25, help="keys that each edit tries")
    parser.add_argument("--seconds", type=float, default=300, help="for a file")
    parser.add_argument("--largest", type=float, default=200, help="MB of a file that is tried")
    parser.add_argument("--jobs", type=int, default=1, help="files at once")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Do it; 1 if there is a fault."""
    args = options()
    if args.child is not None:
        child(args.child)
        return 0
    with tempfile.TemporaryDirectory(prefix="hdfchk-corpus-") as folder:
        if args.folder is None:
            base = folder
            paths = [build(name, folder) for name in names() if args.only in name]
        else:
            base = args.folder
            paths = [path for path in files_below(base) if args.only in path]
        edits = args.edit or list(EDITS)
        with ThreadPoolExecutor(args.jobs) as pool:
            results = list(pool.map(lambda path: _one(path, edits, args), paths))
    return _report(results, base, edits)


def _one(path: str, edits: list[str], args: argparse.Namespace) -> Result:
    if os.path.getsize(path) > args.largest * 1e6:
        result = Result(path)
        result.note = "left out: it is too large"
    else:
        alone = args.folder is not None
        result = in_child(path, edits, args.most, args.seconds, alone=alone)
    if sys.stderr.isatty():
        sys.stderr.write(f"{path}: {len(result.faults)} faults {result.note}\n")
    return result


def _report(results: list[Result], base: str, edits: list[str]) -> int:
    lines = table(results, base, [edit for edit in edits if edit != LOOK])
    found = [
        f"{os.path.relpath(result.path, base)}: {edit} {key}: {what}"
        for result in results
        for edit, key, what in result.faults
    ]
    lines += ["", f"{len(found)} faults in {len(results)} files", *found]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""The cost of the command: ``python -m benchmarks.command`` prints ratios of processor time.

The programs of each pair take turns in one run, and the minimum counts: other load on the machine
affects both. Modules are compiled beforehand.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hdfchk import HDF5Checkpointer
from hdfchk.cli.program import COMMANDS

H5PY = """
import sys, h5py
with h5py.File(sys.argv[1], "r") as file:
    for name in file:
        print(name, file.get(name, getclass=True).__name__)
"""
"""A typical script that lists the keys of a file."""

WALK = """
import sys, h5py
from h5py import h5, h5a, h5d, h5f, h5g, h5o, h5s, h5t
lines = []
root = h5g.open(h5f.open(sys.argv[1].encode(), h5f.ACC_RDONLY), b"/")
for name in root:
    found = h5o.open(root, name)
    if isinstance(found, h5d.DatasetID):
        lines.append(f"{name.decode()} {found.shape} {found.dtype} {h5a.get_num_attrs(found)}")
    else:
        lines.append(f"{name.decode()} {len(found)}")
print("\\n".join(lines))
"""
"""The same with h5py's low-level API, with type, shape and number of attributes of each key."""


def click_program() -> str:
    """Return a bare click program with as many commands as hdfchk."""
    commands = "\n".join(
        f"@program.command({name!r}, short_help={text!r})\n@click.argument('file')\n"
        f"def c{number}(file): ...\n"
        for number, (name, (_, text)) in enumerate(COMMANDS.items())
    )
    return f"import click\n@click.group()\ndef program(): ...\n{commands}\nprogram()"


def cost(command: list[str]) -> float:
    """Return the processor time of a process in seconds."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} has failed")
    return usage.ru_utime + usage.ru_stime


def compare(what: str, ours: list[str], theirs: list[str], goal: float, rounds: int) -> None:
    """Print the ratio of two commands."""
    least = [1e9, 1e9]
    for number in range(rounds + 1):
        for which, command in enumerate((ours, theirs)):
            seconds = cost(command)
            if number:  # the first round compiles
                least[which] = min(least[which], seconds)
    ratio = least[0] / least[1]
    print(
        f"{what:<38} {least[0] * 1e3:6.0f} ms / {least[1] * 1e3:6.0f} ms = {ratio:.2f}"
        f"  (goal {goal})"
    )


def main() -> None:
    """Print all ratios."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    ours = [sys.executable, "-m", "hdfchk"]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(folder, "compiled")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        scripts = {"h5py": H5PY, "walk": WALK, "click": click_program()}
        for name, text in scripts.items():
            Path(folder, f"with_{name}.py").write_text(text, encoding="utf-8")
        theirs = {
            name: [sys.executable, os.path.join(folder, f"with_{name}.py")] for name in scripts
        }
        few, many = os.path.join(folder, "few.h5"), os.path.join(folder, "many.h5")
        HDF5Checkpointer(few).update({"steps": 500, "tol": 1e-8, "params": {"a": 1}})
        HDF5Checkpointer(many).update({f"key{number}": float(number) for number in range(10_000)})
        for what, own, other, goal in (
            ("hdfchk ls, to a script of h5py", ["ls", few], [*theirs["h5py"], few], 1.3),
            ("hdfchk --help, to bare click", ["--help"], [*theirs["click"], "--help"], 1.25),
            ("hdfchk ls of 10,000 keys, to a walk", ["ls", many], [*theirs["walk"], many], 1.5),
        ):
            compare(what, [*ours, *own], other, goal, rounds)


if __name__ == "__main__":
    main()

"""The readers, and how each is found: programs on the PATH, libraries in an interpreter.

``READERS_PYTHON`` names another interpreter for the Python libraries than the one that runs the command,
``NODE_PATH`` the ``node_modules`` that has h5wasm.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs

from . import programs
from .batches import environment, run_batch
from .reports import Job, Report

HERE = Path(__file__).parent
SCRIPTS = HERE / "scripts"


@attrs.frozen
class Reader:
    """A tool that reads HDF5 files.

    Args:
        name: its column.
        version: gives its version, and that of the library below it; "" where it is not installed.
        read: reads all jobs.
        programs: what it runs.
    """

    name: str
    version: Callable[[], str]
    read: Callable[[list[Job]], dict[int, Report]]
    programs: tuple[str, ...] = ()


def interpreter() -> str:
    """The Python that has the libraries."""
    return os.environ.get("READERS_PYTHON") or sys.executable


def _output(*command: str) -> str:
    """What a command prints, or "" if it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=False, env=environment()
    )
    return " ".join(done.stdout.split()) if done.returncode == 0 else ""


def _number(*command: str) -> str:
    """The version number in what a command prints, be it as a complaint."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout or done.stderr)
    return found[0] if found else ""


def python(name: str, below: str, column: str = "") -> Reader:
    """A reader that is a Python library.

    Args:
        name: of the library.
        below: an expression for the versions of what it stands on, with the library as ``it``.
        column: its name in the table, if it is another one.
    """

    def version() -> str:
        return _output(
            interpreter(), "-W", "ignore", "-c",
            f"import {name} as it\nfrom importlib.metadata import version\n"
            f"print(version({name!r}), {below})",
        )  # fmt: skip

    def read(jobs: list[Job]) -> dict[int, Report]:
        command = [interpreter(), "-P", str(HERE / "child.py"), name]
        return run_batch(lambda path: [*command, path], jobs)

    return Reader(column or name, version, read)


def program(name: str, kind: type[programs.Program], *asked: str) -> Reader:
    """A reader that is a program."""
    return Reader(name, lambda: _number(*asked), lambda jobs: kind().reports(jobs), kind.needs)


def _r(name: str) -> Reader:
    def version() -> str:
        return _output("Rscript", "-e", f'cat(as.character(packageVersion("{name}")))')

    command = ["Rscript", str(SCRIPTS / "read.R"), name]
    return Reader(
        name, version, lambda jobs: run_batch(lambda path: [*command, path], jobs), ("Rscript",)
    )


def _octave() -> Reader:
    command = ["octave-cli", "--no-history", "--no-init-file", "--quiet", str(SCRIPTS / "read.m")]
    return Reader(
        "Octave",
        lambda: _number("octave-cli", "--version"),
        lambda jobs: run_batch(lambda path: [*command, path], jobs),
        ("octave-cli",),
    )


def _h5wasm() -> Reader:
    command = ["node", str(SCRIPTS / "read.cjs")]
    return Reader(
        "h5wasm",
        lambda: _output("node", str(SCRIPTS / "h5wasm.cjs")),
        lambda jobs: run_batch(lambda path: [*command, path], jobs),
        ("node",),
    )


_HDF5 = "'(HDF5 ' + {} + ')'"

READERS: list[Reader] = [
    python("h5py", _HDF5.format("it.version.hdf5_version")),
    python("hdf5plugin", "'(with h5py)'", "h5py, hdf5plugin"),
    python(
        "netCDF4",
        "'(netCDF-C ' + it.getlibversion().split()[0] + ', HDF5 ' + it.__hdf5libversion__ + ')'",
    ),
    python("xarray", "'(with netCDF4)'"),
    python("h5netcdf", "'(with h5py)'"),
    python("tables", _HDF5.format("it.hdf5_version"), "PyTables"),
    python("pyfive", "''"),
    _h5wasm(),
    program("h5dump", programs.H5dump, "h5dump", "--version"),
    program("h5repack", programs.H5repack, "h5repack", "--version"),
    program("ncdump", programs.Ncdump, "ncdump"),
    _r("rhdf5"),
    _r("hdf5r"),
    _octave(),
]


def present(names: list[str] | None = None) -> list[tuple[Reader, str]]:
    """The readers that are there, each with its version.

    Args:
        names: only these.

    Raises:
        LookupError: one that was named is unknown, or not installed.
    """
    known = {reader.name for reader in READERS}
    if names and set(names) - known:
        raise LookupError(f"no reader {sorted(set(names) - known)}: there are {sorted(known)}")
    found = []
    for reader in READERS:
        if names and reader.name not in names:
            continue
        version = reader.version()
        if version:
            found.append((reader, version))
        elif names:
            raise LookupError(f"{reader.name} is not installed")
    return found
